import CLamina
import Glibc

/// What control data say about a datagram that came.
enum PacketInfo {
    /// Whether it was sent to many (`LAMINA_MESSAGE_…`), where its packet information is there.
    @inline(never)
    static func marks(_ control: UnsafeRawPointer?, _ length: Int) -> UInt32 {
        var (offset, item) = unsafe (0, lamina_control_item())
        while unsafe lamina_control_next(control, length, &offset, &item) > 0 {
            guard let data = unsafe item.data else { continue }
            switch unsafe (item.level, item.type) {
            case (Int32(IPPROTO_IP), IP_PKTINFO) where unsafe item.length >= 12:
                // The header's destination, after the interface and the local address.
                let address = unsafe UInt32(bigEndian: data.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
                let local = unsafe UInt32(bigEndian: data.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                if address >> 28 == 0xE { return UInt32(LAMINA_MESSAGE_MULTICAST) }
                // A broadcast is answered from another address than it went to.
                return address == local ? 0 : UInt32(LAMINA_MESSAGE_BROADCAST)
            case (Int32(IPPROTO_IPV6), IPV6_PKTINFO) where unsafe item.length >= 20:
                return unsafe data.load(as: UInt8.self) == 0xFF ? UInt32(LAMINA_MESSAGE_MULTICAST) : 0
            default: continue
            }
        }
        return 0
    }
}
