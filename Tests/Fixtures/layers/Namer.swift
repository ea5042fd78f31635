import Glibc
import LaminaProvider

/// A layer that connects to a name of so many bytes.
struct Namer: Layer, ConnectCalls {
    static let length = Setting.integer("length", in: 0...1000, required: true, help: "the bytes of the name")
    static let about = LayerDescription("namer", phase: .redirector, categories: .streams, settings: [length])

    private let name: String

    init(_ level: Level) { name = String(repeating: "a", count: level[Self.length]) }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        guard let place = Address(name: name, port: address.port) else { return next.fail(EINVAL) }
        return next.connect(place, flags: flags)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Namer.self) }
