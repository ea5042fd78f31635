import Glibc

/// A layer that speaks for itself before a connection is the program's: through a proxy, a login, a greeting. Its method
/// `connect` passes a call on, or lets it wait by `next.converse` for a conversation with whoever it connects to instead.
///
/// Until the way is open nothing of the program's own passes: sends, receives and disconnects fail with ENOTCONN, and what it
/// wants indicated waits for its own data. A cancel, a deadline and a close end the conversation at once, and a second connect
/// meanwhile fails with EALREADY. A socket on which somebody was spoken to in vain is of no use any more: another connect
/// fails with ECONNABORTED; one on which nobody could be reached may try again. Connections that were accepted, or that
/// stood before the layer came to them, are the program's from the start.
///
/// Afterwards the layer touches no byte, and the type is described so (`LAMINA_PROVIDER_HANDSHAKES`): under `lamina run` a
/// program's own socket can have the conversation and leave the layers behind, as long as it reads no byte too many. A
/// connection that stands goes to another process with where the program wanted to go; a conversation doesn't, EBUSY.
///
/// It has the effect `.transform`, and its categories are those of connections; datagrams are its own to refuse.
public protocol Handshakes: ConnectCalls, SendCalls, ReceiveCalls, DisconnectCalls, EnableIndicationsCalls,
    ReceiveEvents,
    HandsOver, ~Copyable
where State == HandshakeState {}

extension Handshakes where Self: ~Copyable {
    /// A socket that has spoken to nobody.
    public func makeState(_ socket: borrowing Socket) -> HandshakeState { HandshakeState(socket) }

    /// The version of what is handed over: how far the socket has come, and where the program wanted to go.
    public static var stateVersion: UInt32 { 1 }

    /// Hands that over.
    public func export(_ state: borrowing HandshakeState, to bytes: inout StateBytes) { state.write(to: &bytes) }

    /// Goes on where another process was.
    public func adopt(_ bytes: borrowing RawSpan, _ socket: borrowing Socket) throws(Failure) -> HandshakeState {
        try HandshakeState(bytes, socket)
    }

    /// Passes on what is sent once the way is open.
    @inlinable
    public func send(_ data: Outgoing, next: consuming Next<HandshakeState>) -> Answer {
        next.state.isOpen ? next.send(data) : next.isEarly()
    }

    /// Passes receives on once the way is open.
    @inlinable
    public func receive(_ room: Incoming, next: consuming Next<HandshakeState>) -> Answer {
        next.state.isOpen ? next.receive(room) : next.isEarly()
    }

    /// Passes disconnects on once the way is open.
    public func disconnect(_ how: DisconnectFlags, _ last: Outgoing, next: consuming Next<HandshakeState>) -> Answer {
        next.state.isOpen ? next.disconnect(how, last) : next.isEarly()
    }

    /// Keeps what tells of data until the data are the program's own.
    public func enableIndications(
        _ set: IndicationSet,
        clear: IndicationSet,
        next: consuming Next<HandshakeState>
    ) -> Answer {
        // What a listening socket tells is the levels' below.
        let ofData: IndicationSet = [.receive, .disconnect, .sendBacklog]
        guard next.state.postpones(set.intersection(ofData), clear: clear.intersection(ofData)) else {
            return next.enableIndications(set, clear: clear)
        }
        let (set, clear) = (set.subtracting(ofData), clear.subtracting(ofData))
        return set.isEmpty && clear.isEmpty ? next.end() : next.enableIndications(set, clear: clear)
    }

    /// Passes the program's own data up.
    public func receiveIndicated(_ event: ReceiveEvent, up: borrowing Up<HandshakeState>) -> EventAnswer {
        up.receive(event)
    }
}

extension Handshakes where Self: ~Copyable {
    static func state(_ part: Part) -> HandshakeState { part.state(of: Self.self).pointee }
}

extension Next where State == HandshakeState {
    /// Ends a call that came before the way was open.
    @usableFromInline
    consuming func isEarly() -> Answer { fail(ENOTCONN) }

    /// Lets a connect wait for a conversation, which `body` begins and which ends it: there, or later on any thread. `address` is
    /// where the program wants to go, and `time` how many nanoseconds each step may take. Where the way is open already, the
    /// call is passed on. One that only tries fails with EAGAIN. Allocates; `body` runs at once and must not block.
    public consuming func converse(
        for address: Address,
        stepTime time: Int64,
        _ body: (Conversation) -> Void
    ) -> Answer {
        let (state, slot, request) = (state, slot, request)
        guard let status = state.begin(slot, request, address, time, body) else { return connect(address, flags: []) }
        return Answer(status)
    }
}
