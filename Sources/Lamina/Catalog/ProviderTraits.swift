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

    /// The name of the Winsock category that the phase is (`LSP_INSPECTOR` …); nil where nothing was said.
    public var winsockCategory: String? {
        self == .none ? nil : "LSP_" + String(rawValue.uppercased().map { $0 == "-" ? "_" : $0 })
    }

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
