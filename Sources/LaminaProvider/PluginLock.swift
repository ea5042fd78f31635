import CLinux
import Glibc

/// A lock for state that all sockets of a plug-in share. It lives for good. It is taken before a fork, so that the child
/// finds nothing half done; there it is free, and what it guards is as `renewed` leaves it.
public final class PluginLock: @unchecked Sendable {
    // Both are guarded by the mutex beside them, which is held all through a fork.
    nonisolated(unsafe) private static var all: [PluginLock] = []
    nonisolated(unsafe) private static var held: [PluginLock] = []
    nonisolated(unsafe) private static let guardian: UnsafeMutablePointer<pthread_mutex_t> = {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        _ = clinux_at_fork(
            { PluginLock.prepare() },
            { PluginLock.release() },
            {
                pthread_mutex_init(PluginLock.guardian, nil)
                PluginLock.held = []
                for lock in PluginLock.all { lock.beginChild() }
            }
        )
        return mutex
    }()

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let renewed: () -> Void

    /// A free lock. `renewed` runs in every child process, before it has a second thread.
    public init(renewed: @escaping () -> Void) {
        self.renewed = renewed
        pthread_mutex_init(mutex, nil)
        pthread_mutex_lock(Self.guardian)
        Self.all.append(self)
        pthread_mutex_unlock(Self.guardian)
    }

    /// In whatever order others take them: what can't be had at once is given back. A thread that forks inside a lock
    /// goes on without that one.
    private static func prepare() {
        pthread_mutex_lock(guardian)
        for attempt in 1...1000 {
            held = all.filter { pthread_mutex_trylock($0.mutex) == 0 }
            if held.count == all.count || attempt == 1000 { return }
            for lock in held { pthread_mutex_unlock(lock.mutex) }
            sched_yield()
        }
    }

    private static func release() {
        for lock in held { pthread_mutex_unlock(lock.mutex) }
        held = []
        pthread_mutex_unlock(guardian)
    }

    private func beginChild() {
        pthread_mutex_init(mutex, nil)
        renewed()
    }

    /// Runs `body` while other threads wait.
    public func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

/// How often the process has forked since the plug-in was loaded, in its own line of ancestors: what was made in
/// another epoch is the parent's.
enum ForkEpoch {
    // Changed in a child process before it has a second thread.
    nonisolated(unsafe) private(set) static var current: UInt32 = 0
    private static let lock = PluginLock { current += 1 }

    /// Makes the process watch for forks.
    static func start() { _ = lock }

    /// Runs `body` if `epoch` isn't the current one, by one thread at a time, and brings it up to date.
    static func renew(_ epoch: UnsafeMutablePointer<UInt32>, _ body: () -> Void) {
        lock.locked {
            guard epoch.pointee != current else { return }
            body()
            epoch.pointee = current
        }
    }
}
