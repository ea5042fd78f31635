import CLamina
import CLinux
import Glibc

/// A lock of one object's, for what a child process doesn't use.
struct PlainLock: ~Copyable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    borrowing func take() { pthread_mutex_lock(mutex) }

    borrowing func give() { pthread_mutex_unlock(mutex) }

    /// Runs `body` while other threads wait.
    borrowing func locked<Result>(_ body: () -> Result) -> Result {
        take()
        defer { give() }
        return body()
    }
}
