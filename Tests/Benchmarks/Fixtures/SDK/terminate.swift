import LaminaProvider

/// A level that ends the column, and has one more below it.
struct Terminating: TerminatingLayer {
    static let about = LayerDescription("sdk-terminate", effect: .observe, phase: .proxy)
    init(_ level: Level) {}
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Terminating.self) }
