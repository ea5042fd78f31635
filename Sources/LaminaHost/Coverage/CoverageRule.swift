import Lamina

/// Reads one rule of `--only` or `--bypass`.
enum CoverageRule {
    /// The loopback networks of both families.
    private static let loopback = ["127.0.0.0/8", "::1"]

    /// What a rule says, as conditions of which one must hold.
    static func conditions(_ text: String) throws(LaminaError) -> [Condition] {
        if text.contains("=") { return [try terms(text)] }
        guard let (host, ports) = split(text) else { throw unreadable(text) }
        var condition = Condition()
        if let ports { condition.ports = try range(ports, of: text) }
        if host == "loopback" {
            return loopback.map { network in
                var condition = condition
                condition.network = Network(parsing: network)
                return condition
            }
        }
        if host.isEmpty {
            guard ports != nil else { throw unreadable(text) }
        } else if let network = Network(parsing: host) {
            condition.network = network
        } else if isName(host) {
            condition.name = host
        } else {
            throw unreadable(text)
        }
        return [try checked(condition, text)]
    }

    private static func terms(_ text: String) throws(LaminaError) -> Condition {
        let condition = try Condition(parsing: text, subject: "rule \"\(text)\"")
        if condition.program != nil {
            throw LaminaError(
                .invalidArgument,
                "rule \"\(text)\"",
                "names a program",
                remedy: "give the layer when=[program=…] instead"
            )
        }
        return try checked(condition, text)
    }

    /// A name is resolved before anybody knows its port.
    private static func checked(_ condition: Condition, _ text: String) throws(LaminaError) -> Condition {
        guard condition.name == nil || condition.ports == nil && condition.network == nil else {
            throw LaminaError(
                .invalidArgument,
                "rule \"\(text)\"",
                "has more than a name, and a name is resolved before its port and address are known",
                remedy: "give the name alone"
            )
        }
        return condition
    }

    /// `HOST`, `HOST:PORTS`, `:PORTS`, and IPv6 in brackets where ports follow: `[fd00::]/8:443`.
    private static func split(_ text: String) -> (host: String, ports: Substring?)? {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let address = text[text.index(after: text.startIndex)..<end]
            let parts = text[text.index(after: end)...].split(
                separator: ":",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard let bits = parts.first, bits.isEmpty || bits.first == "/", address.contains(":") else { return nil }
            return (String(address + bits), parts.count == 2 ? parts[1] : nil)
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return (text, nil)
        case 2: return (String(parts[0]), parts[1])
        default: return (text, nil)
        }
    }

    private static func range(_ ports: Substring, of text: String) throws(LaminaError) -> ClosedRange<UInt16> {
        let ends = ports.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else {
            throw unreadable(text)
        }
        return first...last
    }

    /// Letters, digits, `-`, `_`, `.` and the wildcards, and not numbers alone.
    private static func isName(_ host: String) -> Bool {
        let marks = Set("-_.*?".utf8)
        let isSpelled = host.utf8.allSatisfy { byte in
            byte >= 0x80 || marks.contains(byte) || Character(UnicodeScalar(byte)).isLetter
                || Character(UnicodeScalar(byte)).isNumber
        }
        return isSpelled && !host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    }

    private static func unreadable(_ text: String) -> LaminaError {
        LaminaError(
            .invalidArgument,
            "rule \"\(text)\"",
            "can't be read",
            remedy: "write 10.0.0.0/8, [fd00::]/8, 192.0.2.1:443, :80-90, *.example.org or loopback"
        )
    }
}
