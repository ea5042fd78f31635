import CLinux

/// A lock for state that all sockets of a plug-in share. It lives for good. It is taken before a fork, so that the child
/// finds nothing half done; there it is free, and what it guards is as `renewed` leaves it.
public final class PluginLock: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<clinux_fork_lock>.allocate(capacity: 1)
    private let renewed: () -> Void

    /// A free lock. `renewed` runs in every child process, before it has a second thread.
    public init(renewed: @escaping () -> Void) {
        self.renewed = renewed
        clinux_fork_lock_begin(lock, Self.renew, Unmanaged.passRetained(self).toOpaque())
    }

    private static let renew: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
        guard let context else { return }
        Unmanaged<PluginLock>.fromOpaque(context).takeUnretainedValue().renewed()
    }

    /// Runs `body` while other threads wait.
    public func locked<Result>(_ body: () -> Result) -> Result {
        clinux_fork_lock_take(lock)
        defer { clinux_fork_lock_give(lock) }
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
