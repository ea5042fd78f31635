import CLamina
import CLinux
import Glibc

/// How a socket goes to another process.
public enum HandoffMode: UInt32, Sendable, CaseIterable {
    /// Both processes use it.
    case share
    /// It leaves the source.
    case move
}

/// What lets one other process have a socket, once: 256 bytes that any means of communication carries
/// (WSAPROTOCOL_INFO as WSADuplicateSocket gives it). The page Handoff has the layout.
public struct ProtocolInfo: Sendable, Equatable {
    /// How many bytes it has.
    public static let size = 256
    private static let version: UInt16 = 1
    private static let magic = Array("LAMINAPI".utf8)
    /// Where the labels, the rendezvous, the nonce and the check stand.
    private static let labelRange = 88..<136
    private static let digestRange = 248..<256

    /// The value itself.
    public let bytes: [UInt8]
    /// `AF_INET` and so on.
    public let family: Int32
    /// `SOCK_STREAM` and so on.
    public let type: Int32
    /// `IPPROTO_TCP` and so on, or 0.
    public let proto: Int32
    /// What the socket is for.
    public let category: SocketCategories
    /// Whether both processes have it afterwards.
    public let mode: HandoffMode
    /// The process that has the socket, and its start time in clock ticks since boot.
    public let source: ProcessIdentity
    /// The process that may have it.
    public let target: ProcessIdentity
    /// The user of both.
    public let user: UInt32
    /// How many levels the chain has.
    public let levelCount: Int
    /// Until when it can be used, in nanoseconds of CLOCK_MONOTONIC.
    public let expiry: Int64
    /// The base provider's UUID; nil where it has none.
    public let baseUUID: String?
    /// The labels from the program down, with `/` between them, cut where they are long.
    public let chainName: String
    let rendezvous: [UInt8]
    let nonce: [UInt8]

    /// The abstract Unix address where the source waits.
    var address: String { "lamina-" + rendezvous.hexadecimal }

    /// Reads a value. Throws `invalidArgument` for anything that `Socket.duplicate(for:)` could not have made; whether it
    /// did, only the source knows.
    public init(parsing bytes: [UInt8]) throws(LaminaError) {
        var reader = HandoffReader(bytes, subject: "protocol info")
        guard bytes.count == Self.size else { throw reader.error("has \(bytes.count) bytes instead of \(Self.size)") }
        guard try reader.raw(8) == Self.magic else { throw reader.error("doesn't begin as one") }
        let version = try reader.number(UInt16.self)
        guard version == Self.version else { throw reader.error("is of version \(version), not \(Self.version)") }
        guard try reader.number(UInt16.self) == Self.size else { throw reader.error("names another length") }
        guard Self.digest(bytes) == Array(bytes[Self.digestRange]) else { throw reader.error("is damaged") }
        (family, type, proto) = (try reader.number(), try reader.number(), try reader.number())
        category = SocketCategories(rawValue: try reader.number())
        guard category.rawValue.nonzeroBitCount == 1, category.isSubset(of: .all) else {
            throw reader.error("has no category")
        }
        guard let mode = HandoffMode(rawValue: try reader.number()) else { throw reader.error("has no mode") }
        self.mode = mode
        let (source, target) = (try reader.number(Int32.self), try reader.number(Int32.self))
        self.source = ProcessIdentity(process: source, startTime: try reader.number())
        self.target = ProcessIdentity(process: target, startTime: try reader.number())
        guard source > 0, target > 0 else { throw reader.error("names no process") }
        user = try reader.number()
        levelCount = Int(try reader.number(UInt32.self))
        guard (1...61).contains(levelCount) else { throw reader.error("has \(levelCount) levels") }
        expiry = try reader.number()
        let uuid = try reader.raw(16)
        baseUUID = uuid.contains { $0 != 0 } ? Self.uuidText(uuid) : nil
        let labels = try reader.raw(Self.labelRange.count)
        let text = labels.prefix { $0 != 0 }
        guard text.count < labels.count, labels[text.count...].allSatisfy({ $0 == 0 }),
            text.allSatisfy({ $0 == UInt8(ascii: "/") || LayerGrammar.isWord($0) })
        else { throw reader.error("has labels that none can be") }
        chainName = String(decoding: text, as: UTF8.self)
        rendezvous = try reader.raw(16)
        guard try reader.raw(16).allSatisfy({ $0 == 0 }) else { throw reader.error("has bytes where none are") }
        nonce = try reader.raw(32)
        guard try reader.raw(48).allSatisfy({ $0 == 0 }) else { throw reader.error("has bytes where none are") }
        self.bytes = bytes
    }

    /// A new value for a socket. Throws where the system gives no random bytes.
    init(
        state: ColumnState,
        mode: HandoffMode,
        target: ProcessIdentity,
        expiry: Int64
    ) throws(LaminaError) {
        var random = [UInt8](repeating: 0, count: 48)
        let status = random.withUnsafeMutableBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -EFAULT }
            return clinux_random(base, bytes.count)
        }
        guard status == 0 else { throw Outcome.error(status, "random bytes") }
        let base = state.chain.instance(state.start + state.levelCount)?.provider.manifest.uuid ?? ""
        var labels = Array(state.chain.labels.joined(separator: "/").utf8)
            .map { LayerGrammar.isWord($0) || $0 == UInt8(ascii: "/") ? $0 : UInt8(ascii: "_") }
        labels = Array(labels.prefix(Self.labelRange.count - 1))
        labels += [UInt8](repeating: 0, count: Self.labelRange.count - labels.count)
        var writer = HandoffWriter()
        writer.raw(Self.magic)
        writer.number(Self.version)
        writer.number(UInt16(Self.size))
        for number in [state.family, state.type, state.proto] { writer.number(number) }
        for number in [state.category, mode.rawValue] { writer.number(number) }
        let own = ProcessIdentity.own
        for process in [own.process, target.process] { writer.number(process) }
        for time in [own.startTime, target.startTime] { writer.number(time) }
        for number in [geteuid(), UInt32(state.chain.instances.count)] { writer.number(number) }
        writer.number(expiry)
        writer.raw(Self.uuidBytes(base))
        writer.raw(labels)
        writer.raw(Array(random[..<16]))
        writer.raw([UInt8](repeating: 0, count: 16))
        writer.raw(Array(random[16...]))
        writer.raw([UInt8](repeating: 0, count: 48))
        try self.init(parsing: writer.bytes + Self.digest(writer.bytes))
    }

    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        let text = SHA256.hexadecimal(of: Array(bytes[..<digestRange.lowerBound]))
        return Array(decode(text).prefix(digestRange.count))
    }

    private static func decode(_ text: some StringProtocol) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// 16 bytes, zero for a text that is no UUID.
    private static func uuidBytes(_ text: String) -> [UInt8] {
        let bytes = decode(text.filter { $0 != "-" })
        return text.utf8.count == 36 && bytes.count == 16 ? bytes : [UInt8](repeating: 0, count: 16)
    }

    private static func uuidText(_ bytes: [UInt8]) -> String {
        [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { Array(bytes[$0]).hexadecimal }.joined(separator: "-")
    }
}

/// A process for good: its number may be used again, its start time not.
public struct ProcessIdentity: Sendable, Equatable {
    /// The process id.
    public let process: Int32
    /// When it started, in clock ticks since boot; 0 where there is no such process.
    public let startTime: UInt64

    /// A process in its parts.
    public init(process: Int32, startTime: UInt64) {
        self.process = process
        self.startTime = startTime
    }

    /// The process of this id that runs now. Blocks for a file of `/proc`.
    public init(of process: Int32) {
        self.init(process: process, startTime: OriginStorage.startTime(of: process))
    }

    /// This process.
    public static var own: ProcessIdentity { ProcessIdentity(of: getpid()) }

    /// Its effective user; nil where there is no such process. Blocks for a file of `/proc`.
    var user: UInt32? {
        guard let text = OriginStorage.file("status", of: process) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("Uid:") {
            let numbers = line.split(whereSeparator: \.isWhitespace)
            return numbers.count > 2 ? UInt32(numbers[2]) : nil
        }
        return nil
    }
}

extension [UInt8] {
    /// Two digits a byte.
    var hexadecimal: String {
        let digits = [Character]("0123456789abcdef")
        var text = ""
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }
}
