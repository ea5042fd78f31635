import CLamina
import Glibc
import LaminaProvider

/// Destinations, as the protocol carries them.
enum SocksAddress {
    private static let ipv4: UInt8 = 1
    private static let name: UInt8 = 3
    private static let ipv6: UInt8 = 4

    /// An address of a host in numbers or by name. Nil: it is neither.
    static func make(host: String, port: UInt16) -> lamina_address? {
        if var address = NumericAddress.parse(host) {
            withUnsafeMutablePointer(to: &address) { $0.setPort(port) }
            return address
        }
        let isName =
            (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: ":") }
        return isName ? lamina_address(name: host, port: port) : nil
    }

    /// The type, the address and the port of a request. Nil: the protocol can't carry it.
    static func bytes(of address: UnsafePointer<lamina_address>) -> [UInt8]? {
        if address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) {
            let length = Int(address.pointee.length)
            guard (1...253).contains(length) else { return nil }
            let text = UnsafeRawBufferPointer(start: address.bytes, count: length)
            return [name, UInt8(length)] + text + bytes(of: address.pointee.port)
        }
        guard address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return nil }
        switch Int32(address.socket.pointee.sa_family) {
        case AF_INET:
            let four = address.pointee.storage.ipv4
            return [ipv4] + withUnsafeBytes(of: four.sin_addr) { Array($0) }
                + bytes(of: UInt16(bigEndian: four.sin_port))
        case AF_INET6:
            let six = address.pointee.storage.ipv6
            let all = withUnsafeBytes(of: six.sin6_addr) { Array($0) }
            let port = bytes(of: UInt16(bigEndian: six.sin6_port))
            // An IPv4 host by its mapped address.
            let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xff && all[11] == 0xff
            return isMapped ? [ipv4] + all[12...] + port : [ipv6] + all + port
        default: return nil
        }
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
