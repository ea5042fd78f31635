import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What travels beside a datagram's bytes: where it went, its traffic class with the two bits of ECN, and its hop limit.
struct Envelope {
    var sender: Endpoint
    var destination: Endpoint
    var traffic: UInt8
    var hops: UInt8
    /// When it came, where its receiver wants to know.
    var arrival = timespec()
}

/// Control data that a receiver wants, and what a sender's datagrams have unless their own control data say otherwise.
struct PacketOptions {
    /// `Wanted`, changed by atomic operations, like `sent`.
    fileprivate var wanted: UInt32 = 0
    /// Four bytes, from the lowest: IPv4's traffic class and hop limit, then IPv6's.
    fileprivate var sent: UInt32 = 64 << 8 | 64 << 24

    /// The pieces that a receiver can want.
    struct Wanted: OptionSet {
        let rawValue: UInt32

        static let packetInfo = Wanted(rawValue: 1)
        static let traffic = Wanted(rawValue: 2)
        static let hops = Wanted(rawValue: 4)
        static let packetInfo6 = Wanted(rawValue: 8)
        static let traffic6 = Wanted(rawValue: 16)
        static let hops6 = Wanted(rawValue: 32)
        static let arrival = Wanted(rawValue: 64)

        /// Nil: another option.
        init?(option level: Int32, _ code: UInt32) {
            switch (level, Int32(bitPattern: code)) {
            case (SOL_SOCKET, ControlTypes.arrival): self = .arrival
            case (Int32(IPPROTO_IP), IP_PKTINFO): self = .packetInfo
            case (Int32(IPPROTO_IP), IP_RECVTOS): self = .traffic
            case (Int32(IPPROTO_IP), IP_RECVTTL): self = .hops
            case (Int32(IPPROTO_IPV6), IPV6_RECVPKTINFO): self = .packetInfo6
            case (Int32(IPPROTO_IPV6), IPV6_RECVTCLASS): self = .traffic6
            case (Int32(IPPROTO_IPV6), IPV6_RECVHOPLIMIT): self = .hops6
            default: return nil
            }
        }

        init(rawValue: UInt32) { self.rawValue = rawValue }
    }

    /// Which byte of `sent` an option is; nil for another option.
    private static func place(_ level: Int32, _ code: UInt32) -> UInt32? {
        switch (level, Int32(bitPattern: code)) {
        case (Int32(IPPROTO_IP), IP_TOS): 0
        case (Int32(IPPROTO_IP), IP_TTL): 8
        case (Int32(IPPROTO_IPV6), IPV6_TCLASS): 16
        case (Int32(IPPROTO_IPV6), IPV6_UNICAST_HOPS): 24
        default: nil
        }
    }

    /// An option's value; nil for one that isn't here.
    func value(_ level: Int32, _ code: UInt32) -> Int32? {
        if let piece = Wanted(option: level, code) { return Wanted(rawValue: wanted).contains(piece) ? 1 : 0 }
        return Self.place(level, code).map { Int32(sent >> $0 & 0xFF) }
    }

    fileprivate static func change(
        _ options: UnsafeMutablePointer<PacketOptions>,
        _ level: Int32,
        _ code: UInt32,
        _ value: Int32
    ) -> Int32? {
        if let piece = Wanted(option: level, code) {
            if value != 0 {
                _ = unsafe clinux_set_bits_u32(options.field(\.wanted), piece.rawValue)
            } else {
                _ = unsafe clinux_clear_bits_u32(options.field(\.wanted), piece.rawValue)
            }
            return 0
        }
        guard let place = place(level, code) else { return nil }
        let isHops = place == 8 || place == 24
        guard value >= (isHops ? 1 : 0), value <= 255 else { return -EINVAL }
        let others = unsafe clinux_load_u32(options.field(\.sent)) & ~(0xFF << place)
        unsafe clinux_store_u32(options.field(\.sent), others | UInt32(value) << place)
        return 0
    }
}

extension UnsafeMutablePointer<PacketOptions> {
    /// Changes an option: 0 or a negative errno; nil for one that isn't here.
    func set(_ level: Int32, _ code: UInt32, _ value: Int32) -> Int32? {
        unsafe PacketOptions.change(self, level, code, value)
    }

    /// What a receiver wants.
    var wanted: PacketOptions.Wanted { unsafe PacketOptions.Wanted(rawValue: clinux_load_u32(field(\.wanted))) }

    /// What a datagram of this family has.
    func defaults(_ family: Int32) -> (traffic: UInt8, hops: UInt8) {
        let bytes = unsafe clinux_load_u32(field(\.sent)) >> (family == AF_INET6 ? 16 : 0)
        return (UInt8(truncatingIfNeeded: bytes), UInt8(truncatingIfNeeded: bytes >> 8))
    }
}

/// Types that Swift can't import.
enum ControlTypes {
    /// SO_TIMESTAMPNS, as option and as control data.
    static let arrival: Int32 = 35
}

extension Envelope {
    /// Takes over what a sender's control data say. -EINVAL: they can't be read, or a value is impossible; -EOPNOTSUPP:
    /// they say something that this transport doesn't carry.
    mutating func read(_ control: UnsafeRawPointer?, _ length: Int) -> Int32 {
        var (offset, item) = unsafe (0, lamina_control_item())
        while true {
            let more = unsafe lamina_control_next(control, length, &offset, &item)
            if more <= 0 { return more }
            let status = unsafe read(item)
            if status < 0 { return status }
        }
    }

    private mutating func read(_ item: lamina_control_item) -> Int32 {
        guard let data = unsafe item.data else { return -EINVAL }
        switch unsafe (item.level, item.type) {
        case (Int32(IPPROTO_IP), IP_TOS), (Int32(IPPROTO_IPV6), IPV6_TCLASS):
            guard let value = unsafe Self.number(item), (-1...255).contains(value) else { return -EINVAL }
            if value >= 0 { traffic = UInt8(value) }
        case (Int32(IPPROTO_IP), IP_TTL), (Int32(IPPROTO_IPV6), IPV6_HOPLIMIT):
            guard let value = unsafe Self.number(item), value == -1 || (1...255).contains(value) else { return -EINVAL }
            if value > 0 { hops = UInt8(value) }
        case (Int32(IPPROTO_IP), IP_PKTINFO):
            guard unsafe item.length >= 12 else { return -EINVAL }
            let from = unsafe UInt32(bigEndian: data.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            if from != 0 { setSource(high: 0, low: UInt64(from), AF_INET) }
        case (Int32(IPPROTO_IPV6), IPV6_PKTINFO):
            guard unsafe item.length >= 20 else { return -EINVAL }
            let high = unsafe UInt64(bigEndian: data.loadUnaligned(as: UInt64.self))
            let low = unsafe UInt64(bigEndian: data.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            if high != 0 || low != 0 { setSource(high: high, low: low, AF_INET6) }
        default: return -EOPNOTSUPP
        }
        return 0
    }

    /// Linux takes one byte or four.
    private static func number(_ item: lamina_control_item) -> Int32? {
        switch unsafe item.length {
        case 1: unsafe item.data.map { unsafe Int32($0.load(as: UInt8.self)) }
        case 4: unsafe item.data?.loadUnaligned(as: Int32.self)
        default: nil
        }
    }

    private mutating func setSource(high: UInt64, low: UInt64, _ family: Int32) {
        guard sender.family == family else { return }
        (sender.high, sender.low) = (high, low)
    }

    /// Writes what a receiver of this family wants, and how many bytes that is. False: there was too little room for all of it.
    func write(
        _ wanted: PacketOptions.Wanted,
        _ family: Int32,
        into room: UnsafeMutableRawBufferPointer,
        _ used: inout Int
    ) -> Bool {
        used = 0
        guard let control = room.baseAddress, !wanted.isEmpty else { return true }
        var isWhole = true
        func append<Value>(_ level: Int32, _ type: Int32, _ value: Value) {
            let size = MemoryLayout<Value>.size
            let status = unsafe withUnsafePointer(to: value) {
                unsafe lamina_control_append(control, room.count, &used, level, type, $0, size)
            }
            if status < 0 { isWhole = false }
        }
        if wanted.contains(.arrival) { append(SOL_SOCKET, ControlTypes.arrival, arrival) }
        // Every address is reached through the loopback interface, which is the first.
        if family == AF_INET {
            let address = UInt32(truncatingIfNeeded: destination.low).bigEndian
            if wanted.contains(.packetInfo) { append(Int32(IPPROTO_IP), IP_PKTINFO, (Int32(1), address, address)) }
            if wanted.contains(.hops) { append(Int32(IPPROTO_IP), IP_TTL, Int32(hops)) }
            if wanted.contains(.traffic) { append(Int32(IPPROTO_IP), IP_TOS, traffic) }
        } else if family == AF_INET6 {
            if wanted.contains(.packetInfo6) {
                let low = destination.family == AF_INET ? destination.low | 0xFFFF << 32 : destination.low
                let words = (destination.high.bigEndian, low.bigEndian, UInt32(1))
                let status = unsafe withUnsafePointer(to: words) {
                    unsafe lamina_control_append(control, room.count, &used, Int32(IPPROTO_IPV6), IPV6_PKTINFO, $0, 20)
                }
                if status < 0 { isWhole = false }
            }
            if wanted.contains(.hops6) { append(Int32(IPPROTO_IPV6), IPV6_HOPLIMIT, Int32(hops)) }
            if wanted.contains(.traffic6) { append(Int32(IPPROTO_IPV6), IPV6_TCLASS, Int32(traffic)) }
        }
        return isWhole
    }
}
