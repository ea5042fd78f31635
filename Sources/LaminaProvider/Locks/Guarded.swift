/// A value that one thread at a time uses (as `Mutex`), behind a lock that the thread sanitizer sees: for what a child process
/// doesn't use.
public struct Guarded<Value: ~Copyable & Sendable>: ~Copyable, @unchecked Sendable {
    private let lock = PlainLock()
    // Behind the lock.
    private let value: UnsafeMutablePointer<Value>

    /// Guards a value. Allocates.
    public init(_ value: consuming Value) {
        self.value = .allocate(capacity: 1)
        self.value.initialize(to: value)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
    }

    /// Runs `body` with the value while other threads wait. It doesn't lock the same value again.
    public borrowing func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.locked { body(&value.pointee) }
    }
}
