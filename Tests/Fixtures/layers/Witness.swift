import LaminaProvider

/// Notes every call and event, and says of a socket that has closed what it noted and what it was told of.
struct Witness: Layer, ObservesCalls, ChoosesEntries {
    static let data = Setting<Bool>.flag("data", default: true, help: "whether it sees calls and events with data")
    static let pass = Setting<Bool>.flag("pass", default: true, help: "whether it passes on what it doesn't see")
    static let about = LayerDescription("witness", effect: .observe, settings: [data, pass])

    struct State: ~Copyable, Sendable { let noted = Counter(), ended = Counter(), bytes = Counter() }

    /// What is counted while a call is under way.
    final class Note: Sendable {
        static let alive = Counter()
        init() { Self.alive.add() }
        deinit { Self.alive.add(.max) }
    }

    private let level: Level

    init(_ level: Level) { self.level = level }

    var entries: EntrySet {
        let data: Entry.Classes = level[Self.data] ? [] : [.dataOut, .dataIn]
        return EntrySet { $0.links.isDisjoint(with: data) && $0 != .release }
    }
    var passesOthersOn: Bool { level[Self.pass] }

    func makeState(_ socket: borrowing Socket) -> State { State() }

    func begins(_ call: borrowing ObservedCall<State>) -> Note? {
        guard call.withState({ $0.noted.add() }) != nil else { return nil }
        return Note()
    }

    func ended(_ note: Note, _ ending: borrowing ObservedEnd<State>) {
        var bytes = 0
        ending.forEachBuffer(first: ending.bytes) { bytes += $0.byteCount }
        ending.withState { state in
            state.ended.add()
            state.bytes.add(UInt64(bytes))
        }
    }

    func ended(_ state: consuming State, _ socket: borrowing Socket) {
        let counts = "\(state.noted.value) noted, \(state.ended.value) ended, \(state.bytes.value) bytes"
        socket.output("\(counts), \(Note.alive.value) left")
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Witness.self) }
