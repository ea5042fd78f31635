import LaminaProvider

/// What a line will say of one call or event: what a caller passed is only valid while its call lasts.
struct Operation: Sendable {
    let entry: Entry
    /// How its line is written.
    let look: Look
    /// CLOCK_MONOTONIC, nanoseconds.
    let started: Int64
    let said: Said
    /// The first bytes of an event's data, which may be gone when it has ended.
    let sample: [UInt8]

    /// What the call asks for, or the event says.
    enum Said: Sendable {
        case nothing
        case open(family: Int32, type: Int32, LayerDescription.Categories, isInbound: Bool)
        case control(kind: UInt32, level: Int32, code: UInt32, value: Int32?, size: Int)
        indirect case address(Address, isSendOnly: Bool)
        case backlog(UInt32)
        case verdict(InspectionVerdict)
        case send(size: Int, isUrgent: Bool)
        /// A connect with data, and datagrams.
        indirect case sendTo(Address?, size: Int, datagrams: Int?)
        case receive(size: Int, ReceiveFlags, wantsSender: Bool)
        case receiveMessages(count: Int)
        case disconnect(DisconnectFlags, size: Int)
        case indications(on: IndicationSet, off: IndicationSet)
        case state(size: Int)
        indirect case accepted(UInt64, from: Address)
        case data(size: Int)
        indirect case datagrams(Int, size: Int, from: Address?)
        case end(isAbortive: Bool, reason: Int32)
        case ideal(UInt64)
    }

    init(_ call: borrowing ObservedCall<Trace.State>, _ look: Look) {
        entry = call.entry
        self.look = look
        said = Said(call.arguments)
        switch call.arguments {
        case .receiveEvent(let event): sample = Self.first(look.sample, of: event.data)
        case .receiveFromEvent(let event): sample = Self.first(look.sample, of: event.data)
        default: sample = []
        }
        started = Clock.monotonic
    }

    private static func first(_ count: Int, of data: IndicatedData) -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes: [UInt8] = []
        data.forEach { piece, _ in
            if bytes.count < count { bytes.append(piece.extracting(first: count - bytes.count)) }
        }
        return bytes
    }

    /// How many bytes a call or event asked for, or had.
    var size: Int {
        switch said {
        case .control(_, _, _, _, let size), .send(let size, _), .sendTo(_, let size, _), .receive(let size, _, _),
            .disconnect(_, let size), .state(let size), .data(let size), .datagrams(_, let size, _):
            size
        default: 0
        }
    }
}

extension Operation.Said {
    init(_ arguments: ObservedArguments) {
        switch arguments {
        case .open(let opening):
            self = .open(
                family: opening.family,
                type: opening.type,
                opening.category,
                isInbound: opening.isFromBelow
            )
        case .control(let operation):
            // An integer that is set is shown, but no other value, which may be a key.
            self = .control(
                kind: operation.kind,
                level: operation.level,
                code: operation.code,
                value: operation.integer,
                size: operation.input.byteCount
            )
        case .bind(let address): self = .address(address.value, isSendOnly: false)
        case .connect(let address, let flags): self = .address(address.value, isSendOnly: flags.contains(.sendOnly))
        case .resolve(let question): self = .address(question.place, isSendOnly: false)
        case .reverseResolve(let question): self = .address(question.address, isSendOnly: false)
        case .listen(let backlog): self = .backlog(backlog)
        case .inspectComplete(let verdict): self = .verdict(verdict)
        case .connectWithData(let address, let data):
            self = .sendTo(address.value, size: data.byteCount, datagrams: nil)
        case .send(let data):
            self = .send(size: data.byteCount, isUrgent: data.flags.contains(.urgent))
        case .sendTo(let datagram):
            self = .sendTo(datagram.address, size: datagram.data.byteCount, datagrams: nil)
        case .sendMessages(let list):
            self = .sendTo(list.address, size: list.byteCount, datagrams: list.count)
        case .receive(let room): self = .receive(size: room.byteCount, room.flags, wantsSender: false)
        case .receiveFrom(let room):
            self = .receive(size: room.byteCount, room.flags, wantsSender: room.wantsSender)
        case .receiveMessages(let list): self = .receiveMessages(count: list.count)
        case .disconnect(let how, let last): self = .disconnect(how, size: last.byteCount)
        case .enableIndications(let set, let clear): self = .indications(on: set, off: clear)
        case .adoptState(let byteCount): self = .state(size: byteCount)
        case .acceptEvent(let event): self = .accepted(event.number, from: event.remote)
        case .inspectEvent(let event): self = .address(event.remote, isSendOnly: false)
        case .receiveEvent(let event): self = .data(size: event.data.byteCount)
        case .receiveFromEvent(let event): self = Self.datagrams(event.data)
        case .disconnectEvent(let event): self = .end(isAbortive: event.isAbortive, reason: event.reason)
        case .sendBacklogEvent(let event): self = .ideal(event.idealBytes)
        case .close, .accept, .localAddress, .remoteAddress, .release, .exportState, .abortEvent: self = .nothing
        }
    }

    private static func datagrams(_ data: IndicatedData) -> Self {
        var (count, sender) = (0, Address?.none)
        data.forEach { _, from in
            if count == 0 { sender = from }
            count += 1
        }
        return .datagrams(count, size: data.byteCount, from: sender)
    }
}
