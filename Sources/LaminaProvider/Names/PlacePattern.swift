/// The hosts and ports that a rule is about.
public struct PlacePattern: Sendable, Equatable {
    /// Hosts.
    public enum Host: Sendable, Equatable {
        /// All of them.
        case any
        /// Every name that fits.
        case name(Wildcard)
        /// Addresses whose leading bits are these.
        case network([UInt8], bits: Int)
    }

    /// The hosts.
    public let host: Host
    /// The ports.
    public let ports: ClosedRange<UInt16>

    /// Reads `NAME`, `*.NAME`, `*`, `ADDRESS`, `ADDRESS/BITS` or `[IPV6]/BITS`, and `:PORT` or `:FIRST-LAST` behind it or
    /// alone. With `wildcards`, `*` stands anywhere in a name for any run of characters, and `?` for one.
    public init(parsing text: Substring, wildcards: Bool = false) throws(PlaceProblem) {
        let problem = PlaceProblem(
            "\"\(text)\" is no destination; write NAME, *.NAME, *, ADDRESS, ADDRESS/BITS or [IPV6]/BITS, and :PORT "
                + "behind it or alone"
        )
        guard let place = try WrittenPlace(text), let host = Self.host(of: place, wildcards) else { throw problem }
        self.host = host
        guard let port = place.port, port != "*" else {
            ports = 0...UInt16.max
            return
        }
        let ends = port.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = WrittenPlace.number(ends[0]),
            let last = ends.count == 2 ? WrittenPlace.number(ends[1]) : first, first <= last
        else { throw PlaceProblem("\"\(port)\" is no port; write 1 to 65535, FIRST-LAST or *") }
        ports = first...last
    }

    private static func host(of place: WrittenPlace, _ wildcards: Bool) -> Host? {
        if let address = place.address, let bytes = NumericAddress.key(address.c) {
            let plain = address.bytes ?? bytes
            var bits = bytes.count * 8
            if let text = place.bits {
                guard text.utf8.allSatisfy(WrittenPlace.isDigit), let number = Int(text), number <= bits else {
                    return nil
                }
                bits = number
            }
            // A network that is wider than all of IPv4 in IPv6 form is one of IPv6.
            let surplus = (bytes.count - plain.count) * 8
            return bits < surplus ? .network(bytes, bits: bits) : .network(plain, bits: bits - surplus)
        }
        guard place.bits == nil, !place.isBracketed else { return nil }
        if place.host == "*" || (place.host.isEmpty && place.port != nil) { return .any }
        if wildcards { return Wildcard(name: place.host).map { .name($0) } }
        guard place.host.hasPrefix("*.") else { return place.name.map { .name(Wildcard($0)) } }
        let below = Wildcard(name: place.host.dropFirst(2))
        return below.flatMap { $0.isLiteral ? .name(Wildcard("*." + $0.text)) : nil }
    }

    /// Whether an address, a name or both, and a port fit. `bytes` are an address's, 4 of IPv4 or 16; `name` is in the
    /// form that is compared (`ComparedName`).
    public func matches(bytes: [UInt8]?, name: String?, port: UInt16) -> Bool {
        ports.contains(port) && matches(bytes: bytes, name: name)
    }

    /// The same of the host alone.
    public func matches(bytes: [UInt8]?, name: String?) -> Bool {
        switch host {
        case .any: return true
        case .name(let pattern): return name.map(pattern.matches) ?? false
        case .network(let network, let bits):
            guard let bytes, bytes.count == network.count else { return false }
            return Self.lies(bytes, in: network, bits)
        }
    }

    /// Whether everything that fits `other` fits this as well, as far as that can be told.
    public func covers(_ other: PlacePattern) -> Bool {
        guard ports.contains(other.ports.lowerBound), ports.contains(other.ports.upperBound) else { return false }
        switch (host, other.host) {
        case (.any, _): return true
        case (.name(let mine), .name(let theirs)): return mine.covers(theirs)
        case (.network(let mine, let bits), .network(let theirs, let more)):
            return mine.count == theirs.count && bits <= more && Self.lies(theirs, in: mine, bits)
        default: return false
        }
    }

    private static func lies(_ bytes: [UInt8], in network: [UInt8], _ bits: Int) -> Bool {
        guard bytes[..<(bits / 8)] == network[..<(bits / 8)] else { return false }
        guard bits % 8 > 0 else { return true }
        return (bytes[bits / 8] ^ network[bits / 8]) >> (8 - bits % 8) == 0
    }
}

/// A pattern in which `*` stands for any run of bytes and `?` for any one.
public struct Wildcard: Sendable, Equatable {
    /// The pattern.
    public let text: String
    private let bytes: [UInt8]
    /// Whether it has neither `*` nor `?`.
    public let isLiteral: Bool

    /// Any pattern.
    public init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
        isLiteral = !text.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
    }

    /// A pattern of names, in the form that is compared; nil: no name fits it, or it looks like addresses (`10.*`).
    public init?(name text: Substring) {
        guard text.utf8.contains(where: { ($0 | 0x20) >= UInt8(ascii: "a") && $0 != 0x7F }) else { return nil }
        // The place of a wildcard is filled with a letter, so that what is judged is a name.
        let filled = String(
            decoding: text.utf8.map { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") ? UInt8(ascii: "x") : $0 },
            as: UTF8.self
        )
        guard let place = try? WrittenPlace(filled[...]), place.port == nil, place.bits == nil, place.name != nil else {
            return nil
        }
        var bytes = text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
        if bytes.last == UInt8(ascii: "."), bytes.count > 1 { bytes.removeLast() }
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    /// Whether a text fits as a whole.
    public func matches(_ text: String) -> Bool {
        isLiteral ? text == self.text : matches(Array(text.utf8))
    }

    /// Whether every text that fits `other` fits this as well; false where it can't be told.
    public func covers(_ other: Wildcard) -> Bool {
        // A text with wildcards stands for all that it stands for: only a `*` can take a `*` in.
        self == other || (other.isLiteral ? matches(other.text) : bytes == [UInt8(ascii: "*")] || hasTail(of: other))
    }

    /// Whether this is `*REST`, and the other one ends so.
    private func hasTail(of other: Wildcard) -> Bool {
        guard bytes.first == UInt8(ascii: "*") else { return false }
        let tail = Wildcard(String(decoding: bytes.dropFirst(), as: UTF8.self))
        guard tail.isLiteral else { return false }
        return other.bytes.count >= tail.bytes.count && other.bytes.suffix(tail.bytes.count).elementsEqual(tail.bytes)
    }

    /// Linear in practice: the last `*` alone is tried again.
    private func matches(_ text: [UInt8]) -> Bool {
        var (at, place) = (0, 0)
        var star: (at: Int, place: Int)?
        while place < text.count {
            if at < bytes.count, bytes[at] == UInt8(ascii: "*") {
                star = (at, place)
                at += 1
            } else if at < bytes.count, bytes[at] == UInt8(ascii: "?") || bytes[at] == text[place] {
                at += 1
                place += 1
            } else if let last = star {
                star = (last.at, last.place + 1)
                (at, place) = (last.at + 1, last.place + 1)
            } else {
                return false
            }
        }
        return bytes[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
