/// What a protocol promises: Winsock's service flags (XP1_…), those that mean something on Linux, by their Winsock bits.
public struct ServiceFlags: OptionSet, Sendable {
    /// The bits, as `dwServiceFlags1` has them.
    public let rawValue: UInt32

    /// Flags by their bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Datagrams, without a connection (XP1_CONNECTIONLESS).
    public static let connectionless = ServiceFlags(rawValue: 0x1)
    /// What is sent arrives (XP1_GUARANTEED_DELIVERY).
    public static let guaranteedDelivery = ServiceFlags(rawValue: 0x2)
    /// What arrives is in order (XP1_GUARANTEED_ORDER).
    public static let guaranteedOrder = ServiceFlags(rawValue: 0x4)
    /// Messages keep their boundaries (XP1_MESSAGE_ORIENTED).
    public static let messageOriented = ServiceFlags(rawValue: 0x8)
    /// Messages whose boundaries a receive may ignore (XP1_PSEUDO_STREAM).
    public static let pseudoStream = ServiceFlags(rawValue: 0x10)
    /// A close can be told from a reset (XP1_GRACEFUL_CLOSE).
    public static let gracefulClose = ServiceFlags(rawValue: 0x20)
    /// Urgent data (XP1_EXPEDITED_DATA).
    public static let expeditedData = ServiceFlags(rawValue: 0x40)
    /// Data with a connect (XP1_CONNECT_DATA).
    public static let connectData = ServiceFlags(rawValue: 0x80)
    /// Data with a disconnect (XP1_DISCONNECT_DATA).
    public static let disconnectData = ServiceFlags(rawValue: 0x100)
    /// Broadcasts (XP1_SUPPORT_BROADCAST).
    public static let broadcast = ServiceFlags(rawValue: 0x200)
    /// Multicasts (XP1_SUPPORT_MULTIPOINT).
    public static let multipoint = ServiceFlags(rawValue: 0x400)
    /// Quality of service (XP1_QOS_SUPPORTED).
    public static let qualityOfService = ServiceFlags(rawValue: 0x2000)
    /// Sends alone (XP1_UNI_SEND).
    public static let sendOnly = ServiceFlags(rawValue: 0x8000)
    /// Receives alone (XP1_UNI_RECV).
    public static let receiveOnly = ServiceFlags(rawValue: 0x10000)
    /// A socket's descriptor is the kernel's (XP1_IFS_HANDLES).
    public static let kernelDescriptors = ServiceFlags(rawValue: 0x20000)
    /// A receive may give a part of a message and say so (XP1_PARTIAL_MESSAGE).
    public static let partialMessage = ServiceFlags(rawValue: 0x40000)

    /// The flags by the names that manifests have for them.
    static let names: [(name: String, value: UInt32)] = [
        ("connectionless", 0x1), ("guaranteed-delivery", 0x2), ("guaranteed-order", 0x4), ("message-oriented", 0x8),
        ("pseudo-stream", 0x10), ("graceful-close", 0x20), ("expedited-data", 0x40), ("connect-data", 0x80),
        ("disconnect-data", 0x100), ("broadcast", 0x200), ("multipoint", 0x400), ("multipoint-control-plane", 0x800),
        ("multipoint-data-plane", 0x1000), ("quality-of-service", 0x2000), ("send-only", 0x8000),
        ("receive-only", 0x10000), ("ifs-handles", 0x20000), ("partial-message", 0x40000),
    ]

    /// The names of those that are set.
    public var texts: [String] { Self.names.filter { rawValue & $0.value != 0 }.map(\.name) }
}

/// How an entry takes part in enumeration and selection: Winsock's provider flags (PFL_…), by their Winsock bits.
public struct ProviderFlags: OptionSet, Sendable {
    /// The bits, as `dwProviderFlags` has them.
    public let rawValue: UInt32

    /// Flags by their bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The provider has more protocols than this one (PFL_MULTIPLE_PROTO_ENTRIES). Derived, never declared.
    public static let multipleProtocols = ProviderFlags(rawValue: 0x1)
    /// Of a provider's protocols, the one to take (PFL_RECOMMENDED_PROTO_ENTRY).
    public static let recommended = ProviderFlags(rawValue: 0x2)
    /// Chosen by name alone, and left out of enumerations (PFL_HIDDEN). A manifest's `hidden`, never a protocol's.
    public static let hidden = ProviderFlags(rawValue: 0x4)
    /// Serves sockets that name no protocol (PFL_MATCHES_PROTOCOL_ZERO).
    public static let matchesProtocolZero = ProviderFlags(rawValue: 0x8)

    /// What a protocol of a manifest or a descriptor may declare.
    static let declarable: ProviderFlags = [.recommended, .matchesProtocolZero]

    /// The flags by the names that manifests and lists have for them.
    static let names: [(name: String, value: UInt32)] = [
        ("multiple-protocols", 0x1), ("recommended", 0x2), ("hidden", 0x4), ("matches-protocol-zero", 0x8),
    ]

    /// The names of those that are set.
    public var texts: [String] { Self.names.filter { rawValue & $0.value != 0 }.map(\.name) }
}

/// In which order a protocol's addresses hold the bytes of a number (`iNetworkByteOrder`).
public enum ByteOrder: String, Sendable, CaseIterable {
    /// The most significant byte first: the network's.
    case big
    /// The least significant byte first.
    case little
}
