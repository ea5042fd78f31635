import LaminaProvider

/// Sees every call, every end of one and every event, and passes it on: it has a protocol for each.
struct Everything: Layer, HandsOver {
    static let about = LayerDescription(
        "everything",
        effect: .observe,
        extensions: [
            ExtensionDeclaration(
                "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5",
                name: "counter",
                dispatch: ["uint64_t sent(void *context)"]
            )
        ]
    )
    static let stateVersion: UInt32 = 2
    struct State: ~Copyable, Sendable { let calls = Counter(), ends = Counter(), events = Counter() }
    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket) -> State { State() }
    func export(_ state: borrowing State, to bytes: inout StateBytes) { bytes.append(state.calls.value) }
    func adopt(_ bytes: borrowing RawSpan, _ socket: borrowing Socket) throws(Failure) -> State {
        let state = State()
        state.calls.add(try bytes.integer(at: 0))
        return state
    }
}

extension Everything: ControlCalls, ControlEnds {
    func control(_ operation: ControlOperation, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.control(operation)
    }
    func controlEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: BindCalls, BindEnds {
    func bind(_ address: Address, flags: UInt32, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.bind(address, flags: flags)
    }
    func bindEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ListenCalls, ListenEnds {
    func listen(backlog: UInt32, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.listen(backlog: backlog)
    }
    func listenEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: AcceptCalls, AcceptEnds {
    func accept(_ room: AddressRoom, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.accept(room)
    }
    func acceptEnded(_ ending: borrowing Ending<State>, _ addresses: AddressRoom) { ending.state.ends.add() }
}

extension Everything: InspectCompleteCalls, InspectCompleteEnds {
    func inspectComplete(_ id: InspectionID, accepts: Bool, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.inspectComplete(id, accepts: accepts)
    }
    func inspectCompleteEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: LocalAddressCalls, LocalAddressEnds {
    func localAddress(_ room: AddressRoom, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.localAddress(room)
    }
    func localAddressEnded(_ ending: borrowing Ending<State>, _ address: Address?) { ending.state.ends.add() }
}

extension Everything: RemoteAddressCalls, RemoteAddressEnds {
    func remoteAddress(_ room: AddressRoom, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.remoteAddress(room)
    }
    func remoteAddressEnded(_ ending: borrowing Ending<State>, _ address: Address?) { ending.state.ends.add() }
}

extension Everything: ReleaseCalls, ReleaseEnds {
    func release(_ data: IndicatedData, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.release(data)
    }
    func releaseEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: EnableIndicationsCalls, EnableIndicationsEnds {
    func enableIndications(_ set: IndicationSet, clear: IndicationSet, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.enableIndications(set, clear: clear)
    }
    func enableIndicationsEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ConnectCalls, ConnectEnds {
    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.connect(address, flags: flags)
    }
    func connectEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ConnectWithDataCalls, ConnectWithDataEnds {
    func connectWithData(_ address: Address, _ data: Outgoing, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.connectWithData(address, data)
    }
    func connectWithDataEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: SendCalls, SendEnds {
    func send(_ data: Outgoing, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.send(data)
    }
    func sendEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ReceiveCalls, ReceiveEnds {
    func receive(_ room: Incoming, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.receive(room)
    }
    func receiveEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: DisconnectCalls, DisconnectEnds {
    func disconnect(_ how: DisconnectFlags, _ last: Outgoing, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.disconnect(how, last)
    }
    func disconnectEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: SendToCalls, SendToEnds {
    func sendTo(_ datagram: OutgoingDatagram, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.sendTo(datagram)
    }
    func sendToEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ReceiveFromCalls, ReceiveFromEnds {
    func receiveFrom(_ room: IncomingDatagram, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.receiveFrom(room)
    }
    func receiveFromEnded(_ ending: borrowing Ending<State>, _ datagram: ReceivedDatagram) { ending.state.ends.add() }
}

extension Everything: SendMessagesCalls, SendMessagesEnds {
    func sendMessages(_ datagrams: Datagrams, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.sendMessages(datagrams)
    }
    func sendMessagesEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ReceiveMessagesCalls, ReceiveMessagesEnds {
    func receiveMessages(_ datagrams: Datagrams, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.receiveMessages(datagrams)
    }
    func receiveMessagesEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: ResolveCalls, ResolveEnds {
    func resolve(_ question: NameQuestion, next: consuming Next<NoState>) -> Answer {
        return next.resolve(question)
    }
    func resolveEnded(_ ending: borrowing Ending<NoState>, _ question: NameQuestion) {}
}

extension Everything: ReverseResolveCalls, ReverseResolveEnds {
    func reverseResolve(_ question: AddressQuestion, next: consuming Next<NoState>) -> Answer {
        return next.reverseResolve(question)
    }
    func reverseResolveEnded(_ ending: borrowing Ending<NoState>, _ question: AddressQuestion) {}
}

extension Everything: ProviderControlCalls, ProviderControlEnds {
    func providerControl(_ operation: ControlOperation, next: consuming Next<NoState>) -> Answer {
        return next.providerControl(operation)
    }
    func providerControlEnded(_ ending: borrowing Ending<NoState>) {}
}

extension Everything: OpenCalls, OpenEnds {
    func open(_ opening: Opening, next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.open(opening)
    }
    func openEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: CloseCalls, CloseEnds {
    func close(next: consuming Next<State>) -> Answer {
        next.state.calls.add()
        return next.close()
    }
    func closeEnded(_ ending: borrowing Ending<State>) { ending.state.ends.add() }
}

extension Everything: AcceptEvents {
    func acceptIndicated(_ event: AcceptEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.accept(event)
    }
}

extension Everything: InspectEvents {
    func inspectIndicated(_ event: InspectEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.inspect(event)
    }
}

extension Everything: AbortEvents {
    func abortIndicated(_ event: AbortEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.abort(event)
    }
}

extension Everything: ReceiveEvents {
    func receiveIndicated(_ event: ReceiveEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.receive(event)
    }
}

extension Everything: ReceiveFromEvents {
    func receiveFromIndicated(_ event: ReceiveFromEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.receiveFrom(event)
    }
}

extension Everything: DisconnectEvents {
    func disconnectIndicated(_ event: DisconnectEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.disconnect(event)
    }
}

extension Everything: SendBacklogEvents {
    func sendBacklogIndicated(_ event: SendBacklogEvent, up: borrowing Up<State>) -> EventAnswer {
        up.state.events.add()
        return up.sendBacklog(event)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Everything.self) }
