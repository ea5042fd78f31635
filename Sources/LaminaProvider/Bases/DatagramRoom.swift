import CLamina

/// The room that a base puts one received datagram into: of a call, or of an indication.
public struct DatagramRoom: ~Copyable, ~Escapable {
    private var room: ReceiveRoom
    /// Who sent the datagram; nil where nobody knows.
    public var sender: Address?
    /// Whether the datagram is longer than the room, which its receiver is told (MSG_TRUNC). `append` sees to it.
    public var isTruncated = false

    @_lifetime(immortal)
    init(_ buffers: UnsafePointer<lamina_buffer>?, _ number: Int) {
        let none = Outgoing.none
        room = ReceiveRoom(buffers ?? none, buffers == nil ? 0 : number)
    }

    /// The bytes that it had room for at first.
    public var capacity: Int { room.capacity }

    /// The bytes that were put in.
    public var count: Int { room.count }

    /// Puts in bytes of the datagram, behind those that are in. What finds no room is lost.
    public mutating func append(_ bytes: borrowing RawSpan) {
        if room.append(bytes) < bytes.byteCount { isTruncated = true }
    }
}
