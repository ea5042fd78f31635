/// Why a place can't be read, and what to write: a sentence without its final point.
public struct PlaceProblem: Error {
    /// The sentence.
    public let text: String

    /// A problem.
    public init(_ text: String) { self.text = text }
}

/// `HOST/BITS:PORT` as somebody wrote it, in its parts: rules are made of such places.
public struct WrittenPlace {
    /// What stands for the host, without brackets.
    public let host: Substring
    /// Whether it stands in brackets, as IPv6 addresses do.
    public let isBracketed: Bool
    /// What stands behind a slash; nil where there is none.
    public let bits: Substring?
    /// What stands behind the colon; nil where there is none.
    public let port: Substring?

    /// Takes a text apart; nil where brackets don't fit. Throws where an IPv6 address has none.
    public init?(_ text: Substring) throws(PlaceProblem) {
        var rest = text
        isBracketed = text.first == "["
        if isBracketed {
            guard let end = text.firstIndex(of: "]") else { return nil }
            rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == "/" || rest.first == ":" else { return nil }
        } else if text.utf8.count(where: { $0 == UInt8(ascii: ":") }) > 1 {
            throw PlaceProblem("\"\(text)\" has an IPv6 address without brackets; write [ADDRESS]")
        }
        let colon = rest.firstIndex(of: ":")
        let before = rest[..<(colon ?? rest.endIndex)]
        let slash = before.firstIndex(of: "/")
        host = isBracketed ? text.dropFirst().prefix { $0 != "]" } : before[..<(slash ?? before.endIndex)]
        bits = slash.map { before[before.index(after: $0)...] }
        port = colon.map { rest[rest.index(after: $0)...] }
    }

    /// The host with port 0, where it is an address in numbers: IPv6 stands in brackets, IPv4 doesn't.
    public var address: Address? {
        guard let address = Address(String(host), port: 0) else { return nil }
        return isBracketed == host.contains(":") ? address : nil
    }

    /// The host, where it is a name, in the form that is compared.
    public var name: String? { isBracketed ? nil : ComparedName.written(host) }

    /// A port from 1 to 65535.
    public static func number(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy(isDigit), let number = UInt16(text), number > 0 else { return nil }
        return number
    }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
