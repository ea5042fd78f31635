import CLamina
import Glibc

/// What a provider is (`LAMINA_…_PROVIDER`).
public enum ProviderKind: String, Sendable, CaseIterable {
    /// Reaches a transport.
    case base
    /// Intercepts calls and passes them down.
    case layered
    /// Ends its column and opens columns of the rest of the chain.
    case terminating
}

/// What a level does to data, from least to most (`LAMINA_EFFECT_…`).
public enum Effect: String, Sendable, CaseIterable, Comparable {
    /// Sees control calls only.
    case none
    /// Sees data calls and may delay or refuse them; changes and keeps no byte.
    case observe
    /// Changes, keeps or invents data.
    case transform

    /// Whether the left does less to data than the right.
    public static func < (left: Effect, right: Effect) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// How a socket with this level can be handed to another process, from most to least free (`LAMINA_HANDOFF_…`).
public enum Handoff: String, Sendable, CaseIterable {
    /// Both processes may use it at once.
    case share
    /// It moves with its state.
    case move
    /// It can't.
    case none
}

/// Where a layer belongs in a derived order, from the program down: the Winsock LSP categories (`LAMINA_PHASE_…`).
public enum Phase: String, Sendable, CaseIterable, Comparable {
    case inspector, firewall, redirector, proxy
    case inboundModify = "inbound-modify"
    case outboundModify = "outbound-modify"
    case cryptoCompress = "crypto-compress"
    case localCache = "local-cache"
    /// Nothing said: below every declared phase but `system`.
    case none
    case system

    /// Whether the left stands nearer to the program.
    public static func < (left: Phase, right: Phase) -> Bool { left.rank < right.rank }

    /// The place in the fixed order, from 0.
    public var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Whether an open fails without a layer of this phase, unless a word says otherwise.
    var isRequired: Bool { self == .firewall || self == .redirector || self == .proxy }
}

/// What a socket is for: which entries it accepts (WSK's socket categories; `LAMINA_BASIC` and the rest).
public struct SocketCategories: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32

    /// Categories by their bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Neither connects nor listens.
    public static let basic = SocketCategories(rawValue: UInt32(LAMINA_BASIC))
    /// Listens.
    public static let listen = SocketCategories(rawValue: UInt32(LAMINA_LISTEN))
    /// Sends and receives datagrams.
    public static let datagram = SocketCategories(rawValue: UInt32(LAMINA_DATAGRAM))
    /// Connects, or was accepted.
    public static let connection = SocketCategories(rawValue: UInt32(LAMINA_CONNECTION))
    /// Listens or connects, decided by the first of the two calls.
    public static let stream = SocketCategories(rawValue: UInt32(LAMINA_STREAM))
    /// Every category.
    public static let all: SocketCategories = [.basic, .listen, .datagram, .connection, .stream]

    static let names: [(name: String, value: SocketCategories)] = [
        ("basic", .basic), ("listen", .listen), ("datagram", .datagram), ("connection", .connection),
        ("stream", .stream),
    ]
}

/// One protocol that a base offers (part of WSAPROTOCOL_INFO, `lamina_protocol`).
public struct ProtocolEntry: Sendable, Equatable {
    /// `AF_INET` and so on.
    public var family: Int32
    /// `SOCK_STREAM` and so on.
    public var type: Int32
    /// `IPPROTO_TCP` and so on.
    public var `protocol`: Int32
    /// Protocols up to `protocol` plus this are served as well.
    public var protocolMaximumOffset: Int32
    /// Winsock's XP1_ service flags.
    public var serviceFlags: UInt32
    /// 0 for a stream, 1 if it depends on the route, else the longest datagram in bytes.
    public var messageSize: UInt32

    /// A protocol in its parts.
    public init(
        family: Int32,
        type: Int32,
        protocol: Int32 = 0,
        protocolMaximumOffset: Int32 = 0,
        serviceFlags: UInt32 = 0,
        messageSize: UInt32 = 0
    ) {
        self.family = family
        self.type = type
        self.protocol = `protocol`
        self.protocolMaximumOffset = protocolMaximumOffset
        self.serviceFlags = serviceFlags
        self.messageSize = messageSize
    }

    /// Winsock's rule: family, type and protocol must be served; 0 in any of the three asks for any.
    public func matches(family: Int32, type: Int32, protocol: Int32) -> Bool {
        let isServed = `protocol` >= self.protocol && `protocol` - self.protocol <= protocolMaximumOffset
        return (family == 0 || family == self.family) && (type == 0 || type == self.type)
            && (`protocol` == 0 || isServed)
    }

    static let families: [(name: String, value: Int32)] = [("inet", AF_INET), ("inet6", AF_INET6), ("unix", AF_UNIX)]
    static let types: [(name: String, value: Int32)] = [
        ("stream", Int32(SOCK_STREAM.rawValue)), ("datagram", Int32(SOCK_DGRAM.rawValue)),
        ("seqpacket", Int32(SOCK_SEQPACKET.rawValue)), ("raw", Int32(SOCK_RAW.rawValue)),
    ]
    static let protocols: [(name: String, value: Int32)] = [
        ("tcp", Int32(IPPROTO_TCP)), ("udp", Int32(IPPROTO_UDP)),
    ]
    /// The XP1_ flags that mean something on Linux, by their Winsock bits.
    static let services: [(name: String, value: UInt32)] = [
        ("connectionless", 0x1), ("guaranteed-delivery", 0x2), ("guaranteed-order", 0x4), ("message-oriented", 0x8),
        ("pseudo-stream", 0x10), ("graceful-close", 0x20), ("expedited-data", 0x40), ("connect-data", 0x80),
        ("disconnect-data", 0x100), ("broadcast", 0x200), ("multipoint", 0x400), ("ifs-handles", 0x20000),
        ("partial-message", 0x40000),
    ]
}
