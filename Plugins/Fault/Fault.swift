import Glibc
import LaminaFaultRules
import LaminaProvider
import Synchronization

/// Lets go wrong what its user asks for.
struct Fault: SortsDatagrams, HasRules, Reconfigures, ConnectCalls, SendCalls, ReceiveCalls, DisconnectCalls,
    SendToCalls
{
    static let rules = Setting.texts(
        "do",
        live: true,
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

    init(_ level: Level) throws(Failure) {
        let given = level[Self.seed]
        let seed = given > 0 ? UInt64(given) : UInt64.random(in: 1...UInt64(Int32.max))
        tally = try Tally(level, level[Self.rules], seed: seed)
        level.output("seed \(seed)")
    }

    func makeState(_ socket: borrowing Socket) throws(Failure) -> FaultState {
        let number = tally.sockets.wrappingAdd(1, ordering: .relaxed).oldValue
        let isDatagram = socket.category == .datagram
        if !isDatagram, socket.category != .basic,
            let rule = tally.rules.entries.first(where: \.rule.kind.isOfDatagrams)
        {
            throw Failure(
                EOPNOTSUPP,
                "\"\(rule.rule.text)\": a stream loses, doubles and reorders nothing, its transport sees to that; use stall, reset or the layer "
                    + "throttle, or give the level a condition that leaves streams out"
            )
        }
        let state = FaultState(Random(tally.seed, stream: number), sortsDatagrams: isDatagram)
        tally.add(state.calls)
        return state
    }

    func ended(_ state: consuming FaultState, _ socket: borrowing Socket) { tally.remove(state.calls) }

    func reconfigure(_ setting: String, _ level: Level) throws(Failure) { try tally.change(level[Self.rules]) }

    var ruleLines: [String] { NumberedLines.of(tally.rules.entries.map(\.rule.text)) }

    func turn(_ call: borrowing CallInTurn<FaultState>) -> Turn {
        let broken = call.state.broken.load(ordering: .relaxed)
        if broken > 0, call.kind != .disconnect { return .fail(broken) }
        if call.state.opened.load(ordering: .relaxed) == 0 { call.state.opened.store(call.since, ordering: .relaxed) }
        return tally.read { rules in
            let isNew = call.state.follow(rules, isReceive: call.kind.isReceive) || call.isNew
            var limit = Int.max
            for entry in rules.about(call.kind) {
                switch Verdict.of(entry, call, isNew: isNew) {
                case .none: continue
                case .atMost(let bytes): limit = min(limit, bytes)
                case .now(let turn): return turn
                }
            }
            return limit == .max ? .pass : .passUpTo(limit)
        }
    }

    var sortsNow: Bool { tally.read { !$0.ofArrivals.isEmpty } }

    func arrived(_ datagram: borrowing ArrivedDatagram<FaultState>) -> Arrival {
        for entry in tally.rules.ofArrivals {
            if let arrival = Verdict.of(entry, datagram) { return arrival }
        }
        return .up
    }

    func passed(_ call: borrowing PassedCall<FaultState>) -> Delivery {
        if call.kind.isReceive { call.state.down.moved.add(call.bytes) } else { call.state.up.moved.add(call.bytes) }
        guard call.isEnd else { return .now }
        for entry in tally.rules.ofEnds where call.state.isChosen(entry) && entry.take() {
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
        /// Which rules those bits are about.
        let rules = Atomic<UInt32>(0)
        /// When a piece went.
        let piece = Atomic<Int64>(0)

        /// Begins anew with rules that were changed. True: they were.
        func follow(_ rules: Tally.Rules) -> Bool {
            guard self.rules.load(ordering: .relaxed) != rules.number else { return false }
            chosen.store(0, ordering: .relaxed)
            struck.store(0, ordering: .relaxed)
            over.store(0, ordering: .relaxed)
            self.rules.store(rules.number, ordering: .relaxed)
            return true
        }

        /// Sets bits, or takes them away, where they aren't so.
        static func set(_ bits: borrowing Atomic<UInt32>, _ wanted: UInt32, _ isOn: Bool) {
            let isSo = bits.load(ordering: .relaxed) & wanted != 0
            if isOn, !isSo { bits.bitwiseOr(wanted, ordering: .relaxed) }
            if !isOn, isSo { bits.bitwiseAnd(~wanted, ordering: .relaxed) }
        }
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

    /// Begins anew with rules that were changed, in one direction. True: they were.
    func follow(_ rules: Tally.Rules, isReceive: Bool) -> Bool { isReceive ? down.follow(rules) : up.follow(rules) }

    /// Whether the socket is one that a rule is about, by its chance.
    func isChosen(_ entry: Tally.Entry) -> Bool {
        guard case .socket(let chance) = entry.rule.chance else { return true }
        return random.fixed(entry.index) < chance
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Fault.self) }
