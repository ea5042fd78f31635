import CLinux
import Glibc

/// State that one thread at a time may touch.
package final class Locked<State>: @unchecked Sendable {
    // The lock orders every access to the state.
    private var state: State
    private let lock: UnsafeMutablePointer<clinux_fork_lock>

    /// A free lock.
    package init(_ state: State) {
        self.state = state
        lock = .allocate(capacity: 1)
        clinux_fork_lock_begin(lock, nil, nil)
    }

    deinit {
        clinux_fork_lock_end(lock)
        lock.deallocate()
    }

    /// Runs `body` with the state while other threads wait.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        clinux_fork_lock_take(lock)
        defer { clinux_fork_lock_give(lock) }
        return try body(&state)
    }
}
