import LaminaProvider

/// Counts what a program sends, and says how much it was when a socket has closed.
struct __Module__Layer: Layer, DataOutEnds {
    static let says = Setting.flag("says", default: true, live: true, help: "whether each socket's bytes are printed")
    static let about = LayerDescription(
        "__name__",
        effect: .observe,
        summary: "counts the bytes that a program sends",
        uuid: "__uuid__",
        phase: .inspector,
        settings: [says]
    )

    /// What the layer keeps for each socket.
    struct State: ~Copyable, Sendable {
        let sent = Counter()
    }

    private let says: Live<Bool>

    init(_ level: Level) {
        says = level.live(Self.says)
    }

    func makeState(_ socket: borrowing Socket) -> State { State() }

    func dataOutEnded(_ ending: borrowing Ending<State>) {
        ending.state.sent.add(ending.moved)
    }

    func ended(_ state: consuming State, _ socket: borrowing Socket) {
        if says.value { socket.output("\(state.sent.value) bytes sent") }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(__Module__Layer.self) }
