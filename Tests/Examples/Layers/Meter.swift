import LaminaProvider

/// Counts the bytes of every data entry, and says what there were when a socket has closed.
struct Meter: Layer, DataOutEnds, DataInEnds, ReceiveEvents, ReceiveFromEvents {
    static let about = LayerDescription("meter", effect: .observe, phase: .inspector)
    struct State: ~Copyable, Sendable { let sent = Counter(), received = Counter() }
    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket) -> State { State() }
    func ended(_ state: consuming State, _ socket: borrowing Socket) {
        socket.output("\(state.sent.value) bytes out, \(state.received.value) bytes in")
    }

    func dataOutEnded(_ ending: borrowing Ending<State>) { ending.state.sent.add(ending.moved) }
    func dataInEnded(_ ending: borrowing Ending<State>) { ending.state.received.add(ending.moved) }
    func receiveIndicated(_ event: ReceiveEvent, up: borrowing Up<State>) -> EventAnswer {
        let answer = up.receive(event)
        up.state.received.add(event.bytesTaken(answer))
        return answer
    }
    func receiveFromIndicated(_ event: ReceiveFromEvent, up: borrowing Up<State>) -> EventAnswer {
        let bytes = UInt64(event.data.byteCount)
        let answer = up.receiveFrom(event)
        if answer.isTaken { up.state.received.add(bytes) }
        return answer
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Meter.self) }
