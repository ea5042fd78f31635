import LaminaProvider
import Synchronization

/// Lets sends wait until something is asked for, refuses what is too long, swallows what is empty, and passes on what has
/// more than 20 bytes by 8, saying how often it was asked about that.
struct Patient: DelaysCalls, ConnectCalls, SendCalls, ReceiveCalls {
    static let about = LayerDescription("patient", effect: .observe, categories: .streams)
    struct State: ~Copyable, KeepsCalls {
        let calls = CallLanes()
        let isAsked = Atomic(false)
        let pieces = Counter()
    }

    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket) -> State { State() }

    func turn(_ call: borrowing CallInTurn<State>) -> Turn {
        switch call.kind {
        case .connect: return call.address?.port == 13 ? .fail(111) : .pass
        case .receive:
            call.state.isAsked.store(true, ordering: .relaxed)
            call.state.calls.wake()
            return .pass
        default:
            if call.bytes == 0 { return .end(bytes: 7) }
            if call.bytes > 100 { return .fail(90) }
            if call.bytes + Int(call.moved) > 20 {
                call.state.pieces.add()
                return .passUpTo(8)
            }
            return call.state.isAsked.load(ordering: .relaxed) ? .pass : .waitForever
        }
    }
    func ended(_ state: consuming State, _ socket: borrowing Socket) {
        if state.pieces.value > 0 { socket.output("\(state.pieces.value) pieces") }
    }
    func passed(_ call: borrowing PassedCall<State>) -> Delivery {
        call.kind == .receive && call.bytes == 5 ? .fail(71) : .now
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Patient.self) }
