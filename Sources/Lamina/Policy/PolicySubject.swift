import Glibc

/// Which programs a policy is for.
///
/// Written `name:NAME`, `path:PATH`, `unit:UNIT` or `user:USER`; a path alone means `path:`. In a path `*` stands for any run
/// of characters but `/`; a unit without a suffix is a service.
public enum PolicySubject: Sendable, Hashable {
    /// What `lamina run --name` was given.
    case name(String)
    /// An executable's path, or a pattern of such.
    case path(String)
    /// A systemd unit; of a template (`NAME@.service`) every instance.
    case unit(String)
    /// A user, by name or number.
    case user(String)

    /// The kinds, from the most to the least specific.
    static let kinds = ["name", "path", "unit", "user"]

    /// Reads a subject. Throws what is wrong with it.
    public init(parsing text: String) throws(LaminaError) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            let shown = text.filter { !$0.isNewline && $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }
            throw Self.error(shown, "holds a control character", "write one line of text")
        }
        guard !text.hasPrefix("/") else {
            self = .path(try Self.path(text))
            return
        }
        guard let colon = text.firstIndex(of: ":") else {
            throw Self.error(
                text,
                "doesn't say what it names",
                "write name:\(text), path:/\(text), unit:\(text) or user:\(text)"
            )
        }
        let (kind, value) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
        guard Self.kinds.contains(kind) else {
            let remedy = Suggestion.nearest(to: kind, among: Self.kinds).map { "did you mean \"\($0):\(value)\"?" }
            throw Self.error(text, "\"\(kind)\" is no kind of subject", remedy ?? "write name:, path:, unit: or user:")
        }
        guard !value.isEmpty else { throw Self.error(text, "names nothing", "write \(kind):" + kind.uppercased()) }
        switch kind {
        case "path": self = .path(try Self.path(value))
        case "unit": self = .unit(try Self.unit(value))
        case "user": self = .user(try Self.word(value, text))
        default: self = .name(try Self.word(value, text))
        }
    }

    private static func error(_ text: String, _ cause: String, _ remedy: String) -> LaminaError {
        LaminaError(.invalidArgument, "subject \"\(text)\"", cause, remedy: remedy)
    }

    private static func path(_ text: String) throws(LaminaError) -> String {
        let parts = text.split(separator: "/")
        guard text.hasPrefix("/") else {
            throw error("path:\(text)", "is no whole path", "write path:\(File.resolved(text) ?? "/\(text)")")
        }
        guard !parts.isEmpty, !text.hasSuffix("/"), !parts.contains("."), !parts.contains("..") else {
            throw error("path:\(text)", "is no executable's path", "write it without a final /, without . and ..")
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func unit(_ text: String) throws(LaminaError) -> String {
        guard !text.contains("/"), !text.contains(" "), text.utf8.count <= 255 else {
            throw error("unit:\(text)", "is no unit's name", "write unit:NAME.service")
        }
        let suffixes = [".service", ".scope"]
        if suffixes.contains(where: text.hasSuffix) { return text }
        let others = [".socket", ".timer", ".target", ".slice", ".mount", ".path", ".device", ".swap", ".automount"]
        if let other = others.first(where: text.hasSuffix) {
            throw error("unit:\(text)", "a \(other.dropFirst()) runs no program", "name the service that it starts")
        }
        return "\(text).service"
    }

    private static func word(_ value: String, _ text: String) throws(LaminaError) -> String {
        guard LayerGrammar.isName(value) else {
            throw error(text, "\"\(value)\" is no name", "a name has up to 64 letters, digits, '.', '_' and '-'")
        }
        return value
    }

    /// What it names, without the kind.
    var value: String {
        switch self {
        case .name(let value), .path(let value), .unit(let value), .user(let value): value
        }
    }

    private var kind: Int {
        switch self {
        case .name: 0
        case .path: 1
        case .unit: 2
        case .user: 3
        }
    }

    /// Whether it stands for several programs: a path with `*`, a unit's template.
    public var isPattern: Bool {
        switch self {
        case .path(let path): path.contains("*")
        case .unit(let unit): unit.hasSuffix("@.service")
        case .name, .user: false
        }
    }

    /// Whether it decides before another one where both name a program: by kind, what is exact before patterns, patterns by the
    /// characters that they fix, then by text.
    public func precedes(_ other: PolicySubject) -> Bool {
        func rank(_ subject: PolicySubject) -> (Int, Int, Int, String) {
            let fixed = subject.value.utf8.count { $0 != UInt8(ascii: "*") }
            return (subject.kind, subject.isPattern ? 1 : 0, -fixed, subject.value)
        }
        return rank(self) < rank(other)
    }

    /// The name of the file that its policy is stored in, without `.json`: readable, and of one subject alone.
    var stem: String {
        let text = description
        let plain = text.prefix(48).map { LayerGrammar.isWord($0) ? String($0) : "-" }.joined()
        return "\(plain)-\(SHA256.hexadecimal(of: Array(text.utf8)).prefix(8))"
    }
}

extension PolicySubject: CustomStringConvertible {
    /// The subject as `init(parsing:)` reads it.
    public var description: String { "\(Self.kinds[kind]):\(value)" }
}

// MARK: - Whom it names

extension PolicySubject {
    /// Whether it names this program. A user is looked up by name, and a path is followed through its links; both block.
    public func names(_ program: ProgramIdentity) -> Bool { refusal(for: program) == nil }

    /// Why it doesn't name this program, as a phrase; nil where it does.
    func refusal(for program: ProgramIdentity) -> String? {
        switch self {
        case .name(let name):
            if program.name == name { return nil }
            return program.name.map { "the run's name is \"\($0)\"" } ?? "the run was given no name"
        case .path(let path):
            return Self.path(path, isOneOf: program.paths) ? nil : "the program is \(program.paths.last ?? "not known")"
        case .unit(let unit):
            guard let own = program.unit else { return "the program runs in no unit" }
            if own == unit || isPattern && own.hasPrefix(unit.prefix { $0 != "@" } + "@") { return nil }
            return "the program runs in \(own)"
        case .user(let user):
            guard ProgramIdentity.number(ofUser: user) == program.user else {
                return "the program runs as user \(program.user)"
            }
            return program.isSystemService ? "a system service is named by unit or path alone" : nil
        }
    }

    /// A sentence where it names nobody now: an executable that isn't there, a user who doesn't exist.
    var doubt: String? {
        switch self {
        case .path(let path):
            let isThere = isPattern ? !PathPattern.expanded(path).isEmpty : File.resolved(path) != nil
            return isThere ? nil : "\(self): no such file is here now"
        case .user(let user):
            return ProgramIdentity.number(ofUser: user) == nil ? "\(self): no such user is here now" : nil
        case .name, .unit: return nil
        }
    }

    private static func path(_ subject: String, isOneOf paths: [String]) -> Bool {
        guard subject.contains("*") else {
            return paths.contains(subject) || File.resolved(subject).map(paths.contains) == true
        }
        if paths.contains(where: { PathPattern.matches(subject, $0) }) { return true }
        return PathPattern.expanded(subject).contains { File.resolved($0).map(paths.contains) == true }
    }
}

/// Paths in which `*` stands for any run of characters but `/`.
enum PathPattern {
    /// Whether a path fits a pattern.
    static func matches(_ pattern: String, _ path: String) -> Bool {
        let wanted = pattern.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
        let found = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
        return wanted.count == found.count && zip(wanted, found).allSatisfy { Glob.matches(Array($0), Array($1)) }
    }

    /// The files that fit a pattern now.
    static func expanded(_ pattern: String) -> [String] {
        var escaped = ""
        for character in pattern {
            if "?[\\".contains(character) { escaped += "\\" }
            escaped.append(character)
        }
        var result = glob_t()
        defer { globfree(&result) }
        guard glob(escaped, GLOB_NOSORT, nil, &result) == 0, let paths = result.gl_pathv else { return [] }
        return (0..<Int(result.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
    }
}
