public import LaminaProvider

/// Where a connect goes, as rules see it.
public struct Destination {
    /// The address's bytes: 4 of IPv4, also in IPv6 form, or 16. Nil: a name that nobody has resolved.
    let bytes: [UInt8]?
    /// That name, or the one that the program asked for when it got the address, in the form that is compared.
    let name: String?
    /// In host byte order.
    let port: UInt16

    /// What an address says, for a program that asked for this name. Nil: it is neither an IP address nor a name.
    public init?(_ address: Address, asked: @autoclosure () -> String?) {
        if let text = address.name {
            bytes = Address(text, port: 0)?.bytes
            name = ComparedName.of(text)
        } else {
            guard let plain = address.bytes else { return nil }
            bytes = plain
            name = asked().flatMap { ComparedName.of($0) }
        }
        port = address.port
    }
}
