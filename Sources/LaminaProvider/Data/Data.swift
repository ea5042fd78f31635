public import CLamina

/// The bytes that a call sends, as the caller's buffers: valid during the call (`lamina_buffer`s, WSABUF).
public struct Outgoing: ~Escapable {
    @usableFromInline let buffers: UnsafePointer<lamina_buffer>
    @usableFromInline let bufferCount: UInt32
    @usableFromInline let bits: UInt32

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ buffers: UnsafePointer<lamina_buffer>, _ count: UInt32, _ flags: UInt32 = 0) {
        self.buffers = buffers
        bufferCount = count
        bits = flags
    }

    /// The same of both in one word, the flags above the count.
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ buffers: UnsafePointer<lamina_buffer>, countAndFlags: UInt64) {
        let (count, flags) = (countAndFlags & 0xFFFF_FFFF, countAndFlags >> 32)
        self.init(buffers, UInt32(truncatingIfNeeded: count), UInt32(truncatingIfNeeded: flags))
    }

    /// The same where there may be no buffers.
    @_lifetime(immortal)
    init(optional buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) {
        self.init(buffers ?? Self.none, buffers == nil ? 0 : count)
    }

    nonisolated(unsafe) static let none = Immortal.copy(lamina_buffer())

    /// How they are sent.
    @inlinable
    public var flags: SendFlags { SendFlags(rawValue: bits) }

    @usableFromInline
    var optionalBuffers: UnsafePointer<lamina_buffer>? { bufferCount == 0 ? nil : buffers }

    /// How many buffers there are.
    @inlinable
    public var count: Int { Int(bufferCount) }

    /// The bytes of all buffers.
    @inlinable
    public var byteCount: Int { LaminaProvider.byteCount(buffers, bufferCount) }

    /// The bytes of one buffer.
    @inlinable
    public subscript(index: Int) -> RawSpan {
        @_lifetime(copy self)
        get {
            precondition(index >= 0 && index < count, "no such buffer")
            return span(buffers[index].base, buffers[index].length)
        }
    }

    @usableFromInline
    @_lifetime(copy self)
    func span(_ base: UnsafeMutableRawPointer?, _ length: Int) -> RawSpan {
        let bytes = UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : length)
        return _overrideLifetime(RawSpan(_unsafeBytes: bytes), copying: self)
    }
}

/// The room that a call receives into: what comes is there when the call has ended.
public struct Incoming: ~Escapable {
    @usableFromInline let buffers: UnsafePointer<lamina_buffer>
    @usableFromInline let bufferCount: UInt32
    @usableFromInline let bits: UInt32

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ buffers: UnsafePointer<lamina_buffer>, _ count: UInt32, _ flags: UInt32) {
        self.buffers = buffers
        bufferCount = count
        bits = flags
    }

    /// The same of both in one word, the flags above the count.
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ buffers: UnsafePointer<lamina_buffer>, countAndFlags: UInt64) {
        let (count, flags) = (countAndFlags & 0xFFFF_FFFF, countAndFlags >> 32)
        self.init(buffers, UInt32(truncatingIfNeeded: count), UInt32(truncatingIfNeeded: flags))
    }

    /// How it is received.
    @inlinable
    public var flags: ReceiveFlags { ReceiveFlags(rawValue: bits) }

    /// The room of all buffers, in bytes.
    @inlinable
    public var byteCount: Int { LaminaProvider.byteCount(buffers, bufferCount) }
}

/// A datagram that a call sends, valid during the call (`lamina_message`).
public struct OutgoingDatagram: ~Escapable {
    @usableFromInline let message: UnsafePointer<lamina_message>
    @usableFromInline let flags: UInt32

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ message: UnsafePointer<lamina_message>, _ flags: UInt32) {
        self.message = message
        self.flags = flags
    }

    /// Its bytes.
    public var data: Outgoing {
        @_lifetime(copy self)
        get {
            let data = Outgoing(optional: message.pointee.buffers, message.pointee.buffer_count)
            return _overrideLifetime(data, copying: self)
        }
    }

    /// Where it goes; nil: where the socket was connected to. A copy.
    public var address: Address? { message.pointee.address.map { Address($0.pointee) } }
}

/// Room for one datagram (`lamina_message`).
public struct IncomingDatagram: ~Escapable {
    @usableFromInline let message: UnsafeMutablePointer<lamina_message>
    /// How it is received.
    public let flags: ReceiveFlags

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ message: UnsafeMutablePointer<lamina_message>, _ flags: UInt32) {
        self.message = message
        self.flags = ReceiveFlags(rawValue: flags)
    }

    /// Whether the caller asks who sent it.
    public var wantsSender: Bool { message.pointee.address != nil }

    /// The room, in bytes.
    @inlinable
    public var byteCount: Int { LaminaProvider.byteCount(message.pointee.buffers, message.pointee.buffer_count) }
}

/// A datagram that came (`lamina_message`), while the call's end is told.
public struct ReceivedDatagram: ~Escapable {
    private let message: UnsafeMutablePointer<lamina_message>?

    @_lifetime(immortal)
    init(_ message: UnsafeMutablePointer<lamina_message>?) { self.message = message }

    /// Who sent it; nil where the caller didn't ask. A copy.
    public var sender: Address? { message?.pointee.address.map { Address($0.pointee) } }
    /// Whether it was longer than the room.
    public var isTruncated: Bool { (message?.pointee.flags ?? 0) & UInt32(LAMINA_MESSAGE_TRUNCATED) != 0 }
}

/// Datagrams that one call sends or receives (`lamina_message`s).
public struct Datagrams: ~Escapable {
    @usableFromInline let messages: UnsafeMutablePointer<lamina_message>
    /// How many there are, or may be.
    public let count: Int
    @usableFromInline let flags: UInt32

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ messages: UnsafeMutablePointer<lamina_message>, _ count: UInt32, _ flags: UInt32 = 0) {
        self.messages = messages
        self.count = Int(count)
        self.flags = flags
    }

    /// The bytes of all buffers: what is to be sent, or the room.
    public var byteCount: Int {
        (0..<count).reduce(0) { total, index in
            total &+ LaminaProvider.byteCount(messages[index].buffers, messages[index].buffer_count)
        }
    }

    /// Where the first one goes; nil: where the socket was connected to. A copy.
    public var address: Address? { count > 0 ? messages.pointee.address.map { Address($0.pointee) } : nil }

    /// The bytes of the `index`th that were sent or received, once the call has ended.
    @inlinable
    public func bytes(at index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "no such datagram")
        return messages[index].bytes
    }

    /// The bytes of all that were sent or received, once the call has ended.
    @inlinable
    public var bytes: UInt64 {
        var total: UInt64 = 0
        for index in 0..<count { total &+= messages[index].bytes }
        return total
    }
}

/// Data that a provider indicated, on their way back to it (`lamina_data`, WSK_DATA_INDICATION).
public struct IndicatedData: ~Escapable {
    @usableFromInline let nodes: UnsafeMutablePointer<lamina_data>?

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ nodes: UnsafeMutablePointer<lamina_data>?) { self.nodes = nodes }

    /// The bytes of all of it.
    public var byteCount: Int {
        var (total, next) = (0, nodes)
        while let node = next {
            total &+= node.pointee.buffer.length
            next = node.pointee.next
        }
        return total
    }

    /// Runs `body` with the bytes of each piece, in order, and the sender of a datagram.
    public func forEach(_ body: (borrowing RawSpan, Address?) -> Void) {
        var next = nodes
        while let node = next {
            let bytes = UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length)
            body(bytes.bytes, node.pointee.address.map { Address($0.pointee) })
            next = node.pointee.next
        }
    }
}
