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
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        let asked = operation.pointee
        guard ControlAnswer.hasBuffers(asked) else { return lamina_complete(slot, request, -EINVAL, 0) }
        switch Int(asked.kind) {
        case LAMINA_CONTROL_SET_OPTION:
            return lamina_complete(slot, request, set(asked, state), 0)
        case LAMINA_CONTROL_GET_OPTION where asked.level == LAMINA_LEVEL:
            return own(asked, state).complete(slot, request)
        case LAMINA_CONTROL_GET_OPTION:
            return (value(asked, state).map { .value($0, asked) } ?? ControlAnswer(-ENOPROTOOPT))
                .complete(slot, request)
        case LAMINA_CONTROL_IOCTL where asked.level == LAMINA_LEVEL:
            return AddressList.control(slot, asked, state, request)
        case LAMINA_CONTROL_IOCTL where asked.code == UInt32(FIONREAD):
            guard let count = waiting(state) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
            return ControlAnswer.value(Int32(clamping: count), asked).complete(slot, request)
        default:
            return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }

    private static func own(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        switch Int(asked.code) {
        case LAMINA_OPTION_DESCRIPTOR: return ControlAnswer(-ENOTSUP)
        case LAMINA_OPTION_SEND_TO_ADDRESS:
            guard let mailbox = state.pointee.mailbox else { return ControlAnswer(-EOPNOTSUPP) }
            var address = lamina_address()
            let sendTo = mailbox.sendTo
            if sendTo.family != 0 { sendTo.write(&address, for: state.pointee.family) }
            return .value(address, asked)
        case LAMINA_OPTION_RECEIVE_BACKLOG:
            guard let count = waiting(state) else { return ControlAnswer(-ENOTCONN) }
            return .value(UInt64(count), asked)
        case LAMINA_OPTION_IDEAL_SEND_BACKLOG:
            if state.pointee.isDatagram { return ControlAnswer(-EOPNOTSUPP) }
            guard let link = state.pointee.link else { return ControlAnswer(-ENOTCONN) }
            link.lock()
            defer { link.unlock() }
            return .value(UInt64(link.outgoing(state.pointee.side).pointee.bytes.capacity), asked)
        case LAMINA_OPTION_INSPECT_ID:
            return state.pointee.inspected.serial == 0
                ? ControlAnswer(-ENODATA) : .value(state.pointee.inspected, asked)
        default: return ControlAnswer(-ENOPROTOOPT)
        }
    }

    private static func value(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32? {
        if let option = SocketSwitches(asked.level, asked.code) {
            return state.pointee.switches.contains(option) ? 1 : 0
        }
        if let value = state.pointee.packets.value(asked.level, asked.code) { return value }
        guard asked.level == SOL_SOCKET else { return isIgnored(asked) ? 0 : nil }
        switch Int32(bitPattern: asked.code) {
        case SO_ERROR: return 0
        case SO_TYPE: return Int32(state.pointee.isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue)
        case SO_DOMAIN: return state.pointee.family
        case SO_ACCEPTCONN: return state.pointee.listener == nil ? 0 : 1
        case SO_RCVBUF: return state.pointee.receiveRoom
        case SO_SNDBUF: return state.pointee.sendRoom
        default: return isIgnored(asked) ? 0 : nil
        }
    }

    private static func set(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        guard asked.level != LAMINA_LEVEL else { return -ENOPROTOOPT }
        guard let input = asked.input, asked.input_length >= MemoryLayout<Int32>.size else { return -EINVAL }
        let value = input.loadUnaligned(as: Int32.self)
        let room = Int32(clamping: min(max(Int64(value), InstanceState.smallestRoom), InstanceState.largestRoom))
        switch (asked.level, Int32(bitPattern: asked.code)) {
        case (SOL_SOCKET, SO_RCVBUF):
            state.pointee.receiveRoom = room
            state.resize()
        case (SOL_SOCKET, SO_SNDBUF):
            state.pointee.sendRoom = room
        case (Int32(IPPROTO_IPV6), IPV6_V6ONLY) where state.pointee.isBound || state.pointee.family == AF_INET:
            return state.pointee.isBound ? -EINVAL : -ENOPROTOOPT
        default:
            if let option = SocketSwitches(asked.level, asked.code) {
                if value != 0 {
                    state.pointee.switches.insert(option)
                } else {
                    state.pointee.switches.remove(option)
                }
                return 0
            }
            if let status = state.field(\.packets).set(asked.level, asked.code, value) { return status }
            return isIgnored(asked) ? 0 : -ENOPROTOOPT
        }
        return 0
    }

    /// Options about what only a network has: taken, and without effect.
    private static func isIgnored(_ asked: lamina_operation) -> Bool {
        let option = Int32(bitPattern: asked.code)
        switch asked.level {
        case SOL_SOCKET: return option == SO_LINGER
        case Int32(IPPROTO_TCP): return [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_QUICKACK].contains(option)
        default: return false
        }
    }

    /// The bytes that a receive would get now; nil for a socket that isn't connected.
    private static func waiting(_ state: UnsafeMutablePointer<SocketState>) -> Int? {
        if let link = state.pointee.link {
            let kept = link.end(state.pointee.side).pointee.indicator?.kept ?? 0
            link.lock()
            defer { link.unlock() }
            return link.outgoing(state.pointee.side.other).pointee.bytes.count + kept
        }
        guard let mailbox = state.pointee.mailbox else { return nil }
        mailbox.group.lock()
        defer { mailbox.group.unlock() }
        return mailbox.pointee.first?.pointee.length ?? 0
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
        let room = Int(pointee.receiveRoom)
        if let mailbox = pointee.mailbox {
            mailbox.group.lock()
            mailbox.pointee.room = room
            mailbox.group.unlock()
        }
        if let link = pointee.link {
            link.lock()
            link.outgoing(pointee.side.other).pointee.bytes.resize(room)
            link.unlock()
        }
    }
}
