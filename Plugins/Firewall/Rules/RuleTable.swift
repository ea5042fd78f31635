import LaminaProvider

/// Rules in their order, with what is done where none of them fits: the first that fits decides.
public struct RuleTable: Sendable {
    /// A rule, where it was written, and its number.
    public struct Entry: Sendable {
        /// From 1.
        public let number: Int
        /// The rule.
        public let rule: Rule
        /// `rules`, or a file's path and line.
        public let place: String
        /// The number of an earlier rule that has everything already; nil where there is none.
        public let covered: Int?
    }

    /// The rules.
    public let entries: [Entry]
    /// What is done where none fits.
    public let otherwise: Action

    /// A table of rules, each with where it was written.
    public init(_ rules: [(rule: Rule, place: String)], otherwise: Action) {
        var entries: [Entry] = []
        for (index, (rule, place)) in rules.enumerated() {
            let covered = entries.first { $0.rule.covers(rule) }?.number
            entries.append(Entry(number: index + 1, rule: rule, place: place, covered: covered))
        }
        self.entries = entries
        self.otherwise = otherwise
    }

    /// What becomes of a call, and the rule that says so; nil where none does. What isn't known fits no rule that asks for
    /// it, except before the call that counts (`Subject.isBefore`).
    public func decide(_ subject: Subject) -> (action: Action, entry: Entry?) {
        for entry in entries {
            switch entry.rule.matches(subject) {
            case true: return (entry.rule.action, entry)
            case nil where subject.isBefore && entry.rule.action == .allow: return (.allow, entry)
            default: continue
            }
        }
        return (otherwise, nil)
    }

    /// The rules that can never decide, one line each.
    public var warnings: [String] {
        entries.compactMap { entry in
            entry.covered.map {
                "rule \(entry.number) (\(entry.place)) never decides: rule \($0) fits everything that \"\(entry.rule.text)\" "
                    + "fits; put it before that rule, or leave it out"
            }
        }
    }

    /// The table as lines for people.
    public var lines: [String] {
        let rules = entries.map { entry in
            "\(entry.rule.text)  (\(entry.place)"
                + "\(entry.covered.map { "; never decides: rule \($0) comes first" } ?? ""))"
        }
        return NumberedLines.of(rules, otherwise: otherwise.text)
    }
}

extension Action {
    /// Its name, as rules have it.
    public var text: String {
        switch self {
        case .allow: "allow"
        case .deny: "deny"
        case .reject: "reject"
        case .blackhole: "blackhole"
        }
    }
}
