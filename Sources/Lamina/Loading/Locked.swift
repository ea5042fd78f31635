import Glibc

/// State that one thread at a time may touch.
package final class Locked<State>: @unchecked Sendable {
    // The mutex orders every access to the state.
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let isBrief: Bool

    /// `isBrief`: it lives as long as one operation, which ends in the process where it began.
    package init(_ state: State, isBrief: Bool = false) {
        self.state = state
        self.isBrief = isBrief
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        if !isBrief { Fork.add(mutex) }
    }

    deinit {
        if !isBrief { Fork.remove(mutex) }
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` with the state while other threads wait.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
