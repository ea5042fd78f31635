public import CLamina
import Glibc

/// Addresses in numbers.
public enum NumericAddress {
    /// Reads an IPv4 or IPv6 address, with or without a scope (`fe80::1%lo`), without a port. Nil: it is none.
    static func parse(_ text: String) -> lamina_address? {
        // The C library reads up to a NUL.
        guard !text.utf8.contains(0) else { return nil }
        var address = lamina_address()
        address.form = UInt16(LAMINA_ADDRESS_SOCKET)
        if inet_pton(AF_INET, text, &address.storage.ipv4.sin_addr) == 1 {
            address.storage.ipv4.sin_family = sa_family_t(AF_INET)
            address.length = UInt32(MemoryLayout<sockaddr_in>.size)
            return address
        }
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var six = in6_addr()
        guard inet_pton(AF_INET6, parts[0], &six) == 1 else { return nil }
        address = lamina_address()
        address.form = UInt16(LAMINA_ADDRESS_SOCKET)
        address.storage.ipv6.sin6_family = sa_family_t(AF_INET6)
        address.storage.ipv6.sin6_addr = six
        address.length = UInt32(MemoryLayout<sockaddr_in6>.size)
        if parts.count == 2 {
            let scope = UInt32(parts[1]) ?? if_nametoindex(parts[1])
            guard scope != 0 else { return nil }
            address.storage.ipv6.sin6_scope_id = scope
        }
        return address
    }

    /// The bytes that tell addresses apart, neither port nor scope: 4 or 16. Nil: it is no IP address.
    static func key(_ address: lamina_address) -> [UInt8]? {
        guard address.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return nil }
        switch Int32(address.storage.socket.sa_family) {
        case AF_INET: return withUnsafeBytes(of: address.storage.ipv4.sin_addr) { Array($0) }
        case AF_INET6: return withUnsafeBytes(of: address.storage.ipv6.sin6_addr) { Array($0) }
        default: return nil
        }
    }

    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

    /// The same, but those of IPv4 where it is an IPv4 address in IPv6 form (`::ffff:192.0.2.1`).
    public static func plain(_ address: lamina_address) -> [UInt8]? {
        guard let bytes = key(address) else { return nil }
        return bytes.starts(with: mapped) ? Array(bytes.dropFirst(mapped.count)) : bytes
    }
}
