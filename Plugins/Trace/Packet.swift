import LaminaProvider

/// One end of what is captured: an IPv4 or IPv6 address, and a port.
struct PacketEnd: Sendable {
    /// 4 or 16.
    var bytes: [UInt8]
    var port: UInt16

    /// As an IPv6 address.
    var mapped: PacketEnd {
        bytes.count == 16
            ? self : PacketEnd(bytes: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + bytes, port: port)
    }
}

extension PacketEnd {
    /// The end at an IP address; nil of others.
    init?(_ address: Address) {
        guard let bytes = address.bytes else { return nil }
        self.init(bytes: bytes, port: address.port)
    }

    /// Stands for an end that nobody knows.
    static func nowhere(like other: PacketEnd?) -> PacketEnd {
        PacketEnd(bytes: [UInt8](repeating: 0, count: other?.bytes.count ?? 4), port: 0)
    }
}

/// Packets as they would have looked on a wire.
enum Packet {
    /// Bits of a TCP header.
    struct Flags: OptionSet {
        let rawValue: UInt8
        static let fin = Flags(rawValue: 1)
        static let syn = Flags(rawValue: 2)
        static let rst = Flags(rawValue: 4)
        static let psh = Flags(rawValue: 8)
        static let ack = Flags(rawValue: 16)
    }

    /// The most bytes that a packet carries.
    static let mostBytes = 65_000
    /// The protocols that IP names by these numbers.
    private static let tcpNumber: UInt8 = 6
    private static let udpNumber: UInt8 = 17

    /// A TCP segment.
    static func tcp(
        _ from: PacketEnd,
        _ to: PacketEnd,
        _ flags: Flags,
        sequence: UInt32,
        acknowledged: UInt32,
        _ data: ArraySlice<UInt8> = []
    ) -> [UInt8] {
        // A SYN says how large segments may be, and that windows count in 128 bytes.
        let options: [UInt8] = flags.contains(.syn) ? [2, 4, 0xFF, 0xD7, 3, 3, 7, 1] : []
        var segment = big(from.port) + big(to.port) + big(sequence) + big(acknowledged)
        segment += [UInt8((20 + options.count) / 4) << 4, flags.rawValue, 0xFF, 0xFF, 0, 0, 0, 0]
        segment += options
        segment += data
        return ip(from, to, tcpNumber, segment, checksumAt: 16)
    }

    /// A UDP datagram.
    static func udp(_ from: PacketEnd, _ to: PacketEnd, _ data: ArraySlice<UInt8>) -> [UInt8] {
        let header = big(from.port) + big(to.port) + big(UInt16(8 + data.count)) + [0, 0]
        return ip(from, to, udpNumber, header + data, checksumAt: 6)
    }

    private static func ip(
        _ from: PacketEnd,
        _ to: PacketEnd,
        _ transport: UInt8,
        _ payload: [UInt8],
        checksumAt place: Int
    ) -> [UInt8] {
        let isSix = from.bytes.count == 16 || to.bytes.count == 16
        let (source, target) = isSix ? (from.mapped.bytes, to.mapped.bytes) : (from.bytes, to.bytes)
        var payload = payload
        let pseudo = source + target + big(UInt32(payload.count)) + [0, 0, 0, transport]
        var sum = checksum(pseudo + payload)
        // A UDP checksum of 0 would say that there is none.
        if sum == 0, transport == udpNumber { sum = 0xFFFF }
        payload.replaceSubrange(place..<(place + 2), with: big(sum))
        if isSix { return [0x60, 0, 0, 0] + big(UInt16(payload.count)) + [transport, 64] + source + target + payload }
        var header: [UInt8] = [0x45, 0] + big(UInt16(20 + payload.count)) + [0, 0, 0x40, 0, 64, transport, 0, 0]
        header += source + target
        header.replaceSubrange(10..<12, with: big(checksum(header)))
        return header + payload
    }

    /// The Internet checksum (RFC 1071).
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt64 = 0
        var index = 0
        while index + 1 < bytes.count {
            sum += UInt64(bytes[index]) << 8 | UInt64(bytes[index + 1])
            index += 2
        }
        if index < bytes.count { sum += UInt64(bytes[index]) << 8 }
        while sum > 0xFFFF { sum = (sum >> 16) + (sum & 0xFFFF) }
        return ~UInt16(sum)
    }

    private static func big(_ number: some FixedWidthInteger) -> [UInt8] {
        stride(from: number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
