import CLamina
import CLaminaRun
import CLinux
import Glibc

/// An IPv4 or IPv6 socket address.
struct Endpoint {
    /// The address as the run's messages carry it.
    var raw: lamina_run_address

    /// Takes an address out of a message.
    init(_ raw: lamina_run_address) {
        self.raw = raw
    }

    /// Copies a socket address; nil where its family isn't IPv4 or IPv6, or bytes are missing.
    init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        guard Int(length) >= MemoryLayout<sa_family_t>.size else { return nil }
        let least: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: least = MemoryLayout<sockaddr_in>.size
        case AF_INET6: least = 24
        default: return nil
        }
        guard Int(length) >= least else { return nil }
        raw = lamina_run_address()
        let count = min(Int(length), MemoryLayout.size(ofValue: raw.storage))
        withUnsafeMutableBytes(of: &raw.storage) { storage in
            storage.copyMemory(from: UnsafeRawBufferPointer(start: address, count: count))
        }
        raw.length = UInt32(count)
    }

    /// Reads an address in numbers; nil where it is none.
    init?(host: String, port: UInt16) {
        // The C library reads up to a NUL.
        guard !host.utf8.contains(0) else { return nil }
        var made = Endpoint.loopback(host.utf8.contains(UInt8(ascii: ":")) ? AF_INET6 : AF_INET, port: port)
        let isRead =
            made.family == AF_INET
            ? inet_pton(AF_INET, host, &made.raw.storage.ipv4.sin_addr)
            : inet_pton(AF_INET6, host, &made.raw.storage.ipv6.sin6_addr)
        guard isRead == 1 else { return nil }
        self = made
    }

    /// The 4 or 16 bytes of the address, those of IPv4 where it is one.
    var hostBytes: [UInt8]? {
        let plain = unmapped
        switch plain.family {
        case AF_INET: return withUnsafeBytes(of: plain.raw.storage.ipv4.sin_addr) { Array($0) }
        case AF_INET6: return withUnsafeBytes(of: plain.raw.storage.ipv6.sin6_addr) { Array($0) }
        default: return nil
        }
    }

    /// The loopback address of a family, with a port.
    static func loopback(_ family: Int32, port: UInt16) -> Endpoint {
        var raw = lamina_run_address()
        if family == AF_INET6 {
            raw.storage.ipv6.sin6_family = sa_family_t(AF_INET6)
            raw.storage.ipv6.sin6_port = port.bigEndian
            raw.storage.ipv6.sin6_addr = in6addr_loopback
            raw.length = UInt32(MemoryLayout<sockaddr_in6>.size)
        } else {
            raw.storage.ipv4.sin_family = sa_family_t(AF_INET)
            raw.storage.ipv4.sin_port = port.bigEndian
            raw.storage.ipv4.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            raw.length = UInt32(MemoryLayout<sockaddr_in>.size)
        }
        return Endpoint(raw)
    }

    /// Takes a socket address as the chain's calls carry it; nil where it is none, or of another family.
    init?(_ address: lamina_address) {
        guard Int32(address.form) == LAMINA_ADDRESS_SOCKET else { return nil }
        let found = withUnsafePointer(to: address.storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { Endpoint($0, length: address.length) }
        }
        guard let found else { return nil }
        self = found
    }

    /// The address as the chain's calls carry it.
    var lamina: lamina_address {
        var address = lamina_address()
        address.form = UInt16(LAMINA_ADDRESS_SOCKET)
        address.length = raw.length
        withUnsafeMutableBytes(of: &address.storage) { storage in
            withUnsafeBytes(of: raw.storage) { storage.copyMemory(from: $0) }
        }
        return address
    }

    /// `AF_INET` or `AF_INET6`; `AF_UNSPEC` where there is no address.
    var family: Int32 { raw.length == 0 ? AF_UNSPEC : Int32(raw.storage.any.sa_family) }

    /// The port, in host byte order.
    var port: UInt16 {
        get { UInt16(bigEndian: raw.storage.ipv4.sin_port) }
        set { raw.storage.ipv4.sin_port = newValue.bigEndian }
    }

    /// Whether it is an IPv4 address in IPv6 form.
    var isMapped: Bool {
        guard family == AF_INET6 else { return false }
        let words = raw.storage.ipv6.sin6_addr.__in6_u.__u6_addr32
        return words.0 == 0 && words.1 == 0 && words.2 == UInt32(0xffff).bigEndian
    }

    /// Whether it has a port, or an address that isn't the wildcard.
    var isNamed: Bool {
        if port != 0 { return true }
        if family == AF_INET { return raw.storage.ipv4.sin_addr.s_addr != 0 }
        let words = raw.storage.ipv6.sin6_addr.__in6_u.__u6_addr32
        return words.0 | words.1 | words.2 | words.3 != 0
    }

    /// Whether it is a loopback address.
    var isLoopback: Bool {
        if family == AF_INET { return UInt32(bigEndian: raw.storage.ipv4.sin_addr.s_addr) >> 24 == 127 }
        guard family == AF_INET6 else { return false }
        let words = raw.storage.ipv6.sin6_addr.__in6_u.__u6_addr32
        return words.0 == 0 && words.1 == 0 && words.2 == 0 && words.3 == UInt32(1).bigEndian
    }

    /// The same address in IPv6 form, as an IPv6 socket sees it.
    var mapped: Endpoint {
        guard family == AF_INET else { return self }
        var six = lamina_run_address()
        six.storage.ipv6.sin6_family = sa_family_t(AF_INET6)
        six.storage.ipv6.sin6_port = raw.storage.ipv4.sin_port
        six.storage.ipv6.sin6_addr.__in6_u.__u6_addr32 = (
            0, 0, UInt32(0xffff).bigEndian, raw.storage.ipv4.sin_addr.s_addr
        )
        six.length = UInt32(MemoryLayout<sockaddr_in6>.size)
        return Endpoint(six)
    }

    /// The same address in IPv4 form, where it has one.
    var unmapped: Endpoint {
        guard isMapped else { return self }
        var four = lamina_run_address()
        four.storage.ipv4.sin_family = sa_family_t(AF_INET)
        four.storage.ipv4.sin_port = raw.storage.ipv6.sin6_port
        four.storage.ipv4.sin_addr.s_addr = raw.storage.ipv6.sin6_addr.__in6_u.__u6_addr32.3
        four.length = UInt32(MemoryLayout<sockaddr_in>.size)
        return Endpoint(four)
    }

    /// The same address as a socket of another one's family sees it.
    func inFamily(of other: Endpoint) -> Endpoint { other.family == AF_INET6 ? mapped : unmapped }

    /// Lends the address in the form of the socket calls.
    func withSocketAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: raw.storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(raw.length)) }
        }
    }

    /// The form of getsockname and getpeername.
    typealias NameCall = (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32

    /// What `call` (getsockname, getpeername) says of a descriptor.
    static func name(of descriptor: Int32, _ call: NameCall) -> Endpoint? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                call(descriptor, address, &length) == 0 ? Endpoint(address, length: length) : nil
            }
        }
    }
}

extension Endpoint: Equatable {
    /// Whether host and port are the same, in whatever form.
    static func == (left: Endpoint, right: Endpoint) -> Bool { left.description == right.description }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:80` or `[2001:db8::1]:80`.
    var description: String {
        let plain = unmapped
        switch plain.family {
        case AF_INET: return "\(text(plain.raw.storage.ipv4.sin_addr, AF_INET)):\(plain.port)"
        case AF_INET6: return "[\(text(plain.raw.storage.ipv6.sin6_addr, AF_INET6))]:\(plain.port)"
        default: return "no address"
        }
    }

    private func text<Address>(_ address: Address, _ family: Int32) -> String {
        String(unsafeUninitializedCapacity: Int(INET6_ADDRSTRLEN)) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                withUnsafePointer(to: address) { bytes in
                    _ = inet_ntop(family, bytes, characters.baseAddress, socklen_t(characters.count))
                }
                return characters.firstIndex(of: 0) ?? 0
            }
        }
    }
}
