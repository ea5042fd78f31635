public import CLamina

/// What an event is passed up with.
public struct Up<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ slot: UnsafeMutablePointer<lamina_slot>) { self.slot = slot }

    /// The socket's state.
    @inlinable
    public var state: State { @inline(__always) unsafeAddress { Part.state(of: slot) } }

    /// The socket.
    @inlinable
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func accept(_ event: AcceptEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_accept(slot, event.event))
    }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func inspect(_ event: InspectEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_inspect(slot, event.event))
    }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func abort(_ event: AbortEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_abort(slot, event.event))
    }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func receive(_ event: ReceiveEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_receive(slot, event.event))
    }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func receiveFrom(_ event: ReceiveFromEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_receive_from(slot, event.event))
    }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func disconnect(_ event: DisconnectEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_disconnect(slot, event.event))
    }

    /// Passes the event on to the next level up that wants it, and gives what that answered.
    @inlinable @inline(__always)
    public func sendBacklog(_ event: SendBacklogEvent) -> EventAnswer {
        EventAnswer(lamina_indicate_send_backlog(slot, event.event))
    }
}

/// Sees connections that were taken (WskAcceptEvent), on the way up.
public protocol AcceptEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func acceptIndicated(_ event: AcceptEvent, up: borrowing Up<State>) -> EventAnswer
}

/// Sees connections that may be refused before they are handed over (WskInspectEvent), on the way up.
public protocol InspectEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func inspectIndicated(_ event: InspectEvent, up: borrowing Up<State>) -> EventAnswer
}

/// Sees the end of connections that are inspected (WskAbortEvent), on the way up.
public protocol AbortEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func abortIndicated(_ event: AbortEvent, up: borrowing Up<State>) -> EventAnswer
}

/// Sees a connection's data (WskReceiveEvent), on the way up.
public protocol ReceiveEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func receiveIndicated(_ event: ReceiveEvent, up: borrowing Up<State>) -> EventAnswer
}

/// Sees datagrams (WskReceiveFromEvent), on the way up.
public protocol ReceiveFromEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func receiveFromIndicated(_ event: ReceiveFromEvent, up: borrowing Up<State>) -> EventAnswer
}

/// Sees the end of the peer's sending direction (WskDisconnectEvent), on the way up.
public protocol DisconnectEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func disconnectIndicated(_ event: DisconnectEvent, up: borrowing Up<State>) -> EventAnswer
}

/// Sees how much a sender should keep under way (WskSendBacklogEvent), on the way up.
public protocol SendBacklogEvents: Layer, ~Copyable {
    /// Passes the event on by `up`, or answers it. Events of one socket are serial; must not block.
    func sendBacklogIndicated(_ event: SendBacklogEvent, up: borrowing Up<State>) -> EventAnswer
}

extension AcceptEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: AcceptEvent, _ slot: UnsafeMutablePointer<lamina_slot>) -> lamina_status {
        part.layer(Self.self).pointee.acceptIndicated(event, up: Up(slot)).status
    }
}

extension InspectEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: InspectEvent, _ slot: UnsafeMutablePointer<lamina_slot>) -> lamina_status {
        part.layer(Self.self).pointee.inspectIndicated(event, up: Up(slot)).status
    }
}

extension AbortEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: AbortEvent, _ slot: UnsafeMutablePointer<lamina_slot>) -> lamina_status {
        part.layer(Self.self).pointee.abortIndicated(event, up: Up(slot)).status
    }
}

extension ReceiveEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: ReceiveEvent, _ slot: UnsafeMutablePointer<lamina_slot>) -> lamina_status {
        part.layer(Self.self).pointee.receiveIndicated(event, up: Up(slot)).status
    }
}

extension ReceiveFromEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: ReceiveFromEvent, _ slot: UnsafeMutablePointer<lamina_slot>)
        -> lamina_status
    {
        part.layer(Self.self).pointee.receiveFromIndicated(event, up: Up(slot)).status
    }
}

extension DisconnectEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: DisconnectEvent, _ slot: UnsafeMutablePointer<lamina_slot>)
        -> lamina_status
    {
        part.layer(Self.self).pointee.disconnectIndicated(event, up: Up(slot)).status
    }
}

extension SendBacklogEvents where Self: ~Copyable {
    @inline(__always)
    static func enter(_ part: Part, _ event: SendBacklogEvent, _ slot: UnsafeMutablePointer<lamina_slot>)
        -> lamina_status
    {
        part.layer(Self.self).pointee.sendBacklogIndicated(event, up: Up(slot)).status
    }
}

/// The functions of the indications: each serves every layer of the plug-in.
enum EventThunks {
    /// Fills in those that a type has a protocol for.
    static func fill(_ table: inout lamina_indications, _ own: Conformances) {
        if own.fillsIndication(LAMINA_INDICATION_ACCEPT) { table.accept = accept }
        if own.fillsIndication(LAMINA_INDICATION_INSPECT) { table.inspect = inspect }
        if own.fillsIndication(LAMINA_INDICATION_ABORT) { table.abort = abort }
        if own.fillsIndication(LAMINA_INDICATION_RECEIVE) { table.receive = receive }
        if own.fillsIndication(LAMINA_INDICATION_RECEIVE_FROM) { table.receive_from = receiveFrom }
        if own.fillsIndication(LAMINA_INDICATION_DISCONNECT) { table.disconnect = disconnect }
        if own.fillsIndication(LAMINA_INDICATION_SEND_BACKLOG) { table.send_backlog = sendBacklog }
    }

    private static let accept: lamina_accept_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.acceptEvents else {
            return lamina_indicate_accept(slot, event)
        }
        return events.enter(part, AcceptEvent(event), slot)
    }

    private static let inspect: lamina_inspect_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.inspectEvents else {
            return lamina_indicate_inspect(slot, event)
        }
        return events.enter(part, InspectEvent(event), slot)
    }

    private static let abort: lamina_abort_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.abortEvents else {
            return lamina_indicate_abort(slot, event)
        }
        return events.enter(part, AbortEvent(event), slot)
    }

    private static let receive: lamina_receive_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.receiveEvents else {
            return lamina_indicate_receive(slot, event)
        }
        return events.enter(part, ReceiveEvent(event), slot)
    }

    private static let receiveFrom: lamina_receive_from_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.receiveFromEvents else {
            return lamina_indicate_receive_from(slot, event)
        }
        return events.enter(part, ReceiveFromEvent(event), slot)
    }

    private static let disconnect: lamina_disconnect_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.disconnectEvents else {
            return lamina_indicate_disconnect(slot, event)
        }
        return events.enter(part, DisconnectEvent(event), slot)
    }

    private static let sendBacklog: lamina_send_backlog_indication = { slot, event in
        guard let part = Part(slot), let events = part.own.sendBacklogEvents else {
            return lamina_indicate_send_backlog(slot, event)
        }
        return events.enter(part, SendBacklogEvent(event), slot)
    }
}
