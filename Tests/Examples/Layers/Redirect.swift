import LaminaProvider

/// A redirector: what is connected to goes to another port of this host, which may change at any time.
struct Redirect: Layer, ConnectCalls {
    static let port = Setting.integer("port", in: 1...65535, live: true, required: true, help: "where it goes")
    static let about = LayerDescription("redirect", phase: .redirector, categories: .streams, settings: [port])
    private let port: Live<Int>
    init(_ level: Level) { port = level.live(Self.port) }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        next.connect(.loopback(port: port.value), flags: flags)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Redirect.self) }
