public import CLamina

/// A connection that was taken (`lamina_accept_event`, WskAcceptEvent).
public struct AcceptEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_accept_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_accept_event>) { self.event = event }

    /// The accepting end's address. A copy.
    public var local: Address { Address(event.pointee.local.pointee) }
    /// The peer's address. A copy.
    public var remote: Address { Address(event.pointee.remote.pointee) }
    /// The new socket's number in this process.
    public var number: UInt64 { event.pointee.accepted.pointee.column.pointee.serial }
}

/// A connection that may be refused before it is handed over (`lamina_inspect_event`, WskInspectEvent).
public struct InspectEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_inspect_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_inspect_event>) { self.event = event }

    /// The accepting end's address. A copy.
    public var local: Address { Address(event.pointee.local.pointee) }
    /// The peer's address. A copy.
    public var remote: Address { Address(event.pointee.remote.pointee) }
    /// What names it until it is answered.
    public var id: InspectionID { InspectionID(event.pointee.id) }
    /// Says that the connection isn't wanted.
    public func reject() { event.pointee.answer = UInt32(LAMINA_INSPECT_REJECT) }
    /// Whether the answer so far is to accept it.
    public var isAccepted: Bool { event.pointee.answer == UInt32(LAMINA_INSPECT_ACCEPT) }
}

/// A connection that was inspected is gone (`lamina_abort_event`, WskAbortEvent).
public struct AbortEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_abort_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_abort_event>) { self.event = event }

    /// What named it.
    public var id: InspectionID { InspectionID(event.pointee.id) }
}

/// Data that came on a connection (`lamina_receive_event`, WskReceiveEvent). They are valid until the event was passed on.
public struct ReceiveEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_receive_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_receive_event>) { self.event = event }

    /// Whether the socket is dead, and nothing comes any more.
    public var isDead: Bool { event.pointee.data == nil }
    /// The data.
    public var data: IndicatedData { @_lifetime(copy self) get { IndicatedData(event.pointee.data) } }
    /// Bytes of it.
    public var byteCount: UInt64 { event.pointee.bytes_indicated }

    /// The bytes of it that were taken, by the answer that came back.
    public func bytesTaken(_ answer: EventAnswer) -> UInt64 {
        answer.isKept ? event.pointee.bytes_indicated : answer.isTaken ? event.pointee.bytes_accepted : 0
    }
}

/// Datagrams that came (`lamina_receive_from_event`, WskReceiveFromEvent). They are valid until the event was passed on.
public struct ReceiveFromEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_receive_from_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_receive_from_event>) { self.event = event }

    /// Whether the socket is dead, and nothing comes any more.
    public var isDead: Bool { event.pointee.datagrams == nil }
    /// The datagrams.
    public var data: IndicatedData { @_lifetime(copy self) get { IndicatedData(event.pointee.datagrams) } }
}

/// The peer ended its sending direction, or reset (`lamina_disconnect_event`, WskDisconnectEvent).
public struct DisconnectEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_disconnect_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_disconnect_event>) { self.event = event }

    /// Whether it reset the connection.
    public var isAbortive: Bool { event.pointee.flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 }
    /// Why: 0 or a negative `errno`.
    public var reason: Int32 { event.pointee.reason }
}

/// How many bytes a sender should keep under way has changed (`lamina_send_backlog_event`, WskSendBacklogEvent).
public struct SendBacklogEvent: ~Escapable {
    @usableFromInline let event: UnsafeMutablePointer<lamina_send_backlog_event>
    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ event: UnsafeMutablePointer<lamina_send_backlog_event>) { self.event = event }

    /// That many.
    public var idealBytes: UInt64 { event.pointee.ideal_bytes }
}
