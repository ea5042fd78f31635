public import Synchronization

/// An object that any threads read, and that is replaced as a whole: rules that change while they are in use. Reading takes no
/// lock; those that were replaced are kept for readers that still have them, as long as this lives.
public struct Published<Object: AnyObject & Sendable>: ~Copyable, Sendable {
    // What it points to is one of those that are kept.
    @usableFromInline let current: Atomic<Unmanaged<Object>>
    private let all: Guarded<[Object]>

    /// Begins with this one.
    public init(_ first: Object) {
        current = Atomic(Unmanaged.passUnretained(first))
        all = Guarded([first])
    }

    /// The one now. Never blocks or allocates; any thread.
    @inlinable
    public var object: Object { current.load(ordering: .acquiring).takeUnretainedValue() }

    /// Runs `body` with the one now, without counting another reference to it: for what is read at every call. Never blocks or
    /// allocates by itself; any thread.
    @inlinable @inline(__always)
    public func read<Result>(_ body: (Object) -> Result) -> Result {
        // Those that were replaced are kept as well.
        current.load(ordering: .acquiring)._withUnsafeGuaranteedRef { body($0) }
    }

    /// Puts what `make` makes of the one now in its place, while others that want to replace it wait. Answers it.
    @discardableResult
    public func replace(_ make: (Object) -> Object) -> Object {
        all.withLock { all in
            let next = make(object)
            all.append(next)
            current.store(Unmanaged.passUnretained(next), ordering: .releasing)
            return next
        }
    }
}
