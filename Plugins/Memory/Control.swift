import CLamina
import CLinux
import Glibc
import LaminaProvider

/// The options and ioctls that mean something without a kernel.
enum Control {
    static func control(
        _ slot: Slot,
        _ operation: UnsafePointer<lamina_operation>,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let asked = unsafe operation.pointee
        guard unsafe ControlAnswer.hasBuffers(asked) else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        switch unsafe Int(asked.kind) {
        case LAMINA_CONTROL_SET_OPTION:
            return unsafe lamina_complete(slot, request, set(asked, state), 0)
        case LAMINA_CONTROL_GET_OPTION where unsafe asked.level == LAMINA_LEVEL:
            return unsafe own(asked, state).complete(slot, request)
        case LAMINA_CONTROL_GET_OPTION:
            return unsafe (value(asked, state).map { unsafe .value($0, asked) } ?? ControlAnswer(-ENOPROTOOPT))
                .complete(slot, request)
        case LAMINA_CONTROL_IOCTL where unsafe asked.level == LAMINA_LEVEL:
            return unsafe AddressList.control(slot, asked, state, request)
        case LAMINA_CONTROL_IOCTL where unsafe asked.code == UInt32(FIONREAD):
            guard let count = unsafe waiting(state) else { return unsafe lamina_complete(slot, request, -ENOTCONN, 0) }
            return unsafe ControlAnswer.value(Int32(clamping: count), asked).complete(slot, request)
        default:
            return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }

    private static func own(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        switch unsafe Int(asked.code) {
        case LAMINA_OPTION_DESCRIPTOR: return ControlAnswer(-ENOTSUP)
        case LAMINA_OPTION_SEND_TO_ADDRESS:
            guard let mailbox = unsafe state.pointee.mailbox else { return ControlAnswer(-EOPNOTSUPP) }
            var address = lamina_address()
            let sendTo = unsafe mailbox.sendTo
            if sendTo.family != 0 { unsafe sendTo.write(&address, for: state.pointee.family) }
            return unsafe .value(address, asked)
        case LAMINA_OPTION_RECEIVE_BACKLOG:
            guard let count = unsafe waiting(state) else { return ControlAnswer(-ENOTCONN) }
            return unsafe .value(UInt64(count), asked)
        case LAMINA_OPTION_IDEAL_SEND_BACKLOG:
            if unsafe state.pointee.isDatagram { return ControlAnswer(-EOPNOTSUPP) }
            guard let link = unsafe state.pointee.link else { return ControlAnswer(-ENOTCONN) }
            unsafe link.lock()
            defer { unsafe link.unlock() }
            return unsafe .value(UInt64(link.outgoing(state.pointee.side).pointee.bytes.capacity), asked)
        case LAMINA_OPTION_INSPECT_ID:
            return unsafe state.pointee.inspected.serial == 0
                ? ControlAnswer(-ENODATA) : .value(state.pointee.inspected, asked)
        default: return ControlAnswer(-ENOPROTOOPT)
        }
    }

    private static func value(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32? {
        if let option = unsafe SocketSwitches(asked.level, asked.code) {
            return unsafe state.pointee.switches.contains(option) ? 1 : 0
        }
        if let value = unsafe state.pointee.packets.value(asked.level, asked.code) { return value }
        guard unsafe asked.level == SOL_SOCKET else { return unsafe isIgnored(asked) ? 0 : nil }
        switch unsafe Int32(bitPattern: asked.code) {
        case SO_ERROR: return 0
        case SO_TYPE: return unsafe Int32(state.pointee.isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue)
        case SO_DOMAIN: return unsafe state.pointee.family
        case SO_ACCEPTCONN: return unsafe state.pointee.listener == nil ? 0 : 1
        case SO_RCVBUF: return unsafe state.pointee.receiveRoom
        case SO_SNDBUF: return unsafe state.pointee.sendRoom
        default: return unsafe isIgnored(asked) ? 0 : nil
        }
    }

    private static func set(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        guard unsafe asked.level != LAMINA_LEVEL else { return -ENOPROTOOPT }
        guard let input = unsafe asked.input, unsafe asked.input_length >= MemoryLayout<Int32>.size else {
            return -EINVAL
        }
        let value = unsafe input.loadUnaligned(as: Int32.self)
        let room = Int32(clamping: min(max(Int64(value), InstanceState.smallestRoom), InstanceState.largestRoom))
        switch unsafe (asked.level, Int32(bitPattern: asked.code)) {
        case (SOL_SOCKET, SO_RCVBUF):
            unsafe state.pointee.receiveRoom = room
            unsafe state.resize()
        case (SOL_SOCKET, SO_SNDBUF):
            unsafe state.pointee.sendRoom = room
        case (Int32(IPPROTO_IPV6), IPV6_V6ONLY) where unsafe state.pointee.isBound || state.pointee.family == AF_INET:
            return unsafe state.pointee.isBound ? -EINVAL : -ENOPROTOOPT
        default:
            if let option = unsafe SocketSwitches(asked.level, asked.code) {
                if value != 0 {
                    unsafe state.pointee.switches.insert(option)
                } else {
                    unsafe state.pointee.switches.remove(option)
                }
                return 0
            }
            if let status = unsafe state.field(\.packets).set(asked.level, asked.code, value) { return status }
            return unsafe isIgnored(asked) ? 0 : -ENOPROTOOPT
        }
        return 0
    }

    /// Options about what only a network has: taken, and without effect.
    private static func isIgnored(_ asked: lamina_operation) -> Bool {
        let option = unsafe Int32(bitPattern: asked.code)
        switch unsafe asked.level {
        case SOL_SOCKET: return option == SO_LINGER
        case Int32(IPPROTO_TCP): return [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_QUICKACK].contains(option)
        default: return false
        }
    }

    /// The bytes that a receive would get now; nil for a socket that isn't connected.
    private static func waiting(_ state: UnsafeMutablePointer<SocketState>) -> Int? {
        if let link = unsafe state.pointee.link {
            let kept = unsafe link.end(state.pointee.side).pointee.indicator?.kept ?? 0
            unsafe link.lock()
            defer { unsafe link.unlock() }
            return unsafe link.outgoing(state.pointee.side.other).pointee.bytes.count + kept
        }
        guard let mailbox = unsafe state.pointee.mailbox else { return nil }
        unsafe mailbox.group.lock()
        defer { unsafe mailbox.group.unlock() }
        return unsafe mailbox.pointee.first?.pointee.length ?? 0
    }
}

/// Options that are on or off. Those that only a network gives a meaning are kept, and without effect.
struct SocketSwitches: OptionSet {
    let rawValue: UInt8

    static let reuseAddress = SocketSwitches(rawValue: 1)
    static let reusePort = SocketSwitches(rawValue: 2)
    static let keepAlive = SocketSwitches(rawValue: 4)
    static let broadcast = SocketSwitches(rawValue: 8)
    static let noDelay = SocketSwitches(rawValue: 16)
    static let ipv6Only = SocketSwitches(rawValue: 32)
    /// What an accepted socket has from its listener.
    static let inherited: SocketSwitches = [.keepAlive, .noDelay]
}

extension SocketSwitches {
    /// Nil: another option.
    init?(_ level: Int32, _ code: UInt32) {
        switch (level, Int32(bitPattern: code)) {
        case (SOL_SOCKET, SO_REUSEADDR): self = .reuseAddress
        case (SOL_SOCKET, SO_REUSEPORT): self = .reusePort
        case (SOL_SOCKET, SO_KEEPALIVE): self = .keepAlive
        case (SOL_SOCKET, SO_BROADCAST): self = .broadcast
        case (Int32(IPPROTO_TCP), TCP_NODELAY): self = .noDelay
        case (Int32(IPPROTO_IPV6), IPV6_V6ONLY): self = .ipv6Only
        default: return nil
        }
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Lets the parts that exist already follow the room for what is received. A connection's buffer that is in use
    /// keeps its size.
    func resize() {
        let room = unsafe Int(pointee.receiveRoom)
        if let mailbox = unsafe pointee.mailbox {
            unsafe mailbox.group.lock()
            unsafe mailbox.pointee.room = room
            unsafe mailbox.group.unlock()
        }
        if let link = unsafe pointee.link {
            unsafe link.lock()
            unsafe link.outgoing(pointee.side.other).pointee.bytes.resize(room)
            unsafe link.unlock()
        }
    }
}
