import LaminaProvider

/// Passes everything on later and in pieces, and hands what was received over later too.
struct Delay: DelaysCalls, ConnectCalls, SendCalls, ReceiveCalls, DisconnectCalls, SendToCalls, ReceiveFromCalls {
    static let by = Setting.duration("by", default: "1ms", live: true, help: "how much later")
    static let piece = Setting.size("piece", in: 1...1 << 30, default: "1m", help: "the most that goes at once")
    static let about = LayerDescription("delay", effect: .observe, settings: [by, piece])
    struct State: ~Copyable, KeepsCalls { let calls = CallLanes() }
    private let by: Live<Int>
    private let piece: Int

    init(_ level: Level) { (by, piece) = (level.live(Self.by), level[Self.piece]) }
    func makeState(_ socket: borrowing Socket) -> State { State() }

    func turn(_ call: borrowing CallInTurn<State>) -> Turn {
        let due = call.since + Int64(by.value)
        return call.moved == 0 && call.now < due ? .wait(until: due) : .passUpTo(piece)
    }
    func passed(_ call: borrowing PassedCall<State>) -> Delivery {
        call.hasWaited && call.bytes > 0 ? .later(call.now + Int64(by.value)) : .now
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Delay.self) }
