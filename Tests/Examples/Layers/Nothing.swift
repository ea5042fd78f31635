import LaminaProvider

/// A layer that does nothing: it passes on what is sent.
struct Nothing: Layer, SendCalls {
    static let about = LayerDescription("nothing", effect: .observe, categories: .streams)
    init(_ level: Level) {}
    func send(_ data: Outgoing, next: consuming Next<State>) -> Answer { next.send(data) }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Nothing.self) }
