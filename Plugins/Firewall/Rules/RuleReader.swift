import Glibc
import LaminaProvider

/// What is wrong with a rule, where it stands in its text, and what to write.
public struct RuleProblem: Error, CustomStringConvertible {
    /// Which rule, from 1; 0 where it stands alone.
    public var rule = 0
    /// The column of the word that is wrong, in characters, from 1.
    public let column: Int
    /// A sentence without its final point.
    public let text: String

    /// `rule 2, column 7: "prot" is …`
    public var description: String {
        (rule > 0 ? "rule \(rule), " : "") + "column \(column): \(text)"
    }
}

/// Reads rules as users write them: `deny out tcp *.ads.test:443 program=curl`.
public enum RuleReader {
    /// Reads rules with `,`, `;` or a line's end between them, in brackets or not, as the setting `rules` has them.
    public static func rules(_ text: String) throws(RuleProblem) -> [Rule] {
        var inside = text[...]
        // No rule begins with a bracket.
        if let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) }),
            text[first] == "[", text[last] == "]"
        {
            inside = text[text.index(after: first)..<last]
        }
        var rules: [Rule] = []
        for part in inside.split(omittingEmptySubsequences: true, whereSeparator: isSeparator) {
            guard part.contains(where: { !isSpace($0) }) else { continue }
            do throws(RuleProblem) {
                rules.append(try rule(part, at: text.distance(from: text.startIndex, to: part.startIndex)))
            } catch {
                throw RuleProblem(rule: rules.count + 1, column: error.column, text: error.text)
            }
        }
        return rules
    }

    /// Reads one rule, which stands so many characters into its text.
    public static func rule(_ text: Substring, at offset: Int = 0) throws(RuleProblem) -> Rule {
        let words = text.split(whereSeparator: isSpace)
        func column(_ word: Substring) -> Int {
            offset + text.distance(from: text.startIndex, to: word.startIndex) + 1
        }
        guard let first = words.first else {
            throw RuleProblem(column: offset + 1, text: "there is no rule; write \(actions)")
        }
        var rule = Rule(.allow, text: words.joined(separator: " "))
        do throws(PlaceProblem) {
            rule.action = try action(first)
        } catch {
            throw RuleProblem(column: column(first), text: error.text)
        }
        // Where words contradict each other, the one is marked that began it, unless a later one mends it.
        var conflict: RuleProblem?
        for word in words.dropFirst() {
            do throws(PlaceProblem) {
                try add(word, to: &rule)
            } catch {
                throw RuleProblem(column: column(word), text: error.text)
            }
            let text = contradiction(in: rule)
            conflict = text.map { conflict ?? RuleProblem(column: column(word), text: $0) }
        }
        if let conflict { throw conflict }
        return rule
    }

    // MARK: - Words

    private static let actions = "allow, deny, reject or blackhole, and then what it is about"

    private static func isSpace(_ character: Character) -> Bool {
        character == " " || character == "\t" || character.isNewline
    }

    private static func isSeparator(_ character: Character) -> Bool {
        character == "," || character == ";" || character.isNewline
    }

    private static func action(_ word: Substring) throws(PlaceProblem) -> Action {
        let (name, value) = split(word)
        switch name {
        case "allow":
            guard value == nil else { throw PlaceProblem("\"\(word)\" has a value, and allow takes none") }
            return .allow
        case "deny": return .deny(try value.map(error) ?? EACCES)
        case "reject": return .reject(try value.map(error) ?? ECONNREFUSED)
        case "blackhole": return .blackhole(try value.map(time))
        default: throw PlaceProblem("\"\(word)\" is no action; write \(actions)")
        }
    }

    private static func add(_ word: Substring, to rule: inout Rule) throws(PlaceProblem) {
        if let direction = Direction(rawValue: String(word)) { return rule.directions.append(direction) }
        if let transport = Transport(rawValue: String(word)) { return rule.transports.append(transport) }
        if word.hasPrefix("/") || word.hasPrefix("@") { return rule.paths.append(Wildcard(String(word))) }
        let (name, value) = split(word)
        guard let value else { return rule.ends.append(try PlacePattern(parsing: word, wildcards: true)) }
        guard !value.isEmpty else { throw PlaceProblem("\"\(word)\" has nothing behind '='") }
        switch name {
        case "program": rule.programs.append(Wildcard(String(value)))
        case "user": rule.users.append(try user(value))
        case "from": rule.peers.append(try peer(value))
        default:
            throw PlaceProblem(
                "\"\(name)\" is no term; write in, out, tcp, udp, unix, HOST:PORT, /PATH, from=, program= or user="
            )
        }
    }

    /// Why words can't stand together; nil where they can.
    private static func contradiction(in rule: Rule) -> String? {
        if !rule.peers.isEmpty, rule.directions.contains(.out) {
            return "from= is about who connects to this program, and the rule is about what goes out"
        }
        if !rule.peers.isEmpty, rule.transports == [.udp] {
            return "from= is about connections that are accepted; what serves datagrams is decided at its bind"
        }
        if let transport = rule.transports.first, !rule.transports.contains(.unix), !rule.paths.isEmpty {
            return "a path is a Unix socket's, and the rule is about \(transport.rawValue)"
        }
        if rule.transports == [.unix], !rule.ends.isEmpty || !rule.peers.isEmpty {
            return "a Unix socket has a path, and no host or port; write /PATH, or @NAME"
        }
        return nil
    }

    private static func split(_ word: Substring) -> (name: Substring, value: Substring?) {
        guard let equals = word.firstIndex(of: "=") else { return (word, nil) }
        return (word[..<equals], word[word.index(after: equals)...])
    }

    private static func peer(_ text: Substring) throws(PlaceProblem) -> PlacePattern {
        let pattern = try PlacePattern(parsing: text)
        if case .name = pattern.host {
            throw PlaceProblem("\"\(text)\" is a name, and who connects has an address; write ADDRESS or ADDRESS/BITS")
        }
        return pattern
    }

    private static func user(_ text: Substring) throws(PlaceProblem) -> UInt32 {
        if let number = UInt32(text) { return number }
        guard let number = UserName.number(of: String(text)) else {
            throw PlaceProblem("there is no user \"\(text)\"; write a name or a number")
        }
        return number
    }

    private static func error(_ text: Substring) throws(PlaceProblem) -> Int32 {
        guard let number = Failure.errno(named: text) else {
            throw PlaceProblem("\"\(text)\" is no error; write EPERM, EHOSTUNREACH or another errno")
        }
        return number
    }

    /// Nanoseconds; `Int64.max` for never.
    private static func time(_ text: Substring) throws(PlaceProblem) -> Int64 {
        if text == "never" { return .max }
        guard let time = WrittenQuantity.time(text) else {
            throw PlaceProblem("\"\(text)\" is no time; write 200ms, 5s, 2min or never")
        }
        return time
    }
}
