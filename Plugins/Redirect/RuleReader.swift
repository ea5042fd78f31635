import CLamina
import LaminaProvider

/// Reads rules as users write them.
enum RuleReader {
    /// What is wrong with a rule, and what to write.
    struct Problem: Error {
        let text: String
    }

    /// Reads a rule in its parts.
    static func rule(_ from: Substring, _ targets: [Substring]) throws(Problem) -> Rule {
        let pattern = try pattern(from)
        guard !targets.contains("refuse") else {
            guard targets.count == 1 else { throw Problem(text: "refuse stands beside other targets; write it alone") }
            return Rule(pattern: pattern, action: .refuse)
        }
        var list: [Target] = []
        for word in targets { list.append(try target(word)) }
        return Rule(pattern: pattern, action: .connect(list))
    }

    // MARK: - Parts

    private static func pattern(_ text: Substring) throws(Problem) -> Pattern {
        let problem = Problem(
            text:
                "\"\(text)\" is no destination; write NAME, *.NAME, *, ADDRESS, ADDRESS/BITS or [IPV6]/BITS, and :PORT "
                + "behind it or alone"
        )
        let place = try split(text, problem)
        guard let host = host(of: place) else { throw problem }
        guard let port = place.port, port != "*" else { return Pattern(host: host, ports: 0...UInt16.max) }
        let ends = port.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = number(ends[0]), let last = ends.count == 2 ? number(ends[1]) : first, first <= last else {
            throw Problem(text: "\"\(port)\" is no port; write 1 to 65535, FIRST-LAST or *")
        }
        return Pattern(host: host, ports: first...last)
    }

    private static func host(of place: Place) -> Pattern.Host? {
        if let address = place.address, let bytes = NumericAddress.key(address) {
            let plain = NumericAddress.plain(address) ?? bytes
            var bits = bytes.count * 8
            if let text = place.bits {
                guard text.utf8.allSatisfy(isDigit), let number = Int(text), number <= bits else { return nil }
                bits = number
            }
            // A network that is wider than all of IPv4 in IPv6 form is one of IPv6.
            let surplus = (bytes.count - plain.count) * 8
            return bits < surplus ? .network(bytes, bits: bits) : .network(plain, bits: bits - surplus)
        }
        guard place.bits == nil, !place.isBracketed else { return nil }
        if place.host == "*" || (place.host.isEmpty && place.port != nil) { return .any }
        if place.host.hasPrefix("*.") { return name(place.host.dropFirst(2)).map { .below("." + $0) } }
        return name(place.host).map { .name($0) }
    }

    private static func target(_ text: Substring) throws(Problem) -> Target {
        if text == "pass" { return Target(host: .same, port: nil) }
        let problem = Problem(text: "\"\(text)\" is no target; write HOST:PORT, HOST, :PORT, refuse or pass")
        let place = try split(text, problem)
        guard place.bits == nil else { throw problem }
        var port: UInt16?
        if let text = place.port {
            guard let number = number(text) else { throw Problem(text: "\"\(text)\" is no port; write 1 to 65535") }
            port = number
        }
        if let address = place.address { return Target(host: .address(address), port: port) }
        if place.host.isEmpty, !place.isBracketed, port != nil { return Target(host: .same, port: port) }
        guard !place.isBracketed, let name = name(place.host) else { throw problem }
        return Target(host: .name(name), port: port)
    }

    // MARK: - Words

    /// `HOST/BITS:PORT`, in its parts.
    private struct Place {
        let host: Substring
        let isBracketed: Bool
        let bits: Substring?
        let port: Substring?

        /// IPv6 stands in brackets, IPv4 doesn't.
        var address: lamina_address? {
            guard let address = NumericAddress.parse(String(host)) else { return nil }
            return isBracketed == host.contains(":") ? address : nil
        }
    }

    private static func split(_ text: Substring, _ problem: Problem) throws(Problem) -> Place {
        var rest = text
        let isBracketed = text.first == "["
        if isBracketed {
            guard let end = text.firstIndex(of: "]") else { throw problem }
            rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == "/" || rest.first == ":" else { throw problem }
        } else if text.count(where: { $0 == ":" }) > 1 {
            throw Problem(text: "\"\(text)\" has an IPv6 address without brackets; write [ADDRESS]")
        }
        let colon = rest.firstIndex(of: ":")
        let before = rest[..<(colon ?? rest.endIndex)]
        let slash = before.firstIndex(of: "/")
        let host = isBracketed ? text.dropFirst().prefix { $0 != "]" } : before[..<(slash ?? before.endIndex)]
        return Place(
            host: host,
            isBracketed: isBracketed,
            bits: slash.map { before[before.index(after: $0)...] },
            port: colon.map { rest[rest.index(after: $0)...] }
        )
    }

    private static func number(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy(isDigit), let number = UInt16(text), number > 0 else { return nil }
        return number
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// A name, in the form that is compared.
    private static func name(_ text: Substring) -> String? {
        guard let name = ComparedName.of(text) else { return nil }
        let isPlain = name.utf8.allSatisfy { byte in
            byte >= 0x80 || isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
        }
        return isPlain ? name : nil
    }
}
