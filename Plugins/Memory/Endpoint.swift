import CLamina
import Glibc
import LaminaProvider

/// An address as the transport keeps it: an IP address with a port, or a Unix socket's name.
struct Endpoint: Hashable {
    /// `AF_INET`, `AF_INET6`, `AF_UNIX`, or 0 for none.
    var family: Int32 = 0
    /// In host byte order.
    var port: UInt16 = 0
    /// An IPv4 address in the low 32 bits of `low`, an IPv6 address in both, in host byte order.
    var high: UInt64 = 0
    var low: UInt64 = 0
    /// A Unix socket's name; a leading 0 makes it abstract.
    var path: [UInt8] = []

    /// No address yet, of this family.
    init(family: Int32) {
        self.family = family
    }

    /// A socket address; a mapped IPv4 address is an IPv4 one. Nil: not one of the three families, or too short.
    init?(_ address: UnsafePointer<lamina_address>) {
        guard unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return nil }
        let length = unsafe Int(address.pointee.length)
        family = unsafe Int32(address.socket.pointee.sa_family)
        switch family {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            port = unsafe UInt16(bigEndian: address.pointee.storage.ipv4.sin_port)
            low = unsafe UInt64(UInt32(bigEndian: address.pointee.storage.ipv4.sin_addr.s_addr))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            port = unsafe UInt16(bigEndian: address.pointee.storage.ipv6.sin6_port)
            let bytes = unsafe address.bytes + Self.ipv6Offset
            high = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
            low = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            if high == 0, low >> 32 == 0xFFFF {
                family = AF_INET
                low &= 0xFFFF_FFFF
            }
        case AF_UNIX where length >= 2:
            let bytes = unsafe UnsafeRawBufferPointer(start: address.bytes + Self.pathOffset, count: length - 2)
            path = unsafe bytes.first == 0 ? Array(bytes) : Array(bytes.prefix { $0 != 0 })
        default:
            return nil
        }
    }

    /// Where an IPv6 address stands in its socket address, and a name in a Unix one.
    static let ipv6Offset = 8
    private static let pathOffset = 2

    /// Whether it stands for every address of its family.
    var isWildcard: Bool { family != AF_UNIX && high == 0 && low == 0 }

    /// Whether a program can listen on it: an IP address, even without a port, or a Unix name.
    var isNamed: Bool { family == AF_UNIX ? !path.isEmpty : true }

    /// The address that a socket has which reaches this one without having bound: loopback's first address for
    /// loopback, else the address itself, since every address is this host's.
    var source: Endpoint {
        var source = Endpoint(family: family)
        switch family {
        case AF_INET: source.low = low >> 24 == 127 ? 0x7F00_0001 : low
        case AF_INET6: (source.high, source.low) = (high, low)
        default: break
        }
        return source
    }

    /// The address that a connect to this one reaches: a wildcard means loopback.
    var reached: Endpoint {
        guard isWildcard else { return self }
        var reached = self
        reached.low = family == AF_INET ? 0x7F00_0001 : 1
        return reached
    }

    /// Writes it as a socket of `family` sees it; IPv4 seen by IPv6 is mapped.
    func write(_ address: UnsafeMutablePointer<lamina_address>, for family: Int32) {
        unsafe address.pointee = lamina_address()
        unsafe address.pointee.form = UInt16(LAMINA_ADDRESS_SOCKET)
        let bytes = unsafe address.bytes
        if self.family == AF_INET, family != AF_INET6 {
            unsafe address.pointee.length = UInt32(MemoryLayout<sockaddr_in>.size)
            unsafe address.pointee.storage.ipv4.sin_family = sa_family_t(AF_INET)
            unsafe address.pointee.storage.ipv4.sin_port = port.bigEndian
            unsafe address.pointee.storage.ipv4.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
        } else if self.family == AF_UNIX {
            let isAbstract = path.first == 0
            unsafe address.pointee.storage.local.sun_family = sa_family_t(AF_UNIX)
            unsafe address.pointee.length = UInt32(2 + path.count + (isAbstract || path.isEmpty ? 0 : 1))
            for (index, byte) in path.enumerated() {
                unsafe bytes.storeBytes(of: byte, toByteOffset: Self.pathOffset + index, as: UInt8.self)
            }
        } else {
            let low = self.family == AF_INET && !isWildcard ? self.low | 0xFFFF << 32 : self.low
            unsafe address.pointee.length = UInt32(MemoryLayout<sockaddr_in6>.size)
            unsafe address.pointee.storage.ipv6.sin6_family = sa_family_t(AF_INET6)
            unsafe address.pointee.storage.ipv6.sin6_port = port.bigEndian
            unsafe (bytes + Self.ipv6Offset).storeBytes(of: high.bigEndian, as: UInt64.self)
            unsafe (bytes + Self.ipv6Offset).storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
    }
}
