/// A layer or base with a table of rules, which `lamina run --check` prints before anything runs.
public protocol HasRules: LevelValue, ~Copyable {
    /// The rules of the level as they are now, a line each, in the order in which they decide (`NumberedLines`). Any
    /// thread; may block.
    var ruleLines: [String] { get }
}

/// A table of rules as lines.
public enum NumberedLines {
    /// The rules behind their numbers, from 1, and what is done where none decides behind `*`; nil: it says nothing.
    public static func of(_ rules: [String], otherwise: String? = nil) -> [String] {
        let width = String(rules.count).utf8.count
        func line(_ head: String, _ rule: String) -> String {
            String(repeating: " ", count: width - head.utf8.count) + "\(head)  \(rule)"
        }
        return rules.enumerated().map { line(String($0.offset + 1), $0.element) }
            + (otherwise.map { [line("*", $0)] } ?? [])
    }
}
