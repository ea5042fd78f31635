import LaminaProvider

/// Says of every receive that more bytes came than there are.
struct Liar: Layer, ReceiveCalls, ReceiveFromCalls {
    static let about = LayerDescription("liar", effect: .transform)

    init(_ level: Level) {}

    func receive(_ room: Incoming, next: consuming Next<State>) -> Answer { next.end(bytes: .max) }
    func receiveFrom(_ room: IncomingDatagram, next: consuming Next<State>) -> Answer { next.end(bytes: .max) }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Liar.self) }
