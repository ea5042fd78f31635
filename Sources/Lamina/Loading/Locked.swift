import Glibc

/// State that one thread at a time may touch.
package final class Locked<State>: @unchecked Sendable {
    // The mutex orders every access to the state.
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init(_ state: State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
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

    /// Gives the state anew and forgets who held the mutex: for a child process, whose other threads are gone.
    func reset(to state: State) {
        pthread_mutex_init(mutex, nil)
        self.state = state
    }
}
