import CLamina
import Glibc

extension Address: Hashable {
    /// Whether both are the same place: family, address and port, or name and port. An IPv4 address in IPv6 form is the IPv4
    /// address; case counts in no name.
    public static func == (one: Address, other: Address) -> Bool { one.identity == other.identity }

    /// Agrees with `==`.
    public func hash(into hasher: inout Hasher) { hasher.combine(identity) }

    /// What tells addresses apart. Allocates for names and Unix sockets only.
    private struct Identity: Hashable {
        var family: Int32
        var port: UInt16
        var high: UInt64 = 0
        var low: UInt64 = 0
        var text = ""
    }

    private var identity: Identity {
        var identity = Identity(family: family, port: port)
        switch family {
        case AF_INET: identity.low = UInt64(UInt32(bigEndian: c.storage.ipv4.sin_addr.s_addr))
        case AF_INET6:
            let (high, low) = withUnsafeBytes(of: c.storage.ipv6.sin6_addr) { bytes in
                (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            (identity.high, identity.low) = (UInt64(bigEndian: high), UInt64(bigEndian: low))
            if identity.high == 0, identity.low >> 32 == 0xFFFF {
                (identity.family, identity.low) = (AF_INET, identity.low & 0xFFFF_FFFF)
            }
        case AF_UNIX: identity.text = path ?? ""
        default: identity.text = name?.lowercased() ?? ""
        }
        return identity
    }

    /// Whether a base can be asked to connect there: a socket address, or a name.
    var isDestination: Bool { isWhole || name?.isEmpty == false }

    /// Whether it is a socket address of one of the families that bases have, with all of its bytes.
    var isWhole: Bool {
        let length = Int(c.length)
        guard length <= MemoryLayout.size(ofValue: c.storage) else { return false }
        switch family {
        case AF_INET: return length >= MemoryLayout<sockaddr_in>.size
        case AF_INET6: return length >= MemoryLayout<sockaddr_in6>.size
        case AF_UNIX: return length >= MemoryLayout<sa_family_t>.size
        default: return false
        }
    }
}
