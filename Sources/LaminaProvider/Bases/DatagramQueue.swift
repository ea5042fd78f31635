import CLamina
import Glibc

/// Datagrams that wait for a receiver, in their order, each with its sender, up to a number of bytes: for a base's state.
/// Behind a lock of its owner's.
public struct DatagramQueue: ~Copyable, @unchecked Sendable {
    // Nobody else has the list's memory.
    private var first: UnsafeMutablePointer<QueuedDatagram>?
    private var last: UnsafeMutablePointer<QueuedDatagram>?
    private var used = 0
    private let capacity: Int
    /// How many datagrams wait.
    public private(set) var count = 0

    /// An empty queue. `capacity`: bytes that may wait, with what each datagram costs besides. Takes no memory.
    public init(capacity: Int) { self.capacity = capacity }

    deinit {
        var first = first
        while let datagram = first {
            first = datagram.pointee.next
            free(datagram)
        }
    }

    /// Whether nothing waits.
    public var isEmpty: Bool { count == 0 }

    /// Puts in a copy of a datagram. False, and nothing has changed: there is no room for it, as there always is in an empty
    /// queue. ENOMEM: there is no memory. Allocates.
    public mutating func put(_ datagram: Outgoing, from sender: Address?) throws(Failure) -> Bool {
        guard let place = try append(datagram.byteCount, sender) else { return false }
        var end = place
        for index in 0..<datagram.count {
            guard let base = datagram.buffers[index].base else { continue }
            end.copyMemory(from: base, byteCount: datagram.buffers[index].length)
            end += datagram.buffers[index].length
        }
        return true
    }

    /// The same for bytes that stand in one piece.
    public mutating func put(_ bytes: borrowing RawSpan, from sender: Address?) throws(Failure) -> Bool {
        guard let place = try append(bytes.byteCount, sender) else { return false }
        bytes.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { place.copyMemory(from: base, byteCount: bytes.count) }
        }
        return true
    }

    /// Moves the first datagram into the room. False: none waits.
    public mutating func take(into room: inout DatagramRoom) -> Bool {
        guard let datagram = first else { return false }
        room.append(UnsafeRawBufferPointer(start: datagram.bytes, count: datagram.pointee.length).bytes)
        room.sender = datagram.pointee.sender
        first = datagram.pointee.next
        if first == nil { last = nil }
        used -= datagram.pointee.cost
        count -= 1
        free(datagram)
        return true
    }

    /// A place for so many bytes at the end; nil where there is no room.
    private mutating func append(_ length: Int, _ sender: Address?) throws(Failure) -> UnsafeMutableRawPointer? {
        let cost = MemoryLayout<QueuedDatagram>.stride + length
        guard count == 0 || used + cost <= capacity else { return nil }
        guard let memory = malloc(cost) else { throw Failure(ENOMEM) }
        let datagram = memory.bindMemory(to: QueuedDatagram.self, capacity: 1)
        datagram.initialize(to: QueuedDatagram(next: nil, length: length, sender: sender))
        if let last { last.pointee.next = datagram } else { first = datagram }
        last = datagram
        used += cost
        count += 1
        return datagram.bytes
    }
}

/// One of them; its bytes follow the struct.
private struct QueuedDatagram {
    var next: UnsafeMutablePointer<QueuedDatagram>?
    let length: Int
    let sender: Address?

    /// What it counts for.
    var cost: Int { MemoryLayout<QueuedDatagram>.stride + length }
}

extension UnsafeMutablePointer<QueuedDatagram> {
    fileprivate var bytes: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(self) + MemoryLayout<QueuedDatagram>.stride
    }
}
