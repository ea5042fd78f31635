import CLinux
import CWinsockKernel
import Glibc

/// A mutex of the system's, whose hand-overs the thread sanitizer sees.
struct SystemMutex: @unchecked Sendable {
    // The pointer is constant, and what it points to is made for threads.
    let pointer: UnsafeMutablePointer<pthread_mutex_t>

    /// One of the run time's own (`WSK_MUTEX_…`).
    init(_ number: Int) {
        pointer = wsk_mutex(Int32(number))
    }

    /// One for an object that lives for good.
    init() {
        pointer = .allocate(capacity: 1)
        pthread_mutex_init(pointer, nil)
    }

    func lock() { pthread_mutex_lock(pointer) }

    func unlock() { pthread_mutex_unlock(pointer) }

    /// Forgets who held it: in a child process, whose other threads are gone.
    func reset() { pthread_mutex_init(pointer, nil) }

    /// Runs `body` while other threads wait.
    @inline(__always)
    func hold<Result>(_ body: () -> Result) -> Result {
        lock()
        defer { unlock() }
        return body()
    }
}

/// A condition that threads wait for under a `SystemMutex`.
struct SystemCondition: @unchecked Sendable {
    // As above.
    let pointer: UnsafeMutablePointer<pthread_cond_t>

    /// One of the run time's own (`WSK_CONDITION_…`).
    init(_ number: Int) {
        pointer = wsk_condition(Int32(number))
    }

    /// One for an object that lives for good.
    init() {
        pointer = .allocate(capacity: 1)
        pthread_cond_init(pointer, nil)
    }

    func signal() { pthread_cond_signal(pointer) }

    func broadcast() { pthread_cond_broadcast(pointer) }

    /// Waits until `deadline` nanoseconds of CLOCK_MONOTONIC, nil for good. False: it passed.
    @discardableResult
    func wait(_ mutex: SystemMutex, until deadline: Int64? = nil) -> Bool {
        guard let deadline else {
            pthread_cond_wait(pointer, mutex.pointer)
            return true
        }
        return wsk_wait_until(pointer, mutex.pointer, deadline) != ETIMEDOUT
    }
}
