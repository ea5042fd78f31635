/// Sees how every call ended, whichever entry it was, later ones included: one function for all of them. With `EventEnds` no
/// byte goes past it.
public protocol CallEnds: OpenEnds, CloseEnds, ControlEnds, BindEnds, ListenEnds, AcceptEnds, InspectCompleteEnds,
    ConnectEnds, ConnectWithDataEnds, LocalAddressEnds, RemoteAddressEnds, SendEnds, ReceiveEnds, SendToEnds,
    ReceiveFromEnds, SendMessagesEnds, ReceiveMessagesEnds, DisconnectEnds, ReleaseEnds, EnableIndicationsEnds,
    ExportStateEnds, AdoptStateEnds, ResolveEnds, ReverseResolveEnds, ProviderControlEnds, ~Copyable
{
    /// Runs once for each call of a socket, whoever ended it and how. Any thread; must not block.
    func callEnded(_ entry: Entry, _ ending: borrowing Ending<State>)

    /// Runs once for each call of the chain itself: `resolve`, `reverseResolve`, `providerControl`. Any thread; must not block.
    func chainCallEnded(_ entry: Entry, _ ending: borrowing Ending<NoState>)
}

extension CallEnds where Self: ~Copyable {
    /// As `callEnded`.
    @inlinable
    public func openEnded(_ ending: borrowing Ending<State>) { callEnded(.open, ending) }
    /// As `callEnded`.
    @inlinable
    public func closeEnded(_ ending: borrowing Ending<State>) { callEnded(.close, ending) }
    /// As `callEnded`.
    @inlinable
    public func controlEnded(_ ending: borrowing Ending<State>) { callEnded(.control, ending) }
    /// As `callEnded`.
    @inlinable
    public func bindEnded(_ ending: borrowing Ending<State>) { callEnded(.bind, ending) }
    /// As `callEnded`.
    @inlinable
    public func listenEnded(_ ending: borrowing Ending<State>) { callEnded(.listen, ending) }
    /// As `callEnded`.
    @inlinable
    public func acceptEnded(_ ending: borrowing Ending<State>, _ detail: AddressRoom) { callEnded(.accept, ending) }
    /// As `callEnded`.
    @inlinable
    public func inspectCompleteEnded(_ ending: borrowing Ending<State>) { callEnded(.inspectComplete, ending) }
    /// As `callEnded`.
    @inlinable
    public func connectEnded(_ ending: borrowing Ending<State>) { callEnded(.connect, ending) }
    /// As `callEnded`.
    @inlinable
    public func connectWithDataEnded(_ ending: borrowing Ending<State>) { callEnded(.connectWithData, ending) }
    /// As `callEnded`.
    @inlinable
    public func localAddressEnded(_ ending: borrowing Ending<State>, _ detail: Address?) {
        callEnded(.localAddress, ending)
    }
    /// As `callEnded`.
    @inlinable
    public func remoteAddressEnded(_ ending: borrowing Ending<State>, _ detail: Address?) {
        callEnded(.remoteAddress, ending)
    }
    /// As `callEnded`.
    @inlinable
    public func sendEnded(_ ending: borrowing Ending<State>) { callEnded(.send, ending) }
    /// As `callEnded`.
    @inlinable
    public func receiveEnded(_ ending: borrowing Ending<State>) { callEnded(.receive, ending) }
    /// As `callEnded`.
    @inlinable
    public func sendToEnded(_ ending: borrowing Ending<State>) { callEnded(.sendTo, ending) }
    /// As `callEnded`.
    @inlinable
    public func receiveFromEnded(_ ending: borrowing Ending<State>, _ detail: ReceivedDatagram) {
        callEnded(.receiveFrom, ending)
    }
    /// As `callEnded`.
    @inlinable
    public func sendMessagesEnded(_ ending: borrowing Ending<State>) { callEnded(.sendMessages, ending) }
    /// As `callEnded`.
    @inlinable
    public func receiveMessagesEnded(_ ending: borrowing Ending<State>) { callEnded(.receiveMessages, ending) }
    /// As `callEnded`.
    @inlinable
    public func disconnectEnded(_ ending: borrowing Ending<State>) { callEnded(.disconnect, ending) }
    /// As `callEnded`.
    @inlinable
    public func releaseEnded(_ ending: borrowing Ending<State>) { callEnded(.release, ending) }
    /// As `callEnded`.
    @inlinable
    public func enableIndicationsEnded(_ ending: borrowing Ending<State>) { callEnded(.enableIndications, ending) }
    /// As `callEnded`.
    @inlinable
    public func exportStateEnded(_ ending: borrowing Ending<State>) { callEnded(.exportState, ending) }
    /// As `callEnded`.
    @inlinable
    public func adoptStateEnded(_ ending: borrowing Ending<State>) { callEnded(.adoptState, ending) }
    /// As `chainCallEnded`.
    @inlinable
    public func resolveEnded(_ ending: borrowing Ending<NoState>, _ detail: NameQuestion) {
        chainCallEnded(.resolve, ending)
    }
    /// As `chainCallEnded`.
    @inlinable
    public func reverseResolveEnded(_ ending: borrowing Ending<NoState>, _ detail: AddressQuestion) {
        chainCallEnded(.reverseResolve, ending)
    }
    /// As `chainCallEnded`.
    @inlinable
    public func providerControlEnded(_ ending: borrowing Ending<NoState>) { chainCallEnded(.providerControl, ending) }
}

/// Sees how every event ended: one function for all of them. They are passed on.
public protocol EventEnds: AcceptEvents, InspectEvents, AbortEvents, ReceiveEvents, ReceiveFromEvents, DisconnectEvents,
    SendBacklogEvents, ~Copyable
{
    /// Runs once for each event, with what the levels above answered and the bytes of data that they took. Events of one socket
    /// are serial; must not block.
    func eventEnded(_ entry: Entry, _ answer: EventAnswer, bytes: UInt64, _ up: borrowing Up<State>)
}

extension EventEnds where Self: ~Copyable {
    /// Tells of an event that was passed on, and answers it.
    @inlinable
    func tell(_ entry: Entry, _ answer: EventAnswer, bytes: UInt64 = 0, _ up: borrowing Up<State>) -> EventAnswer {
        eventEnded(entry, answer, bytes: bytes, up)
        return answer
    }

    /// Passes the event on.
    @inlinable
    public func acceptIndicated(_ event: AcceptEvent, up: borrowing Up<State>) -> EventAnswer {
        tell(.acceptEvent, up.accept(event), up)
    }

    /// Passes the event on.
    @inlinable
    public func inspectIndicated(_ event: InspectEvent, up: borrowing Up<State>) -> EventAnswer {
        tell(.inspectEvent, up.inspect(event), up)
    }

    /// Passes the event on.
    @inlinable
    public func abortIndicated(_ event: AbortEvent, up: borrowing Up<State>) -> EventAnswer {
        tell(.abortEvent, up.abort(event), up)
    }

    /// Passes the event on.
    @inlinable
    public func receiveIndicated(_ event: ReceiveEvent, up: borrowing Up<State>) -> EventAnswer {
        let answer = up.receive(event)
        return tell(.receiveEvent, answer, bytes: event.bytesTaken(answer), up)
    }

    /// Passes the event on.
    @inlinable
    public func receiveFromIndicated(_ event: ReceiveFromEvent, up: borrowing Up<State>) -> EventAnswer {
        // The data may be gone once the event has been passed on.
        let bytes = UInt64(event.data.byteCount)
        let answer = up.receiveFrom(event)
        return tell(.receiveFromEvent, answer, bytes: answer.isTaken ? bytes : 0, up)
    }

    /// Passes the event on.
    @inlinable
    public func disconnectIndicated(_ event: DisconnectEvent, up: borrowing Up<State>) -> EventAnswer {
        tell(.disconnectEvent, up.disconnect(event), up)
    }

    /// Passes the event on.
    @inlinable
    public func sendBacklogIndicated(_ event: SendBacklogEvent, up: borrowing Up<State>) -> EventAnswer {
        tell(.sendBacklogEvent, up.sendBacklog(event), up)
    }
}
