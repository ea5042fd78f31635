import Glibc
import LaminaFaultRules
import LaminaProvider
import Synchronization

/// The rules of a level and how often each has struck, which its last line says.
final class Tally: @unchecked Sendable {
    /// One rule.
    final class Entry: Sendable {
        let rule: Rule
        /// Its place among the rules, and its bit in what is kept of a socket.
        let index: Int
        var bit: UInt32 { 1 << UInt32(index) }
        private let left: Atomic<UInt64>
        private let done = Counter()

        init(_ rule: Rule, _ index: Int) {
            self.rule = rule
            self.index = index
            left = Atomic(rule.count)
        }

        /// Lets the rule strike once. False: it has as often as it may.
        func take() -> Bool {
            var count = left.load(ordering: .relaxed)
            while count > 0 {
                let (isTaken, other) = left.compareExchange(expected: count, desired: count - 1, ordering: .relaxed)
                if isTaken {
                    done.add()
                    return true
                }
                count = other
            }
            return false
        }

        var hasStruck: Bool { done.value > 0 }
        var line: String { "\(rule.text) \(done.value)" }
    }

    /// The rules that hold at one time, and which of them are about what.
    final class Rules: Sendable {
        /// Another one for each change.
        let number: UInt32
        let entries: [Entry]
        /// Those about each kind of call, by its number.
        private let byKind: [[Entry]]
        /// Those about datagrams that come, and about the end of what is received.
        let ofArrivals: [Entry]
        let ofEnds: [Entry]

        init(number: UInt32, _ entries: [Entry]) {
            self.number = number
            self.entries = entries
            byKind = (0...DelayedKind.last.rawValue).map { kind in
                entries.filter { entry in DelayedKind(rawValue: kind).map(entry.rule.isAbout) ?? false }
            }
            let down = entries.filter { $0.rule.places.contains(.down) }
            ofArrivals = down.filter(\.rule.kind.isOfDatagrams)
            ofEnds = down.filter { $0.rule.kind == .slowClose }
        }

        /// Those about calls of a kind.
        func about(_ kind: DelayedKind) -> [Entry] { byKind[Int(kind.rawValue)] }
    }

    let seed: UInt64
    let sockets = Atomic<UInt64>(0)
    /// Datagrams that were doubled or kept back, and that no receive had when its socket closed.
    let unreceived = Counter()
    private let level: Level
    private let current: Published<Rules>
    /// Rules that held before, and have struck. Guarded by the lock, as what follows.
    private var past: [Entry] = []
    private var open: [ObjectIdentifier: CallLanes] = [:]
    private static let lock = PluginLock {}

    /// A failure marks the place of a mistake.
    init(_ level: Level, _ texts: [String], seed: UInt64) throws(Failure) {
        self.level = level
        self.seed = seed
        current = Published(Rules(number: 0, try Self.read(texts)))
    }

    deinit {
        let done = (past + rules.entries).map(\.line).joined(separator: ", ")
        let rest = unreceived.value > 0 ? ", unreceived at the close \(unreceived.value)" : ""
        level.output(
            "seed \(seed), \(Self.counted(sockets.load(ordering: .relaxed))): \(done.isEmpty ? "no rules" : done)\(rest)"
        )
    }

    private static func counted(_ sockets: UInt64) -> String { "\(sockets) \(sockets == 1 ? "socket" : "sockets")" }

    /// The rules now. Any thread.
    var rules: Rules { current.object }

    /// Runs `body` with them, at no cost.
    func read<Result>(_ body: (Rules) -> Result) -> Result { current.read(body) }

    /// Takes other rules in the place of all, which begin anew, and asks again about calls that wait. Any thread.
    func change(_ texts: [String]) throws(Failure) {
        let entries = try Self.read(texts)
        let lanes = Self.lock.locked {
            current.replace { before in
                past += before.entries.filter(\.hasStruck)
                return Rules(number: before.number &+ 1, entries)
            }
            return Array(open.values)
        }
        for lane in lanes { lane.wake() }
    }

    /// A socket has opened.
    func add(_ calls: CallLanes) { Self.lock.locked { open[ObjectIdentifier(calls)] = calls } }

    /// It has closed.
    func remove(_ calls: CallLanes) {
        unreceived.add(UInt64(calls.keptDatagrams))
        Self.lock.locked { _ = open.removeValue(forKey: ObjectIdentifier(calls)) }
    }

    private static func read(_ texts: [String]) throws(Failure) -> [Entry] {
        var entries: [Entry] = []
        for text in texts { entries.append(Entry(try RuleReader.rule(text), entries.count)) }
        guard entries.count <= 32 else {
            throw Failure(EINVAL, "do: \(entries.count) rules are too many; 32 can be given")
        }
        return entries
    }
}
