import CLamina
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
        switch Int(asked.kind) {
        case LAMINA_CONTROL_SET_OPTION:
            return lamina_complete(slot, request, set(asked, state), 0)
        case LAMINA_CONTROL_GET_OPTION:
            return answer(slot, asked, request, value(asked, state))
        case LAMINA_CONTROL_IOCTL where asked.code == UInt32(FIONREAD):
            return answer(slot, asked, request, waiting(state))
        default:
            return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }

    /// Writes a value, or completes with a negative errno.
    private static func answer(
        _ slot: Slot,
        _ asked: lamina_operation,
        _ request: Request,
        _ value: Result<Int32, ControlFailure>
    ) -> lamina_status {
        switch value {
        case .failure(let failure):
            return lamina_complete(slot, request, -failure.number, 0)
        case .success(let value):
            guard let output = asked.output, asked.output_capacity >= MemoryLayout<Int32>.size else {
                return lamina_complete(slot, request, -EINVAL, 0)
            }
            output.storeBytes(of: value, as: Int32.self)
            return lamina_complete(slot, request, 0, UInt64(MemoryLayout<Int32>.size))
        }
    }

    private struct ControlFailure: Error {
        let number: Int32
    }

    private static func value(
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Result<Int32, ControlFailure> {
        let option = Int32(bitPattern: asked.code)
        if asked.level == LAMINA_LEVEL {
            return .failure(ControlFailure(number: option == LAMINA_OPTION_DESCRIPTOR ? ENOTSUP : ENOPROTOOPT))
        }
        guard asked.level == SOL_SOCKET else {
            return ignored(asked) ? .success(0) : .failure(ControlFailure(number: ENOPROTOOPT))
        }
        switch option {
        case SO_ERROR: return .success(0)
        case SO_TYPE:
            return .success(Int32(state.pointee.isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue))
        case SO_DOMAIN: return .success(state.pointee.family)
        case SO_ACCEPTCONN: return .success(state.pointee.listener == nil ? 0 : 1)
        case SO_RCVBUF: return .success(state.pointee.receiveRoom)
        case SO_SNDBUF: return .success(state.pointee.sendRoom)
        default: return ignored(asked) ? .success(0) : .failure(ControlFailure(number: ENOPROTOOPT))
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
        default:
            return ignored(asked) ? 0 : -ENOPROTOOPT
        }
        return 0
    }

    /// Options about what only a network has: taken, and without effect.
    private static func ignored(_ asked: lamina_operation) -> Bool {
        let option = Int32(bitPattern: asked.code)
        switch asked.level {
        case SOL_SOCKET:
            return [SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_LINGER, SO_BROADCAST].contains(option)
        case Int32(IPPROTO_TCP):
            return [TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_QUICKACK].contains(option)
        default:
            return false
        }
    }

    /// The bytes that a receive would get now.
    private static func waiting(_ state: UnsafeMutablePointer<SocketState>) -> Result<Int32, ControlFailure> {
        if let link = state.pointee.link {
            link.lock()
            defer { link.unlock() }
            return .success(Int32(clamping: link.outgoing(state.pointee.side.other).pointee.count))
        }
        guard let mailbox = state.pointee.mailbox else { return .failure(ControlFailure(number: ENOTCONN)) }
        mailbox.group.lock()
        defer { mailbox.group.unlock() }
        return .success(Int32(clamping: mailbox.pointee.first?.pointee.length ?? 0))
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
            link.outgoing(pointee.side.other).pointee.resize(room)
            link.unlock()
        }
    }
}
