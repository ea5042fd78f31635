import Glibc
import LaminaFaultRules
import LaminaProvider
import Synchronization

/// Lets go wrong what its user asks for.
struct Fault: SortsDatagrams, ConnectCalls, SendCalls, ReceiveCalls, DisconnectCalls, SendToCalls {
    static let rules = Setting.texts(
        "do",
        help: "FAULT:up|down|connect:chance=P%/socket|call:after=SIZE|TIME:count=N:for=TIME:size=SIZE:errno=NAME"
    )
    static let seed = Setting.integer("seed", in: 0...Int.max, default: "0", help: "what chances come from; 0: any")
    static let about = LayerDescription(
        "fault",
        effect: .observe,
        summary: "refusals, time-outs, resets, stalls, early ends, short operations, errors and loss, by rule",
        uuid: "6c1d5d8e-0c58-4d0b-8a53-8f0a2b6c4e19",
        reorders: true,
        settings: [rules, seed]
    )

    private let tally: Tally
    private let level: Level

    init(_ level: Level) throws(Failure) {
        var rules: [Rule] = []
        for text in level[Self.rules] { rules.append(try RuleReader.rule(text)) }
        guard rules.count <= 32 else { throw Failure(EINVAL, "do: \(rules.count) rules are too many; 32 can be given") }
        let given = level[Self.seed]
        let seed = given > 0 ? UInt64(given) : UInt64.random(in: 1...UInt64(Int32.max))
        tally = Tally(level, rules, seed: seed)
        self.level = level
        level.output("seed \(seed)")
    }

    func makeState(_ socket: borrowing Socket) throws(Failure) -> FaultState {
        let number = tally.sockets.wrappingAdd(1, ordering: .relaxed).oldValue
        let ofDatagrams = tally.rules.filter(\.rule.kind.isOfDatagrams)
        let isDatagram = socket.category == .datagram
        let sorts = isDatagram && ofDatagrams.contains { $0.rule.places.contains(.down) }
        let state = FaultState(Random(tally.seed, stream: number), sortsDatagrams: sorts)
        if !isDatagram, socket.category != .basic, let rule = ofDatagrams.first {
            throw Failure(
                EOPNOTSUPP,
                "\"\(rule.rule.text)\": a stream loses, doubles and reorders nothing, its transport sees to that; use stall, reset or the layer "
                    + "throttle, or give the level a condition that leaves streams out"
            )
        }
        return state
    }

    func ended(_ state: consuming FaultState, _ socket: borrowing Socket) {
        tally.unreceived.add(UInt64(state.calls.keptDatagrams))
    }

    func turn(_ call: borrowing CallInTurn<FaultState>) -> Turn {
        let broken = call.state.broken.load(ordering: .relaxed)
        if broken > 0, call.kind != .disconnect { return .fail(broken) }
        if call.state.opened.load(ordering: .relaxed) == 0 { call.state.opened.store(call.since, ordering: .relaxed) }
        var limit = Int.max
        for (index, entry) in tally.rules.enumerated() {
            switch Verdict.of(entry, index, call) {
            case .none: continue
            case .atMost(let bytes): limit = min(limit, bytes)
            case .now(let turn): return turn
            }
        }
        return limit == .max ? .pass : .passUpTo(limit)
    }

    func arrived(_ datagram: borrowing ArrivedDatagram<FaultState>) -> Arrival {
        for (index, entry) in tally.rules.enumerated() where entry.rule.kind.isOfDatagrams {
            if let arrival = Verdict.of(entry, index, datagram) { return arrival }
        }
        return .up
    }

    func passed(_ call: borrowing PassedCall<FaultState>) -> Delivery {
        let isDown = call.kind == .receive || call.kind == .receiveFrom
        if isDown { call.state.down.moved.add(call.bytes) } else { call.state.up.moved.add(call.bytes) }
        guard call.isEnd else { return .now }
        for (index, entry) in tally.rules.enumerated() where entry.rule.kind == .slowClose {
            guard entry.rule.places.contains(.down), call.state.isChosen(entry, index), entry.take() else { continue }
            return .later(call.now + (entry.rule.duration ?? 0))
        }
        return .now
    }
}

/// What is kept of a socket.
struct FaultState: ~Copyable, KeepsCalls {
    /// One direction.
    struct Direction: ~Copyable, Sendable {
        let moved = Counter()
        /// Rules, a bit each: those that chance has chosen for the call at hand, those that have struck it, and those that
        /// are over in this socket.
        let chosen = Atomic<UInt32>(0)
        let struck = Atomic<UInt32>(0)
        let over = Atomic<UInt32>(0)
        /// When a piece went.
        let piece = Atomic<Int64>(0)
    }

    let calls: CallLanes
    let up = Direction()
    let down = Direction()
    let opened = Atomic<Int64>(0)
    /// The errno that everything fails with, 0 for none.
    let broken = Atomic<Int32>(0)
    let random: Random

    init(_ random: consuming Random, sortsDatagrams: Bool) {
        self.random = random
        calls = CallLanes(sortsDatagrams: sortsDatagrams)
    }

    /// Whether the socket is one that a rule is about, by its chance.
    func isChosen(_ entry: Tally.Entry, _ index: Int) -> Bool {
        guard case .socket(let chance) = entry.rule.chance else { return true }
        return random.fixed(index) < chance
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Fault.self) }
