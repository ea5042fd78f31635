import Glibc

/// An address as its bytes: 4 for IPv4, 16 for IPv6, a path's for a Unix socket. An IPv4 address that is mapped into
/// IPv6 becomes IPv4.
public struct NetworkAddress: Sendable, Equatable, Hashable {
    /// The families that conditions tell apart.
    public enum Family: Sendable { case ipv4, ipv6, unix }

    /// The family.
    public let family: Family
    /// The bytes in network order.
    public let bytes: [UInt8]

    /// An address of this family; nil where the number of bytes doesn't fit it.
    public init?(family: Family, bytes: [UInt8]) {
        switch family {
        case .ipv4 where bytes.count != 4, .ipv6 where bytes.count != 16: return nil
        case .ipv6 where bytes.starts(with: Self.mappedPrefix):
            self.family = .ipv4
            self.bytes = Array(bytes[12...])
        default:
            self.family = family
            self.bytes = bytes
        }
    }

    /// A numeric IPv4 or IPv6 address, as `inet_pton` reads it.
    public init?(parsing text: String) {
        // The C library reads up to a NUL.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(family: .ipv4, bytes: Array(bytes[..<4]))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(family: .ipv6, bytes: bytes)
        } else {
            return nil
        }
    }

    private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
}

extension NetworkAddress: CustomStringConvertible {
    /// The numeric address, as `inet_ntop` writes it, or the path.
    public var description: String {
        guard family != .unix else { return String(decoding: bytes, as: UTF8.self) }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(family == .ipv4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }
}

/// A network: an address and how many of its leading bits count.
public struct Network: Sendable, Equatable, CustomStringConvertible {
    /// The network's address.
    public let address: NetworkAddress
    /// The number of leading bits that count.
    public let prefix: Int

    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address.
    public init?(parsing text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = NetworkAddress(parsing: String(first)) else { return nil }
        let bits = address.bytes.count * 8
        var prefix = bits
        if parts.count == 2 {
            guard let number = Int(parts[1]), parts[1].allSatisfy(\.isNumber), (0...bits).contains(number) else {
                return nil
            }
            prefix = number
        }
        self.address = address
        self.prefix = prefix
    }

    /// Whether an address lies in the network. Another family's never does.
    public func contains(_ other: NetworkAddress) -> Bool {
        guard other.family == address.family else { return false }
        let whole = prefix / 8
        guard address.bytes[..<whole] == other.bytes[..<whole] else { return false }
        guard prefix % 8 > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> (prefix % 8))
        return (address.bytes[whole] ^ other.bytes[whole]) & mask == 0
    }

    /// The network as `init(parsing:)` reads it.
    public var description: String { "\(address)/\(prefix)" }
}
