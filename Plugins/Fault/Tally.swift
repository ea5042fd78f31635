import LaminaFaultRules
import LaminaProvider
import Synchronization

/// The rules of a level and how often each has struck, which its last line says.
final class Tally: Sendable {
    /// One rule.
    final class Entry: Sendable {
        let rule: Rule
        private let left: Atomic<UInt64>
        private let done = Counter()

        init(_ rule: Rule) {
            self.rule = rule
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

        var line: String { "\(rule.text) \(done.value)" }
    }

    let rules: [Entry]
    let seed: UInt64
    let sockets = Atomic<UInt64>(0)
    /// Datagrams that were doubled or kept back, and that no receive had when its socket closed.
    let unreceived = Counter()
    private let level: Level

    init(_ level: Level, _ rules: [Rule], seed: UInt64) {
        self.level = level
        self.rules = rules.map(Entry.init)
        self.seed = seed
    }

    deinit {
        let done = rules.map(\.line).joined(separator: ", ")
        let rest = unreceived.value > 0 ? ", unreceived at the close \(unreceived.value)" : ""
        level.output(
            "seed \(seed), \(sockets.load(ordering: .relaxed)) sockets: \(done.isEmpty ? "no rules" : done)\(rest)"
        )
    }
}
