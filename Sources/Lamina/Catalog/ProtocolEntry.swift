import CLamina
import Glibc

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
    /// What it promises.
    public var serviceFlags: ServiceFlags
    /// How it takes part in a selection: `recommended`, `matchesProtocolZero`.
    public var providerFlags: ProviderFlags
    /// 0 for a stream, 1 if it depends on the route, else the longest datagram in bytes.
    public var messageSize: UInt32
    /// The byte order of its addresses.
    public var byteOrder: ByteOrder
    /// The name of the security scheme that it speaks by itself (`iSecurityScheme`); nil for none.
    public var security: String?

    /// A protocol in its parts.
    public init(
        family: Int32,
        type: Int32,
        protocol: Int32 = 0,
        protocolMaximumOffset: Int32 = 0,
        serviceFlags: ServiceFlags = [],
        providerFlags: ProviderFlags = .matchesProtocolZero,
        messageSize: UInt32 = 0,
        byteOrder: ByteOrder = .big,
        security: String? = nil
    ) {
        self.family = family
        self.type = type
        self.protocol = `protocol`
        self.protocolMaximumOffset = protocolMaximumOffset
        self.serviceFlags = serviceFlags
        self.providerFlags = providerFlags
        self.messageSize = messageSize
        self.byteOrder = byteOrder
        self.security = security
    }

    /// Winsock's rule: family, type and protocol must be served. 0 asks for any family or type; protocol 0 is served by
    /// what is flagged so, and where 0 is in the range.
    public func matches(family: Int32, type: Int32, protocol: Int32) -> Bool {
        let isServed = `protocol` >= self.protocol && `protocol` - self.protocol <= protocolMaximumOffset
        let isAny = `protocol` == 0 && providerFlags.contains(.matchesProtocolZero)
        return (family == 0 || family == self.family) && (type == 0 || type == self.type) && (isServed || isAny)
    }

    /// The bytes of its addresses, from the shortest to the longest (`iMinSockAddr`, `iMaxSockAddr`).
    public var addressSizes: ClosedRange<Int> {
        switch family {
        case AF_INET: MemoryLayout<sockaddr_in>.size...MemoryLayout<sockaddr_in>.size
        case AF_INET6: MemoryLayout<sockaddr_in6>.size...MemoryLayout<sockaddr_in6>.size
        case AF_UNIX: MemoryLayout<sa_family_t>.size...MemoryLayout<sockaddr_un>.size
        default: MemoryLayout<sa_family_t>.size...MemoryLayout<sockaddr_storage>.size
        }
    }

    /// Family, type and protocol in words: `inet stream tcp`, `unix datagram`.
    public var text: String {
        var words = [Self.word(family, Self.families), Self.word(type, Self.types)]
        if `protocol` != 0 || protocolMaximumOffset != 0 {
            let last = protocolMaximumOffset == 0 ? "" : "-\(`protocol` + protocolMaximumOffset)"
            words.append(Self.word(`protocol`, last.isEmpty ? Self.protocols : []) + last)
        }
        return words.joined(separator: " ")
    }

    private static func word(_ value: Int32, _ names: [(name: String, value: Int32)]) -> String {
        names.first { $0.value == value }?.name ?? "\(value)"
    }

    /// The families by the names that manifests have for them.
    static let families: [(name: String, value: Int32)] = [("inet", AF_INET), ("inet6", AF_INET6), ("unix", AF_UNIX)]
    /// The socket types by their names.
    static let types: [(name: String, value: Int32)] = [
        ("stream", Int32(SOCK_STREAM.rawValue)), ("datagram", Int32(SOCK_DGRAM.rawValue)),
        ("seqpacket", Int32(SOCK_SEQPACKET.rawValue)), ("raw", Int32(SOCK_RAW.rawValue)),
    ]
    /// The protocols by their names.
    static let protocols: [(name: String, value: Int32)] = [
        ("tcp", Int32(IPPROTO_TCP)), ("udp", Int32(IPPROTO_UDP)),
    ]
}

// MARK: - JSON

extension ProtocolEntry {
    private static let keys = [
        "family", "type", "protocol", "protocol-maximum-offset", "services", "flags", "message-size", "byte-order",
        "security",
    ]

    init(_ reader: ManifestReader) throws(LaminaError) {
        try reader.refuseUnknown(Self.keys)
        guard let family = try reader.number("family", Self.families) else {
            throw reader.missing("family", "say inet, inet6 or unix")
        }
        guard let type = try reader.number("type", Self.types) else {
            throw reader.missing("type", "say stream or datagram")
        }
        let flags = ProviderFlags.names.filter { ProviderFlags.declarable.contains(ProviderFlags(rawValue: $0.value)) }
        self.init(
            family: family,
            type: type,
            protocol: try reader.number("protocol", Self.protocols) ?? 0,
            protocolMaximumOffset: try reader.number("protocol-maximum-offset", []) ?? 0,
            serviceFlags: ServiceFlags(rawValue: try reader.flags("services", ServiceFlags.names) ?? 0),
            providerFlags: ProviderFlags(
                rawValue: try reader.flags("flags", flags) ?? ProviderFlags.matchesProtocolZero.rawValue
            ),
            messageSize: UInt32(bitPattern: try reader.number("message-size", []) ?? 0),
            byteOrder: try reader.choice("byte-order", ByteOrder.self) ?? .big,
            security: try reader.name("security")
        )
        guard `protocol` >= 0, protocolMaximumOffset >= 0, Int32.max - `protocol` >= protocolMaximumOffset else {
            throw reader.error("protocol", "is no range of protocols", remedy: "write numbers from 0 up")
        }
    }

    /// The protocol as it stands in a manifest.
    public var json: JSON {
        func named(_ value: Int32, _ names: [(name: String, value: Int32)]) -> JSON {
            names.first { $0.value == value }.map { .string($0.name) } ?? .integer(Int64(value))
        }
        func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
        var object = JSON.Object()
        object["family"] = named(family, Self.families)
        object["type"] = named(type, Self.types)
        object["protocol"] = named(`protocol`, Self.protocols)
        if protocolMaximumOffset != 0 { object["protocol-maximum-offset"] = .integer(Int64(protocolMaximumOffset)) }
        if !serviceFlags.isEmpty { object["services"] = list(serviceFlags.texts) }
        if providerFlags != .matchesProtocolZero { object["flags"] = list(providerFlags.texts) }
        if messageSize != 0 { object["message-size"] = .integer(Int64(Int32(bitPattern: messageSize))) }
        if byteOrder != .big { object["byte-order"] = .string(byteOrder.rawValue) }
        if let security { object["security"] = .string(security) }
        return .object(object)
    }
}
