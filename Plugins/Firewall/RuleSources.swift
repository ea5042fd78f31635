import LaminaFirewallRules
import LaminaProvider

/// The rules of a file, line by line.
struct RuleLines: LineContent {
    private(set) var rules: [(rule: Rule, line: Int)] = []
    private var line = 0

    /// Takes in a line; what stands behind `#` is for people.
    mutating func add(line text: Substring) -> String? {
        line += 1
        let content = text.prefix { $0 != "#" }
        guard content.contains(where: { $0 != " " && $0 != "\t" && !$0.isNewline }) else { return nil }
        do throws(RuleProblem) {
            rules.append((try RuleReader.rule(content), line))
            return nil
        } catch {
            return "\(error)"
        }
    }
}

/// What a level is told: rules of its setting, then those of its files, each read again when it has changed.
final class RuleSources: @unchecked Sendable {
    private let level: Level
    // Guarded by the lock.
    private var rules: [Rule]
    private var files: [LineFile<RuleLines>]
    private var otherwise: Action
    private var current: RuleTable
    private static let lock = PluginLock {}

    /// Reads the settings' rules and files. Blocks for the files.
    init(_ level: Level, rules: String, files: [String], otherwise: Action) throws(Failure) {
        self.level = level
        self.otherwise = otherwise
        self.rules = try Self.read(rules)
        self.files = try Self.read(files: files)
        current = RuleTable([], otherwise: otherwise)
        current = table()
    }

    /// The table as it is now. Files that have changed are read again, which blocks for them; one that can't be used any
    /// more is named in a warning, once, and says what it said before. Any thread.
    var now: RuleTable {
        var problems: [String] = []
        let table = Self.lock.locked { () -> RuleTable in
            var hasChanged = false
            for index in files.indices {
                do throws(LineProblem) {
                    hasChanged = try files[index].refresh() || hasChanged
                } catch {
                    problems.append("\(error.text); what it said before still holds")
                }
            }
            if hasChanged {
                current = self.table()
                problems += current.warnings
            }
            return current
        }
        for problem in problems { level.log(.warning, problem) }
        return table
    }

    /// Takes other rules, files and default in the place of those that it has: all or none. Blocks for the files.
    func change(rules text: String, files paths: [String], otherwise: Action) throws(Failure) {
        let rules = try Self.read(text)
        let files = try Self.read(files: paths)
        Self.lock.locked {
            self.rules = rules
            self.files = files
            self.otherwise = otherwise
            current = table()
        }
    }

    private static func read(_ text: String) throws(Failure) -> [Rule] {
        do throws(RuleProblem) {
            return try RuleReader.rules(text)
        } catch {
            throw Failure(22, "rules: \(error)")
        }
    }

    private static func read(files paths: [String]) throws(Failure) -> [LineFile<RuleLines>] {
        do throws(LineProblem) {
            var files: [LineFile<RuleLines>] = []
            for path in paths { files.append(try LineFile(path)) }
            return files
        } catch {
            throw Failure(22, error.text)
        }
    }

    private func table() -> RuleTable {
        var all = rules.map { (rule: $0, place: "rules") }
        for file in files { all += file.content.rules.map { (rule: $0.rule, place: "\(file.path):\($0.line)") } }
        return RuleTable(all, otherwise: otherwise)
    }
}
