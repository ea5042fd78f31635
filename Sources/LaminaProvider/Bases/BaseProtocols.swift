public import CLamina
import Glibc

/// What a base with TCP, UDP and Unix sockets offers, in the order in which a selection tries it.
public enum BaseProtocols {
    // Winsock's XP1_ bits: what a stream and a datagram socket promise.
    private static let streamFlags: UInt32 = 0x2 | 0x4 | 0x20
    private static let datagramFlags: UInt32 = 0x1 | 0x8

    /// The service flag of a base whose sockets have the kernel's own descriptors (XP1_IFS_HANDLES).
    public static let kernelDescriptors: UInt32 = 0x20000

    /// The protocols of a provider's descriptor, each with these service flags beside its own. Never fails, on any
    /// thread.
    public static func all(services: UInt32 = 0) -> [lamina_protocol] {
        [AF_INET, AF_INET6, AF_UNIX].flatMap { family in
            [stream(family, services), datagram(family, services, longest: family == AF_UNIX ? 1 : 65507)]
        }
    }

    static func stream(_ family: Int32, _ services: UInt32) -> lamina_protocol {
        var stream = lamina_protocol()
        stream.family = family
        stream.type = Int32(SOCK_STREAM.rawValue)
        stream.protocol = family == AF_UNIX ? 0 : Int32(IPPROTO_TCP)
        stream.service_flags = streamFlags | services
        stream.provider_flags = UInt32(LAMINA_PROTOCOL_MATCHES_ZERO)
        return stream
    }

    static func datagram(_ family: Int32, _ services: UInt32, longest: Int) -> lamina_protocol {
        var datagram = lamina_protocol()
        datagram.family = family
        datagram.type = Int32(SOCK_DGRAM.rawValue)
        datagram.protocol = family == AF_UNIX ? 0 : Int32(IPPROTO_UDP)
        datagram.service_flags = datagramFlags | services
        datagram.provider_flags = UInt32(LAMINA_PROTOCOL_MATCHES_ZERO)
        datagram.message_size = UInt32(longest)
        return datagram
    }
}
