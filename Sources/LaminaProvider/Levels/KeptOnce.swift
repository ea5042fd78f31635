public import Synchronization

/// An object that a `State` gets late and then keeps: by the first thread that has one. Reading takes no lock.
public struct KeptOnce<Object: AnyObject & Sendable>: ~Copyable, Sendable {
    // It holds a reference to what it points to.
    @usableFromInline let kept = Atomic<Unmanaged<Object>?>(nil)

    /// Nothing as yet.
    @inlinable
    public init() {}

    @inlinable
    deinit { kept.load(ordering: .acquiring)?.release() }

    /// What is kept. Never blocks or allocates; any thread.
    @inlinable @inline(__always)
    public var object: Object? { kept.load(ordering: .acquiring)?.takeUnretainedValue() }

    /// Runs `body` with what is kept, without counting another reference to it: for what is looked at in every call. Nil: there is
    /// nothing. Never blocks or allocates by itself; any thread.
    @inlinable @inline(__always)
    public func read<Result>(_ body: (Object) -> Result) -> Result? {
        kept.load(ordering: .acquiring)?._withUnsafeGuaranteedRef { body($0) }
    }

    /// Keeps an object where there is none yet. Answers the one that is kept.
    public func keep(_ object: Object) -> Object {
        let mine = Unmanaged.passRetained(object)
        let (isKept, other) = kept.compareExchange(expected: nil, desired: mine, ordering: .acquiringAndReleasing)
        if isKept { return object }
        mine.release()
        return other?.takeUnretainedValue() ?? object
    }
}
