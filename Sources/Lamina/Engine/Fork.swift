import CLinux
import Glibc

/// What keeps a program usable that forks while its sockets are open.
///
/// Before a fork every lock is taken, so that the child finds nothing half done. In the child, which has one thread, the
/// requests that the parent's threads wait for are forgotten, engines begin anew with descriptors of their own, and
/// sockets of a chain that can't be shared answer ESTALE.
enum Fork {
    // Guarded by the mutex, which is held all through a fork.
    nonisolated(unsafe) private static var locks: [UnsafeMutablePointer<pthread_mutex_t>] = []
    nonisolated(unsafe) private static var held: [UnsafeMutablePointer<pthread_mutex_t>] = []
    nonisolated(unsafe) private static let mutex: UnsafeMutablePointer<pthread_mutex_t> = {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        return mutex
    }()

    /// Begins to watch for forks. Done once, before the first socket.
    static let start: Void = {
        _ = clinux_at_fork({ Fork.prepare() }, { Fork.release() }, { Fork.begin() })
    }()

    /// Takes `lock` before every fork, until `remove`.
    static func add(_ lock: UnsafeMutablePointer<pthread_mutex_t>) {
        pthread_mutex_lock(mutex)
        locks.append(lock)
        pthread_mutex_unlock(mutex)
    }

    static func remove(_ lock: UnsafeMutablePointer<pthread_mutex_t>) {
        pthread_mutex_lock(mutex)
        locks.removeAll { $0 == lock }
        pthread_mutex_unlock(mutex)
    }

    private static func prepare() {
        pthread_mutex_lock(mutex)
        // In whatever order others take them: what can't be had at once is given back. A thread that forks inside a
        // lock of its own doesn't get that one, and goes on without.
        for _ in 0..<1000 {
            held = []
            for lock in locks where pthread_mutex_trylock(lock) == 0 { held.append(lock) }
            if held.count == locks.count { return }
            for lock in held { pthread_mutex_unlock(lock) }
            sched_yield()
        }
        held = []
        for lock in locks where pthread_mutex_trylock(lock) == 0 { held.append(lock) }
    }

    private static func release() {
        for lock in held { pthread_mutex_unlock(lock) }
        held = []
        pthread_mutex_unlock(mutex)
    }

    /// The child begins.
    private static func begin() {
        for lock in locks { pthread_mutex_init(lock, nil) }
        held = []
        pthread_mutex_init(mutex, nil)
        Threads.beginChild()
        Waiter.beginChild()
        Engine.beginChild()
        ColumnPool.beginChild()
    }
}
