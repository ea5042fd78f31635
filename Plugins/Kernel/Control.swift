import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Options and ioctls: the kernel's as they are, and Lamina's own.
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
        case LAMINA_CONTROL_SET_OPTION where TakenOver.isMeant(asked):
            return TakenOver.takeOver(asked, state, slot, request)
        case LAMINA_CONTROL_SET_OPTION: return ControlAnswer(set(asked, state)).complete(slot, request)
        case LAMINA_CONTROL_GET_OPTION: return get(asked, state).complete(slot, request)
        case LAMINA_CONTROL_IOCTL where asked.level == LAMINA_LEVEL:
            if asked.code == UInt32(LAMINA_IOCTL_ADDRESS_LIST_CHANGE) {
                return AddressList.awaitChange(slot, state, request)
            }
            return AddressList.answer(asked, state).complete(slot, request)
        case LAMINA_CONTROL_IOCTL: return ioctl(asked, state).complete(slot, request)
        default: return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }

    private static func set(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        if asked.level == LAMINA_LEVEL { return -ENOPROTOOPT }
        let option = Int32(bitPattern: asked.code)
        let status = Reports.note(asked.level, option, state)
        guard status == 0 else { return status }
        return clinux_raw_set_option(
            state.pointee.descriptor,
            asked.level,
            option,
            asked.input,
            socklen_t(clamping: asked.input_length)
        )
    }

    private static func get(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        if asked.level == LAMINA_LEVEL { return own(asked, state) }
        var length = socklen_t(clamping: asked.output_capacity)
        let status = clinux_raw_option(
            state.pointee.descriptor,
            asked.level,
            Int32(bitPattern: asked.code),
            asked.output,
            &length
        )
        return ControlAnswer(status, bytes: status == 0 ? Int(length) : 0)
    }

    private static func own(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        let isStream = state.pointee.type == streamType
        switch Int(asked.code) {
        case LAMINA_OPTION_DESCRIPTOR:
            return state.pointee.descriptor < 0 ? ControlAnswer(-ENOTCONN) : .value(state.pointee.descriptor, asked)
        case LAMINA_OPTION_SEND_TO_ADDRESS:
            return isStream ? ControlAnswer(-EOPNOTSUPP) : .value(state.sendToAddress, asked)
        case LAMINA_OPTION_RECEIVE_BACKLOG: return receiveBacklog(asked, state)
        case LAMINA_OPTION_IDEAL_SEND_BACKLOG:
            guard isStream else { return ControlAnswer(-EOPNOTSUPP) }
            guard state.pointee.isConnected else { return ControlAnswer(-ENOTCONN) }
            return .value(UInt64(Stream.idealBacklog(state)), asked)
        case LAMINA_OPTION_INSPECT_ID:
            return state.pointee.inspected.serial == 0
                ? ControlAnswer(-ENODATA) : .value(state.pointee.inspected, asked)
        default: return ControlAnswer(-ENOPROTOOPT)
        }
    }

    /// What the kernel holds, and what a client of indications left.
    private static func receiveBacklog(
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> ControlAnswer {
        guard state.pointee.isConnected else { return ControlAnswer(-ENOTCONN) }
        var unread: Int32 = 0
        let status = clinux_raw_ioctl(state.pointee.descriptor, UInt(FIONREAD), &unread)
        guard status >= 0 else { return ControlAnswer(status) }
        return .value(UInt64(max(unread, 0)) + UInt64(state.pointee.indicator?.kept ?? 0), asked)
    }

    /// The ioctls that ask how much is queued, and where urgent data stand. Others would change what the base relies
    /// on, such as FIONBIO, or the machine.
    private static let questions: [UInt32] = [UInt32(FIONREAD), UInt32(TIOCOUTQ), 0x8905]  // SIOCATMARK

    private static func ioctl(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        guard questions.contains(asked.code) else { return ControlAnswer(-EOPNOTSUPP) }
        var value: Int32 = 0
        let status = clinux_raw_ioctl(state.pointee.descriptor, UInt(asked.code), &value)
        return status < 0 ? ControlAnswer(status) : .value(value, asked)
    }
}
