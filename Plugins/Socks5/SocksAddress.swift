import LaminaProvider

/// Destinations, as the protocol carries them.
enum SocksAddress {
    private static let ipv4: UInt8 = 1
    private static let name: UInt8 = 3
    private static let ipv6: UInt8 = 4

    /// An address of a host in numbers or by name. Nil: it is neither.
    static func make(host: String, port: UInt16) -> Address? {
        if let address = Address(host, port: port) { return address }
        let isName =
            (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: ":") }
        return isName ? Address(name: host, port: port) : nil
    }

    /// The type, the address and the port of a request. Nil: the protocol can't carry it.
    static func bytes(of address: Address) -> [UInt8]? {
        if let text = address.name {
            guard (1...253).contains(text.utf8.count) else { return nil }
            return [name, UInt8(text.utf8.count)] + text.utf8 + bytes(of: address.port)
        }
        guard let plain = address.bytes else { return nil }
        return [plain.count == 4 ? ipv4 : ipv6] + plain + bytes(of: address.port)
    }

    private static func bytes(of port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 0xff)] }

    /// How many bytes follow the first five of a reply, of which the fourth is the address's type and the fifth its
    /// first byte. Nil: there is no such type.
    static func rest(ofType type: UInt8, first: UInt8) -> Int? {
        switch type {
        case ipv4: 4 + 2 - 1
        case ipv6: 16 + 2 - 1
        case name: Int(first) + 2
        default: nil
        }
    }
}
