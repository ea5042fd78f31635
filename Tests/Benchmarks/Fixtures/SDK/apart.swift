import LaminaProvider

/// Leaves sends to the levels below.
struct Apart: Layer, BindCalls {
    static let about = LayerDescription("sdk-layer", phase: .inspector)
    init(_ level: Level) {}

    func bind(_ address: Address, flags: UInt32, next: consuming Next<State>) -> Answer {
        next.bind(address, flags: flags)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Apart.self) }
