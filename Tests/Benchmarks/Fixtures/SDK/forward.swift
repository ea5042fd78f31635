import LaminaProvider

/// Forwards sends.
struct Forwarding: Layer, SendCalls {
    static let about = LayerDescription("sdk-layer", effect: .observe, phase: .inspector)
    init(_ level: Level) {}
    func send(_ data: Outgoing, next: consuming Next<State>) -> Answer { next.send(data) }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Forwarding.self) }
