import CLamina
import Glibc
import LaminaProvider

/// What is said about a name.
enum HostRule {
    /// It has these addresses.
    case addresses([lamina_address])
    /// It is asked for by another name.
    case alias(String)
    /// There is no such name.
    case refuse
    /// The levels below answer it.
    case pass

    /// Reads an address, `refuse` or `pass`.
    init?(word: String) {
        switch word {
        case "refuse": self = .refuse
        case "pass": self = .pass
        default:
            guard let address = HostAddress.parse(word) else { return nil }
            self = .addresses([address])
        }
    }

    /// Two rules for one name: addresses add up, others have to say the same. Nil: they contradict each other.
    func joined(with other: HostRule) -> HostRule? {
        switch (self, other) {
        case (.addresses(let mine), .addresses(let others)): .addresses(mine + others)
        case (.alias(let mine), .alias(let others)) where mine == others: self
        case (.refuse, .refuse), (.pass, .pass): self
        default: nil
        }
    }
}

/// Addresses in numbers.
enum HostAddress {
    /// Reads an IPv4 or IPv6 address, with or without a scope. Nil: it is none.
    static func parse(_ text: String) -> lamina_address? {
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

    /// The bytes that tell addresses of names apart: neither port nor scope.
    static func key(_ address: lamina_address) -> [UInt8]? {
        guard address.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return nil }
        switch Int32(address.storage.socket.sa_family) {
        case AF_INET: return withUnsafeBytes(of: address.storage.ipv4.sin_addr) { Array($0) }
        case AF_INET6: return withUnsafeBytes(of: address.storage.ipv6.sin6_addr) { Array($0) }
        default: return nil
        }
    }
}

/// Names as they are compared: ASCII letters in lower case, without a final dot.
enum HostName {
    /// The form that is compared. Nil: it is no name, or an address in numbers, which nobody looks up.
    static func compared(_ text: some StringProtocol) -> String? {
        var bytes = text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
        if bytes.last == UInt8(ascii: "."), bytes.count > 1 { bytes.removeLast() }
        guard (1...253).contains(bytes.count), !bytes.contains(where: { $0 <= 32 || $0 == 127 || $0 == 0x3A }) else {
            return nil
        }
        // What ends in a number is an address, or a mistyped one.
        let last = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).last ?? []
        guard !last.isEmpty, !last.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
