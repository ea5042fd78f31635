import LaminaProvider

/// Says when a socket's state is made and when it ends, and what its level is asked: for tests of both.
struct Ledger: Layer, Reconfigures, ConnectCalls {
    enum Mode: String, CaseIterable { case open, refuse }
    static let mode = Setting<Mode>.choice("mode", default: "open", live: true, help: "what it does at open")
    static let limit = Setting.integer("limit", in: 1...10, default: "5", live: true, help: "a number")
    static let names = Setting.texts("name", help: "some names")
    static let about = LayerDescription("ledger", categories: .streams, settings: [mode, limit, names])

    /// Says that it is gone, exactly when it is.
    struct State: ~Copyable, Sendable {
        let number: UInt64
        let level: Level
        deinit { level.output("gone #\(number)") }
    }

    private let level: Level

    init(_ level: Level) throws(Failure) {
        if level[Self.names].contains("nobody") { throw Failure(22, "name nobody is nobody's: leave it out") }
        level.output("names \(level[Self.names].joined(separator: ",")), limit \(level[Self.limit])")
        self.level = level
    }

    func makeState(_ socket: borrowing Socket) throws(Failure) -> State {
        if level[Self.mode] == .refuse { throw Failure(13, "no socket is let in") }
        level.output("made #\(socket.number)\(socket.isInbound ? " inbound" : "")")
        return State(number: socket.number, level: level)
    }

    func ended(_ state: consuming State, _ socket: borrowing Socket) { level.output("ended #\(state.number)") }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        guard address.port != 13 else { return next.fail(Failure(111, "port 13 is bad luck")) }
        return next.connect(address, flags: flags)
    }

    func reconfigure(_ setting: String, _ level: Level) throws(Failure) {
        if level[Self.limit] == 7 { throw Failure(22, "limit 7 isn't liked") }
        if level[Self.limit] == 9 { try level.after(nanoseconds: 1_000_000) { level.output("a millisecond later") } }
        level.output("\(setting) is now \(level[Self.limit])")
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Ledger.self) }
