public import CLamina

/// What a call is passed on with, or ended: the level's place on its way down. It is used once, by the method that has it;
/// each of its functions gives the `Answer` that the method returns.
public struct Next<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>
    @usableFromInline let request: UnsafeMutablePointer<lamina_request>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ slot: UnsafeMutablePointer<lamina_slot>, _ request: UnsafeMutablePointer<lamina_request>) {
        self.slot = slot
        self.request = request
    }

    /// The socket's state.
    @inlinable
    public var state: State { @inline(__always) unsafeAddress { Part.state(of: slot) } }

    /// The socket.
    @inlinable
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }

    /// Whether the caller takes no waiting: what can't end at once answers `EAGAIN`, without effect.
    @inlinable
    public var isTry: Bool { request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 }

    /// When the caller gives up, in nanoseconds of CLOCK_MONOTONIC; 0 for never.
    @inlinable
    public var deadline: Int64 { request.pointee.deadline }

    /// Ends the call here with success and this byte count: the levels below don't see it.
    @inlinable
    public consuming func end(bytes: UInt64 = 0) -> Answer { Answer(lamina_complete(slot, request, 0, bytes)) }

    /// Ends the call here with a positive `errno`: the levels below don't see it.
    @inlinable
    public consuming func fail(_ errno: Int32) -> Answer {
        Answer(lamina_complete(slot, request, -Int32(clamping: errno.magnitude), 0))
    }

    /// Ends the call here with a failure, whose message, where it has one, goes to the log.
    public consuming func fail(_ failure: Failure) -> Answer {
        if !failure.message.isEmpty { Socket(slot).log(.notice, failure.message) }
        return fail(failure.errno)
    }
}

// The calls, one an entry.
extension Next where State: ~Copyable {
    /// Passes the operation on.
    @inlinable @inline(__always)
    public consuming func control(_ operation: ControlOperation) -> Answer {
        Answer(lamina_control(slot, operation.operation, request))
    }

    /// Binds this address.
    @inlinable @inline(__always)
    public consuming func bind(_ address: Address, flags: UInt32) -> Answer {
        let (slot, request) = (slot, request)
        return withUnsafePointer(to: address.c) { Answer(lamina_bind(slot, $0, flags, request)) }
    }

    /// Listens.
    @inlinable @inline(__always)
    public consuming func listen(backlog: UInt32) -> Answer {
        Answer(lamina_listen(slot, backlog, request))
    }

    /// Accepts a connection.
    @inlinable @inline(__always)
    public consuming func accept(_ room: AddressRoom) -> Answer {
        Answer(lamina_accept(slot, room.first, room.second, request))
    }

    /// Answers the inspection.
    @inlinable @inline(__always)
    public consuming func inspectComplete(_ id: InspectionID, accepts: Bool) -> Answer {
        let (slot, request) = (slot, request)
        let action = UInt32(accepts ? LAMINA_INSPECT_ACCEPT : LAMINA_INSPECT_REJECT)
        return withUnsafePointer(to: id.c) { Answer(lamina_inspect_complete(slot, $0, action, request)) }
    }

    /// Asks the levels below.
    @inlinable @inline(__always)
    public consuming func localAddress(_ room: AddressRoom) -> Answer {
        guard let address = room.first else { return fail(EINVAL) }
        return Answer(lamina_local_address(slot, address, request))
    }

    /// Asks the levels below.
    @inlinable @inline(__always)
    public consuming func remoteAddress(_ room: AddressRoom) -> Answer {
        guard let address = room.first else { return fail(EINVAL) }
        return Answer(lamina_remote_address(slot, address, request))
    }

    /// Ends a question for an address with this one.
    public consuming func answer(_ room: AddressRoom, _ address: Address) -> Answer {
        guard let place = room.first else { return fail(EINVAL) }
        place.pointee = address.c
        return end()
    }

    /// Gives the data back.
    @inlinable @inline(__always)
    public consuming func release(_ data: IndicatedData) -> Answer {
        guard let nodes = data.nodes else { return end() }
        return Answer(lamina_release(slot, nodes, request))
    }

    /// Passes the change on.
    @inlinable @inline(__always)
    public consuming func enableIndications(_ set: IndicationSet, clear: IndicationSet) -> Answer {
        Answer(lamina_enable_indications(slot, set.rawValue, clear.rawValue, request))
    }

    /// Connects to this address.
    @inlinable @inline(__always)
    public consuming func connect(_ address: Address, flags: ConnectFlags) -> Answer {
        let (slot, request) = (slot, request)
        return withUnsafePointer(to: address.c) { Answer(lamina_connect(slot, $0, flags.rawValue, request)) }
    }

    /// Connects to this address and sends the bytes.
    @inlinable @inline(__always)
    public consuming func connectWithData(_ address: Address, _ data: Outgoing) -> Answer {
        let (slot, request, bytes, count, flags) = (slot, request, data.buffers, data.bufferCount, data.flags)
        return withUnsafePointer(to: address.c) {
            Answer(lamina_connect_with_data(slot, $0, bytes, count, flags.rawValue, request))
        }
    }

    /// Sends the bytes.
    @inlinable @inline(__always)
    public consuming func send(_ data: Outgoing) -> Answer {
        Answer(DirectLinks.send(slot, data.buffers, data.bufferCount, data.flags.rawValue, request))
    }

    /// Receives into the room.
    @inlinable @inline(__always)
    public consuming func receive(_ room: Incoming) -> Answer {
        Answer(DirectLinks.receive(slot, room.buffers, room.bufferCount, room.flags.rawValue, request))
    }

    /// Ends the direction after the last bytes.
    @inlinable @inline(__always)
    public consuming func disconnect(_ how: DisconnectFlags, _ last: Outgoing) -> Answer {
        Answer(lamina_disconnect(slot, last.optionalBuffers, last.bufferCount, how.rawValue, request))
    }

    /// Sends the datagram.
    @inlinable @inline(__always)
    public consuming func sendTo(_ datagram: OutgoingDatagram) -> Answer {
        Answer(DirectLinks.sendTo(slot, datagram.message, datagram.flags, request))
    }

    /// Receives into the room.
    @inlinable @inline(__always)
    public consuming func receiveFrom(_ room: IncomingDatagram) -> Answer {
        Answer(DirectLinks.receiveFrom(slot, room.message, room.flags.rawValue, request))
    }

    /// Sends the datagrams.
    @inlinable @inline(__always)
    public consuming func sendMessages(_ datagrams: Datagrams) -> Answer {
        Answer(lamina_send_messages(slot, datagrams.messages, UInt32(datagrams.count), datagrams.flags, request))
    }

    /// Receives up to so many datagrams.
    @inlinable @inline(__always)
    public consuming func receiveMessages(_ datagrams: Datagrams) -> Answer {
        Answer(lamina_receive_messages(slot, datagrams.messages, UInt32(datagrams.count), datagrams.flags, request))
    }

    /// Asks the levels below.
    @inlinable @inline(__always)
    public consuming func resolve(_ question: NameQuestion) -> Answer {
        Answer(lamina_resolve(slot, question.query, request))
    }

    /// Asks the levels below.
    @inlinable @inline(__always)
    public consuming func reverseResolve(_ question: AddressQuestion) -> Answer {
        Answer(lamina_reverse_resolve(slot, question.query, request))
    }

    /// Passes the operation on.
    @inlinable @inline(__always)
    public consuming func providerControl(_ operation: ControlOperation) -> Answer {
        Answer(lamina_provider_control(slot, operation.operation, request))
    }

    /// Opens the levels below.
    @inlinable @inline(__always)
    public consuming func open(_ opening: Opening) -> Answer {
        Answer(lamina_open(slot, opening.arguments, request))
    }

    /// Opens the levels below for another family, `AF_UNSPEC` where the destination isn't known yet.
    public consuming func open(_ opening: Opening, family: Int32) -> Answer {
        var arguments = opening.arguments.pointee
        arguments.family = family
        let (slot, request) = (slot, request)
        return withUnsafePointer(to: arguments) { Answer(lamina_open(slot, $0, request)) }
    }

    /// Closes the levels below.
    @inlinable @inline(__always)
    public consuming func close() -> Answer {
        Answer(lamina_close(slot, request))
    }
}
