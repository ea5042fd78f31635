import CLamina
import Glibc
import LaminaProvider

/// Where a connect goes, as rules see it.
struct Destination {
    /// The address's bytes: 4 of IPv4, also in IPv6 form, or 16. Nil: a name that nobody has resolved.
    let bytes: [UInt8]?
    /// That name, or the one that the program asked for when it got the address, in the form that is compared.
    let name: String?
    /// In host byte order.
    let port: UInt16

    /// What an address says, for a program that asked for this name. Nil: it is neither an IP address nor a name.
    init?(_ address: UnsafePointer<lamina_address>, asked: UnsafePointer<CChar>?) {
        if address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) {
            let text = address.name
            bytes = NumericAddress.parse(text).flatMap(NumericAddress.plain)
            name = ComparedName.of(text)
        } else {
            guard let plain = NumericAddress.plain(address.pointee) else { return nil }
            bytes = plain
            name = asked.flatMap { ComparedName.of(String(cString: $0)) }
        }
        port = address.port
    }
}

/// The destinations that a rule is about.
struct Pattern {
    /// Their hosts.
    enum Host {
        case any
        case name(String)
        /// Every name that ends so, beginning with the point.
        case below(String)
        /// Addresses whose leading bits are these.
        case network([UInt8], bits: Int)
    }

    let host: Host
    let ports: ClosedRange<UInt16>

    func matches(_ destination: Destination) -> Bool {
        guard ports.contains(destination.port) else { return false }
        switch host {
        case .any: return true
        case .name(let name): return destination.name == name
        case .below(let suffix):
            guard let name = destination.name else { return false }
            return name.utf8.count > suffix.utf8.count && name.hasSuffix(suffix)
        case .network(let network, let bits):
            guard let bytes = destination.bytes, bytes.count == network.count else { return false }
            guard bytes[..<(bits / 8)] == network[..<(bits / 8)] else { return false }
            guard bits % 8 > 0 else { return true }
            return (bytes[bits / 8] ^ network[bits / 8]) >> (8 - bits % 8) == 0
        }
    }
}
