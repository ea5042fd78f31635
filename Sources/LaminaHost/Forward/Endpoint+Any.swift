import CLamina
import CLaminaRun
import Glibc

/// Addresses that stand for all of the machine's.
extension Endpoint {
    /// That of a family, with a port.
    static func any(_ family: Int32, port: UInt16) -> Endpoint {
        var endpoint = Endpoint.loopback(family, port: port)
        if family == AF_INET6 {
            endpoint.raw.storage.ipv6.sin6_addr = in6addr_any
        } else {
            endpoint.raw.storage.ipv4.sin_addr.s_addr = 0
        }
        return endpoint
    }

    /// Whether it is one of them.
    var isAny: Bool { self == .any(family, port: port) }
}
