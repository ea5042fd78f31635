public import Lamina

/// A question to a name server (RFC 1035), and the answers to it.
public struct NameQuery: Sendable {
    /// The types of records that are known here.
    public enum Kind: UInt16 {
        case a = 1, ptr = 12, aaaa = 28
        /// Service bindings: what a name server without any has no records of.
        case svcb = 64, https = 65
    }

    /// What a response says of how it went.
    public enum Outcome: UInt8 {
        case success = 0, malformed = 1, failure = 2, noSuchName = 3, notImplemented = 4
    }

    /// How many bytes a datagram may have where the question doesn't say more, and at most.
    private static let datagramLimit = 512
    private static let largestDatagram = 1232
    private static let headSize = 12
    private static let internet: UInt16 = 1
    private static let optionRecord: UInt16 = 41

    private let head: [UInt8]
    /// The question section as it came.
    private let section: [UInt8]
    private let type: UInt16
    private let qualifiedName: String
    /// How many bytes an answering datagram may have.
    public let limit: Int

    /// The type of record that is wanted; nil for others.
    public var kind: Kind? { Kind(rawValue: type) }
    /// The name, without the dot of the root.
    public var name: String { qualifiedName }
    /// The number of the type, for people.
    public var typeNumber: UInt16 { type }

    /// Reads a question. Nil: it is none, and has no answer. What asks for something that no server of this kind knows is
    /// answered by `refusal`.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headSize, bytes[2] & 0xf8 == 0, Self.word(bytes, 4) == 1 else { return nil }
        var labels: [String] = []
        var at = Self.headSize
        var length = 0
        while true {
            guard at < bytes.count else { return nil }
            let count = Int(bytes[at])
            at += 1
            if count == 0 { break }
            length += count + 1
            // A question has nothing before it that it could point to.
            guard count < 64, length < 255, at + count <= bytes.count else { return nil }
            let label = bytes[at..<at + count]
            guard label.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ".") }) else { return nil }
            labels.append(String(decoding: label, as: UTF8.self))
            at += count
        }
        guard at + 4 <= bytes.count, Self.word(bytes, at + 2) == Self.internet else { return nil }
        type = Self.word(bytes, at)
        qualifiedName = labels.joined(separator: ".")
        at += 4
        head = Array(bytes[..<Self.headSize])
        section = Array(bytes[Self.headSize..<at])
        limit = Self.limit(bytes, after: at)
    }

    /// What the question says of the size of datagrams, in an option record that stands alone behind it.
    private static func limit(_ bytes: [UInt8], after at: Int) -> Int {
        let isAlone = word(bytes, 6) == 0 && word(bytes, 8) == 0 && word(bytes, 10) == 1
        guard isAlone, at + 11 <= bytes.count, bytes[at] == 0, word(bytes, at + 1) == optionRecord else {
            return datagramLimit
        }
        return min(max(Int(word(bytes, at + 3)), datagramLimit), largestDatagram)
    }

    /// A response without records.
    public func response(_ outcome: Outcome) -> [UInt8] { message(outcome, [], isCut: false) }

    /// A response with those of these addresses that are of the question's type, in at most `limit` bytes. Where they don't fit
    /// it has none, and says so.
    public func response(_ addresses: [NetworkAddress], limit: Int) -> [UInt8] {
        let family: NetworkAddress.Family = kind == .aaaa ? .ipv6 : .ipv4
        let records = addresses.filter { $0.family == family }.map { record($0.bytes) }
        let whole = message(.success, records, isCut: false)
        return whole.count <= limit ? whole : message(.success, [], isCut: true)
    }

    /// A response with the name of an address; nil where it is no name.
    public func response(name: String) -> [UInt8]? {
        var data: [UInt8] = []
        for label in name.split(separator: ".") {
            guard label.utf8.count < 64 else { return nil }
            data.append(UInt8(label.utf8.count))
            data += label.utf8
        }
        data.append(0)
        return data.count > 255 ? nil : message(.success, [record(data)], isCut: false)
    }

    /// The address that the name of a question of type `ptr` stands for.
    public var address: NetworkAddress? {
        let labels = name.lowercased().split(separator: ".")
        guard labels.count > 2, labels.last == "arpa" else { return nil }
        let digits = labels.dropLast(2).reversed()
        if labels[labels.count - 2] == "in-addr", digits.count == 4 {
            return NetworkAddress(parsing: digits.joined(separator: "."))
        }
        guard labels[labels.count - 2] == "ip6", digits.count == 32, digits.allSatisfy({ $0.utf8.count == 1 }) else {
            return nil
        }
        let joined = digits.joined()
        let groups = stride(from: 0, to: 32, by: 4).map { start in joined.dropFirst(start).prefix(4) }
        return NetworkAddress(parsing: groups.joined(separator: ":"))
    }

    private func message(_ outcome: Outcome, _ records: [[UInt8]], isCut: Bool) -> [UInt8] {
        var bytes = head
        // A response, to the same opcode; recursion is there where it was asked for.
        bytes[2] = 0x80 | head[2] & 0x01 | (isCut ? 0x02 : 0)
        bytes[3] = 0x80 | outcome.rawValue
        bytes.replaceSubrange(4..<12, with: [0, 1, UInt8(records.count >> 8), UInt8(records.count & 0xff), 0, 0, 0, 0])
        return bytes + section + records.flatMap { $0 }
    }

    /// A record of the question's name and type. It isn't to be kept: the chain may say otherwise next time.
    private func record(_ data: [UInt8]) -> [UInt8] {
        let type = [UInt8(self.type >> 8), UInt8(self.type & 0xff)]
        return [0xc0, UInt8(Self.headSize)] + type + [
            0, 1, 0, 0, 0, 0, UInt8(data.count >> 8), UInt8(data.count & 0xff),
        ]
            + data
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]) }
}
