import CLinux
import Glibc

/// A lock for state that all sockets of a plug-in share. It lives for good. A child process, where the thread that held
/// it may be gone, finds it free, and what it guards as `renewed` leaves it.
public final class PluginLock: @unchecked Sendable {
    // `all` is guarded by the mutex beside it, which no child needs: it has one thread when `all` is read.
    nonisolated(unsafe) private static var all: [PluginLock] = []
    nonisolated(unsafe) private static let guardian: UnsafeMutablePointer<pthread_mutex_t> = {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        _ = clinux_at_fork(nil, nil) {
            pthread_mutex_init(PluginLock.guardian, nil)
            for lock in PluginLock.all { lock.beginChild() }
        }
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
