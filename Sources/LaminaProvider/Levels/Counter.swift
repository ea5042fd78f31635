public import Synchronization

/// A number that any threads add to at once, for a `State` or a layer. Adding costs about 5 ns, and more where two
/// threads add to one cache line.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline let number: Atomic<UInt64>

    /// A counter at `value`.
    @inlinable
    public init(_ value: UInt64 = 0) { number = Atomic(value) }

    /// Adds; wraps around after 2^64. Never blocks or allocates; any thread.
    @inlinable @inline(__always)
    public func add(_ count: UInt64 = 1) { number.wrappingAdd(count, ordering: .relaxed) }

    /// What it has come to.
    @inlinable
    public var value: UInt64 { number.load(ordering: .relaxed) }
}
