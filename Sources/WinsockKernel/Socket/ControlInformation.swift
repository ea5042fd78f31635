import CLamina
import CLinux
import CWinsockKernel
import Glibc

/// The ancillary data of a send, with Windows' names and widths turned into the kernel's. Memory of its own, which lives
/// until `free`.
struct ControlInformation {
    private(set) var bytes: UnsafeMutableRawPointer?
    private(set) var length = 0
    /// Why they can't be sent; nil where they can.
    private(set) var refusal: NTSTATUS?
    private var capacity = 0
    private var traffic = Traffic()
    private var traffic6 = Traffic()

    /// A traffic class in its two parts.
    private struct Traffic {
        var whole: Int32?
        var ecn: Int32?
    }

    init(_ socket: KernelSocket, _ control: PCMSGHDR?, _ length: UInt32) {
        guard let control, length > 0 else { return }
        // What is read of it grows by no more than the last piece's padding.
        capacity = Int(length) + 64
        guard let memory = malloc(capacity) else {
            refusal = STATUS_INSUFFICIENT_RESOURCES
            return
        }
        bytes = memory
        var (offset, item) = (0, lamina_control_item())
        while refusal == nil {
            let more = lamina_control_next(UnsafeRawPointer(control), Int(length), &offset, &item)
            if more < 0 { refusal = STATUS_INVALID_PARAMETER }
            guard more > 0 else { break }
            take(item)
        }
        guard refusal == nil else { return }
        let defaults = clinux_load_u32(socket.place(\.traffic))
        put(traffic, Int32(defaults & 0xFF), Int32(IPPROTO_IP), IP_TOS)
        put(traffic6, Int32(defaults >> 8 & 0xFF), Int32(IPPROTO_IPV6), IPV6_TCLASS)
    }

    func free() { Glibc.free(bytes) }

    private mutating func take(_ item: lamina_control_item) {
        switch (item.level, item.type) {
        case (Int32(IPPROTO_IP), IP_TOS): traffic.whole = number(item, 0...255)
        case (Int32(IPPROTO_IP), IP_ECN): traffic.ecn = number(item, 0...3)
        case (Int32(IPPROTO_IPV6), IPV6_TCLASS): traffic6.whole = number(item, 0...255)
        case (Int32(IPPROTO_IPV6), IPV6_ECN): traffic6.ecn = number(item, 0...3)
        case (Int32(IPPROTO_IP), IP_HOPLIMIT):
            if let hops = number(item, 1...255) { append(item.level, IP_TTL, hops) }
        case (Int32(IPPROTO_IPV6), IPV6_DONTFRAGMENT):
            if let value = number(item, Int32.min...Int32.max) { append(item.level, IPV6_DONTFRAG, value != 0 ? 1 : 0) }
        case (Int32(IPPROTO_UDP), UDP_SEND_MSG_SIZE):
            if let size = number(item, 0...0xFFFF), size > 0 { append(item.level, Segmentation.size, UInt16(size)) }
        case (Int32(IPPROTO_IP), IP_PKTINFO): appendPacketInfo(item)
        // There is none for one datagram.
        case (Int32(IPPROTO_IP), IP_DONTFRAGMENT): refusal = STATUS_NOT_SUPPORTED
        default: append(item.level, item.type, item.data, item.length)
        }
    }

    /// The integer that a piece is, of one byte or four; nil, and a refusal, where it isn't in `range`.
    private mutating func number(_ item: lamina_control_item, _ range: ClosedRange<Int32>) -> Int32? {
        let value: Int32? =
            switch item.length {
            case 1: item.data.map { Int32($0.load(as: UInt8.self)) }
            case 4: item.data?.loadUnaligned(as: Int32.self)
            default: nil
            }
        if let value, range.contains(value) { return value }
        refusal = STATUS_INVALID_PARAMETER
        return nil
    }

    /// On Windows `ipi_addr` is the address to send from, which Linux reads from `ipi_spec_dst`.
    private mutating func appendPacketInfo(_ item: lamina_control_item) {
        guard item.length >= MemoryLayout<IN_PKTINFO>.size, let data = item.data else {
            refusal = STATUS_INVALID_PARAMETER
            return
        }
        var info = data.loadUnaligned(as: IN_PKTINFO.self)
        if info.ipi_spec_dst.s_addr == 0 { info.ipi_spec_dst = info.ipi_addr }
        append(item.level, item.type, info)
    }

    private mutating func put(_ traffic: Traffic, _ common: Int32, _ level: Int32, _ type: Int32) {
        guard traffic.whole != nil || traffic.ecn != nil else { return }
        let whole = traffic.whole ?? common
        append(level, type, traffic.ecn.map { whole & ~3 | $0 } ?? whole)
    }

    private mutating func append<Value>(_ level: Int32, _ type: Int32, _ value: Value) {
        withUnsafePointer(to: value) { append(level, type, UnsafeRawPointer($0), MemoryLayout<Value>.size) }
    }

    private mutating func append(_ level: Int32, _ type: Int32, _ data: UnsafeRawPointer?, _ count: Int) {
        guard let bytes, let data else { return }
        let status = lamina_control_append(bytes, capacity, &length, level, type, data, count)
        if status < 0 { refusal = STATUS_INVALID_PARAMETER }
    }
}

/// Ancillary data that came, in Windows' names and widths.
enum ReceivedInformation {
    /// Rewrites `used` bytes of `room` in place. False: there was too little room for all of it.
    static func rename(_ socket: KernelSocket, _ room: UnsafeMutableRawBufferPointer, _ used: inout Int) -> Bool {
        guard let base = room.baseAddress else { return true }
        var isWhole = true
        var ecn: [(level: Int32, type: Int32, value: Int32)] = []
        var (offset, item, start) = (0, lamina_control_item(), 0)
        while lamina_control_next(base, used, &offset, &item) > 0 {
            defer { start = offset }
            switch (item.level, item.type) {
            case (Int32(IPPROTO_IP), IP_TOS), (Int32(IPPROTO_IPV6), IPV6_TCLASS):
                let isIPv6 = item.level == Int32(IPPROTO_IPV6)
                let value = item.length == 1 ? Int32(base.load(fromByteOffset: start + 16, as: UInt8.self)) : nil
                let whole = value ?? base.loadUnaligned(fromByteOffset: start + 16, as: Int32.self)
                let wantsECN = socket.has(isIPv6 ? WSK_WANTS_ECN6 : WSK_WANTS_ECN)
                let wantsAll = socket.has(isIPv6 ? WSK_WANTS_TCLASS : WSK_WANTS_TOS)
                let type = isIPv6 ? IPV6_ECN : IP_ECN
                if wantsECN, wantsAll { ecn.append((item.level, type, whole & 3)) }
                let isECN = wantsECN && !wantsAll
                guard start + 20 <= room.count else {
                    used = start
                    return false
                }
                write(base + start, item.level, isECN ? type : item.type, isECN ? whole & 3 : whole)
                used = max(used, start + 20)
            case (Int32(IPPROTO_IP), IP_TTL) where socket.has(WSK_WANTS_HOPS):
                (base + start + 12).storeBytes(of: IP_HOPLIMIT, as: Int32.self)
            case (Int32(IPPROTO_UDP), Segmentation.coalescing):
                (base + start + 12).storeBytes(of: UDP_COALESCED_INFO, as: Int32.self)
            default: break
            }
        }
        for piece in ecn {
            let status = withUnsafePointer(to: piece.value) {
                lamina_control_append(base, room.count, &used, piece.level, piece.type, $0, 4)
            }
            if status < 0 { isWhole = false }
        }
        return isWhole
    }

    private static func write(_ place: UnsafeMutableRawPointer, _ level: Int32, _ type: Int32, _ value: Int32) {
        place.storeBytes(of: 20, as: Int.self)
        place.storeBytes(of: level, toByteOffset: 8, as: Int32.self)
        place.storeBytes(of: type, toByteOffset: 12, as: Int32.self)
        place.storeBytes(of: value, toByteOffset: 16, as: Int32.self)
    }
}

/// What a socket's datagrams have by an option: ECN of one datagram joins it.
enum TrafficClass {
    static func note(_ call: ControlCall) {
        guard let value = call.number, (0...255).contains(value) else { return }
        let place = call.socket.place(\.traffic)
        let isIPv6 = call.level == Int32(IPPROTO_IPV6)
        guard isIPv6 ? call.code == UInt32(IPV6_TCLASS) : call.level == 0 && call.code == UInt32(IP_TOS) else { return }
        let shift: UInt32 = isIPv6 ? 8 : 0
        clinux_store_u32(place, clinux_load_u32(place) & ~(0xFF << shift) | UInt32(value) << shift)
    }
}
