import Glibc

/// Bytes that wait for a receiver, in their order, up to a number of them: one direction of a connection in memory, for a
/// base's state. Its memory comes with the first byte, and goes with it. Behind a lock of its owner's.
public struct ByteQueue: ~Copyable, @unchecked Sendable {
    // Nobody else has the ring's memory.
    private var ring: ByteRing

    /// An empty queue. Takes no memory.
    public init(capacity: Int) { ring = ByteRing(capacity: capacity) }

    deinit {
        var ring = ring
        ring.discard()
    }

    /// The bytes that wait.
    public var count: Int { ring.count }

    /// Whether nothing waits.
    public var isEmpty: Bool { ring.count == 0 }

    /// The bytes that there is room for.
    public var free: Int { ring.capacity - ring.count }

    /// Puts in as many bytes as there is room for, and answers how many. ENOMEM: there is no memory. Allocates the first
    /// time.
    public mutating func put(_ data: Outgoing) throws(Failure) -> Int {
        guard let moved = ring.put(data.buffers, data.count) else { throw Failure(ENOMEM) }
        return moved
    }

    /// Moves bytes into the room, as many as are there and fit, and answers how many.
    @discardableResult
    public mutating func take(into room: inout ReceiveRoom) -> Int { ring.take(into: &room) }

    /// Forgets what waits, and gives the memory back.
    public mutating func discard() { ring.discard() }
}
