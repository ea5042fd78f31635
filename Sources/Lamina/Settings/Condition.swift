/// Which way a socket was opened.
public enum Direction: String, Sendable, CaseIterable {
    /// The program connects or sends.
    case out
    /// The program listens and accepts.
    case `in`
}

/// What a condition is decided on: a socket at the moment when its links are bound.
public struct ConditionSubject: Sendable, Equatable {
    /// The remote address; nil where it isn't known yet (a name that travels down unresolved).
    public var address: NetworkAddress?
    /// The remote port; nil where the socket has none (Unix sockets).
    public var port: UInt16?
    /// The name that the program asked for; nil where it asked by address.
    public var name: String?
    /// The program's executable, as an absolute path; nil where it isn't known.
    public var program: String?
    /// Which way the socket was opened.
    public var direction: Direction

    /// A subject in its parts.
    public init(
        address: NetworkAddress? = nil,
        port: UInt16? = nil,
        name: String? = nil,
        program: String? = nil,
        direction: Direction = .out
    ) {
        self.address = address
        self.port = port
        self.name = name
        self.program = program
        self.direction = direction
    }
}

/// One `when=[…]` or `except=[…]`: terms that must all hold.
///
/// The terms are `net=10.0.0.0/8`, `name=*.example.com`, `port=443` or `port=80-90`, `program=/usr/bin/curl` (a path, or
/// a base name) and `direction=out` or `in`.
public struct Condition: Sendable, Equatable {
    /// The remote address lies in this network.
    public var network: Network?
    /// The name that the program asked for matches this pattern: `*` is any run of characters, `?` any one; case and a
    /// final dot don't count.
    public var name: String?
    /// The remote port lies in this range.
    public var ports: ClosedRange<UInt16>?
    /// The program is this path or, without a slash, has this base name.
    public var program: String?
    /// The socket was opened this way.
    public var direction: Direction?

    /// A condition without terms, which always holds.
    public init() {}

    /// Whether every term holds; nil where one isn't known to fail but can't be decided, because the address isn't
    /// resolved yet or the program isn't known. A socket that was opened by address has no name, so a `name` term
    /// fails for it.
    public func matches(_ subject: ConditionSubject) -> Bool? {
        var known = true
        if let network {
            if let address = subject.address {
                if !network.contains(address) { return false }
            } else {
                known = false
            }
        }
        if let program {
            if let path = subject.program {
                let isSame = program.contains("/") ? path == program : path.split(separator: "/").last == program[...]
                if !isSame { return false }
            } else {
                known = false
            }
        }
        if let ports, !(subject.port.map(ports.contains) ?? false) { return false }
        if let name, !(subject.name.map { Self.glob(name, matches: $0) } ?? false) { return false }
        if let direction, direction != subject.direction { return false }
        return known ? true : nil
    }

    /// Whether `pattern` matches a name, without regard to ASCII case and a final dot.
    static func glob(_ pattern: String, matches name: String) -> Bool {
        let pattern = Array(pattern.lowercased().utf8)
        var name = Array(name.lowercased().utf8)
        if name.last == UInt8(ascii: "."), pattern.last != UInt8(ascii: ".") { name.removeLast() }
        return Glob.matches(pattern, name, anyByte: UInt8(ascii: "?"))
    }
}

/// When a level is linked: any `when` holds (or there is none), and no `except` does.
public struct Conditions: Sendable, Equatable {
    /// The level is linked where one of these holds; empty: always.
    public var when: [Condition]
    /// The level is left out where one of these holds.
    public var except: [Condition]

    /// Conditions; without any, a level is always linked.
    public init(when: [Condition] = [], except: [Condition] = []) {
        self.when = when
        self.except = except
    }

    /// Whether there are none.
    public var isEmpty: Bool { when.isEmpty && except.isEmpty }

    /// Whether the level is linked for this socket. What can't be decided counts in favour of linking it: a layer is
    /// left out only where it is certain that it doesn't apply.
    public func apply(to subject: ConditionSubject) -> Bool {
        guard when.isEmpty || when.contains(where: { $0.matches(subject) ?? true }) else { return false }
        return !except.contains { $0.matches(subject) ?? false }
    }
}

// MARK: - Text

extension Condition: CustomStringConvertible {
    /// Reads `net=…,name=…,port=…,program=…,direction=…`, in brackets or not, each term at most once.
    public init(parsing text: String, subject: String = "condition") throws(LaminaError) {
        self.init()
        let terms = LayerGrammar.bracketed(text) ?? Substring(text)
        for term in try LayerGrammar.split(terms) {
            guard let equals = try LayerGrammar.first(of: "=", in: term) else {
                throw LaminaError(
                    .invalidSetting,
                    subject,
                    "\"\(term)\" has no '='",
                    remedy: "terms are net=, name=, port=, program= and direction="
                )
            }
            let value = try LayerGrammar.unquoted(term[term.index(after: equals)...]).text
            try set(String(term[..<equals]), to: value, subject: subject)
        }
    }

    private mutating func set(_ key: String, to value: String, subject: String) throws(LaminaError) {
        func invalid(_ remedy: String) -> LaminaError {
            LaminaError(.invalidSetting, "\(subject): \(key)", "\"\(value)\" isn't one", remedy: remedy)
        }
        let isTaken: Bool
        switch key {
        case "net":
            isTaken = network != nil
            guard let parsed = Network(parsing: value) else { throw invalid("write net=10.0.0.0/8 or net=fd00::/8") }
            network = parsed
        case "name":
            isTaken = name != nil
            guard !value.isEmpty else { throw invalid("write name=*.example.com") }
            name = value
        case "port":
            isTaken = ports != nil
            let ends = value.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else {
                throw invalid("write port=443 or port=80-90")
            }
            ports = first...last
        case "program":
            isTaken = program != nil
            guard !value.isEmpty else { throw invalid("write program=curl or program=/usr/bin/curl") }
            program = value
        case "direction":
            isTaken = direction != nil
            guard let parsed = Direction(rawValue: value) else { throw invalid("write direction=out or direction=in") }
            direction = parsed
        default:
            let keys = ["net", "name", "port", "program", "direction"]
            throw LaminaError(
                .invalidSetting,
                subject,
                "\"\(key)\" is no term",
                remedy: Suggestion.remedy(
                    for: key,
                    among: keys,
                    otherwise: "terms are net, name, port, program, direction"
                )
            )
        }
        if isTaken {
            throw LaminaError(
                .invalidSetting,
                "\(subject): \(key)",
                "stands twice in one condition",
                remedy: "all terms must hold; repeat when= or except= for alternatives"
            )
        }
    }

    /// The terms in brackets, as `init(parsing:)` reads them.
    public var description: String {
        var terms: [String] = []
        if let network { terms.append("net=\(network)") }
        if let name { terms.append("name=\(name)") }
        if let ports {
            terms.append("port=\(ports.lowerBound)" + (ports.count > 1 ? "-\(ports.upperBound)" : ""))
        }
        if let program { terms.append("program=\(program)") }
        if let direction { terms.append("direction=\(direction.rawValue)") }
        return "[" + terms.joined(separator: ",") + "]"
    }
}
