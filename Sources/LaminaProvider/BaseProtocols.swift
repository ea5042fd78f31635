public import CLamina
import Glibc

/// What a base with TCP, UDP and Unix sockets offers, in the order in which a selection tries it.
public enum BaseProtocols {
    // Winsock's XP1_ bits: what a stream and a datagram socket promise.
    private static let stream: UInt32 = 0x2 | 0x4 | 0x20
    private static let datagram: UInt32 = 0x1 | 0x8

    /// How many there are.
    public static var count: Int { 6 }

    /// The protocols, which live as long as the library.
    nonisolated(unsafe) public static let list: UnsafePointer<lamina_protocol> = {
        let entries = UnsafeMutablePointer<lamina_protocol>.allocate(capacity: count)
        var index = 0
        for family in [AF_INET, AF_INET6, AF_UNIX] {
            let isUnix = family == AF_UNIX
            entries[index] = lamina_protocol(
                family: family,
                type: Int32(SOCK_STREAM.rawValue),
                protocol: isUnix ? 0 : Int32(IPPROTO_TCP),
                protocol_maximum_offset: 0,
                service_flags: stream,
                message_size: 0
            )
            entries[index + 1] = lamina_protocol(
                family: family,
                type: Int32(SOCK_DGRAM.rawValue),
                protocol: isUnix ? 0 : Int32(IPPROTO_UDP),
                protocol_maximum_offset: 0,
                service_flags: datagram,
                message_size: isUnix ? 1 : 65507
            )
            index += 2
        }
        return UnsafePointer(entries)
    }()
}
