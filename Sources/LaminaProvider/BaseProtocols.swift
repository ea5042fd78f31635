public import CLamina
import Glibc

/// What a base with TCP, UDP and Unix sockets offers, in the order in which a selection tries it.
public enum BaseProtocols {
    // Winsock's XP1_ bits: what a stream and a datagram socket promise.
    private static let stream: UInt32 = 0x2 | 0x4 | 0x20
    private static let datagram: UInt32 = 0x1 | 0x8

    /// Puts the protocols into a provider's descriptor.
    public static func declare(in provider: UnsafeMutablePointer<lamina_provider>) {
        let families = [AF_INET, AF_INET6, AF_UNIX]
        provider.pointee.protocol_count = UInt32(families.count * 2)
        provider.pointee.protocols = Immortal.values(families.count * 2) { entries in
            for (index, family) in families.enumerated() {
                let isUnix = family == AF_UNIX
                let (tcp, udp) = (entries + 2 * index, entries + 2 * index + 1)
                tcp.pointee.family = family
                tcp.pointee.type = Int32(SOCK_STREAM.rawValue)
                tcp.pointee.protocol = isUnix ? 0 : Int32(IPPROTO_TCP)
                tcp.pointee.service_flags = stream
                udp.pointee.family = family
                udp.pointee.type = Int32(SOCK_DGRAM.rawValue)
                udp.pointee.protocol = isUnix ? 0 : Int32(IPPROTO_UDP)
                udp.pointee.service_flags = datagram
                udp.pointee.message_size = isUnix ? 1 : 65507
            }
        }
    }
}
