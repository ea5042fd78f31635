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
