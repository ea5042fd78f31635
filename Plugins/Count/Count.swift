import LaminaProvider

/// Counts calls, failures and bytes by entry and direction: of each socket, and of all.
struct Count: Layer, CallEnds, EventEnds {
    static let each = Setting<Bool>.flag(
        "each",
        default: true,
        help: "one line for each socket when it closes, beside the table at the end"
    )
    static let about = LayerDescription(
        "count",
        effect: .observe,
        summary: "calls and bytes by entry and direction, at close and at the end",
        uuid: "5d1a3c1e-7a52-4a38-9b0e-2f6f3c1d7e02",
        phase: .inspector,
        settings: [each]
    )
    typealias State = Tallies

    private let total: Total
    private let showsEach: Bool

    init(_ level: Level) {
        total = Total(level)
        showsEach = level[Self.each]
    }

    func makeState(_ socket: borrowing Socket) -> Tallies { Tallies() }

    func ended(_ state: consuming Tallies, _ socket: borrowing Socket) { total.tallies.add(state) }

    func callEnded(_ entry: Entry, _ ending: borrowing Ending<Tallies>) {
        ending.state[entry].add(ending.status, bytes: ending.moved)
        switch entry {
        case .open, .adoptState: if !ending.hasFailed { total.sockets.add() }
        // The last that anything sees of the socket.
        case .close: if showsEach { Report.socket(ending.state, ending.socket, total.level) }
        default: break
        }
    }

    func chainCallEnded(_ entry: Entry, _ ending: borrowing Ending<NoState>) {
        total.tallies[entry].add(ending.status, bytes: 0)
    }

    func eventEnded(_ entry: Entry, _ answer: EventAnswer, bytes: UInt64, _ up: borrowing Up<Tallies>) {
        up.state[entry].add(answer.isTaken ? 0 : -1, bytes: bytes)
    }
}

/// What all sockets of a level come to, those that have closed, and the calls of the chain itself. It is told when the
/// level ends.
final class Total: Sendable {
    let level: Level
    let sockets = Counter()
    let tallies = Tallies()

    init(_ level: Level) { self.level = level }

    deinit { Report.total(tallies, sockets: sockets.value, level) }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Count.self) }
