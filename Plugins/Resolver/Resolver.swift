import LaminaProvider

/// Names by the system's resolver: for chains over a base that asks nobody.
struct Resolver: Layer, ResolveCalls, ReverseResolveCalls {
    static let about = LayerDescription(
        "resolver",
        summary: "names by the system's resolver, over bases that ask nobody",
        uuid: "c2c7a6de-3b0f-4b43-8d3e-93a1f5a1f7d4",
        phase: .system
    )

    init(_ level: Level) {}

    func resolve(_ question: NameQuestion, next: consuming Next<NoState>) -> Answer { next.askSystem(question) }

    func reverseResolve(_ question: AddressQuestion, next: consuming Next<NoState>) -> Answer {
        next.askSystem(question)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Resolver.self) }
