import LaminaProvider
import Synchronization

/// Counts the sends of a socket that ended, as cheaply as the layer in C.
struct Watching: Layer, SendEnds {
    struct State: ~Copyable, Sendable { let count = Atomic<UInt64>(0) }
    static let about = LayerDescription("sdk-layer", effect: .observe, phase: .inspector)
    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket) -> State { State() }

    func sendEnded(_ ending: borrowing Ending<State>) {
        ending.state.count.store(ending.state.count.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Watching.self) }
