public import CLamina
import Glibc

/// What a base with TCP, UDP and Unix sockets offers, in the order in which a selection tries it.
public enum BaseProtocols {
    // Winsock's XP1_ bits: what a stream and a datagram socket promise.
    private static let streamFlags: UInt32 = 0x2 | 0x4 | 0x20
    private static let datagramFlags: UInt32 = 0x1 | 0x8

    /// The service flag of a base whose sockets have the kernel's own descriptors (XP1_IFS_HANDLES).
    public static let kernelDescriptors: UInt32 = 0x20000

    /// Puts the protocols into a provider's descriptor, each with these service flags beside its own.
    public static func declare(in provider: UnsafeMutablePointer<lamina_provider>, services: UInt32 = 0) {
        provider.pointee.protocol_count = 6
        provider.pointee.protocol_size = UInt32(MemoryLayout<lamina_protocol>.stride)
        provider.pointee.protocols = Immortal.values(6) { entries in
            describe(AF_INET, entries, entries + 1)
            describe(AF_INET6, entries + 2, entries + 3)
            describe(AF_UNIX, entries + 4, entries + 5)
            for place in 0..<6 { entries[place].service_flags |= services }
        }
    }

    private static func describe(
        _ family: Int32,
        _ stream: UnsafeMutablePointer<lamina_protocol>,
        _ datagram: UnsafeMutablePointer<lamina_protocol>
    ) {
        let isUnix = family == AF_UNIX
        stream.pointee.family = family
        stream.pointee.type = Int32(SOCK_STREAM.rawValue)
        stream.pointee.protocol = isUnix ? 0 : Int32(IPPROTO_TCP)
        stream.pointee.service_flags = streamFlags
        stream.pointee.provider_flags = UInt32(LAMINA_PROTOCOL_MATCHES_ZERO)
        datagram.pointee.family = family
        datagram.pointee.type = Int32(SOCK_DGRAM.rawValue)
        datagram.pointee.protocol = isUnix ? 0 : Int32(IPPROTO_UDP)
        datagram.pointee.service_flags = datagramFlags
        datagram.pointee.provider_flags = UInt32(LAMINA_PROTOCOL_MATCHES_ZERO)
        datagram.pointee.message_size = isUnix ? 1 : 65507
    }
}
