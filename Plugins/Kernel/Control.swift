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
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let asked = unsafe operation.pointee
        guard unsafe ControlAnswer.hasBuffers(asked) else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        switch unsafe Int(asked.kind) {
        case LAMINA_CONTROL_SET_OPTION where unsafe TakenOver.isMeant(asked):
            return unsafe TakenOver.takeOver(asked, state, slot, request)
        case LAMINA_CONTROL_SET_OPTION: return unsafe ControlAnswer(set(asked, state)).complete(slot, request)
        case LAMINA_CONTROL_GET_OPTION: return unsafe get(asked, state).complete(slot, request)
        case LAMINA_CONTROL_IOCTL where unsafe asked.level == LAMINA_LEVEL:
            if unsafe asked.code == UInt32(LAMINA_IOCTL_ADDRESS_LIST_CHANGE) {
                return unsafe AddressList.awaitChange(slot, state, request)
            }
            return unsafe AddressList.answer(asked, state).complete(slot, request)
        case LAMINA_CONTROL_IOCTL: return unsafe ioctl(asked, state).complete(slot, request)
        default: return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }

    private static func set(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        if unsafe asked.level == LAMINA_LEVEL { return -ENOPROTOOPT }
        let option = unsafe Int32(bitPattern: asked.code)
        let status = unsafe Reports.note(asked.level, option, state)
        guard status == 0 else { return status }
        return unsafe clinux_raw_set_option(
            state.pointee.descriptor,
            asked.level,
            option,
            asked.input,
            socklen_t(clamping: asked.input_length)
        )
    }

    private static func get(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        if unsafe asked.level == LAMINA_LEVEL { return unsafe own(asked, state) }
        var length = unsafe socklen_t(clamping: asked.output_capacity)
        let status = unsafe clinux_raw_option(
            state.pointee.descriptor,
            asked.level,
            Int32(bitPattern: asked.code),
            asked.output,
            &length
        )
        return ControlAnswer(status, bytes: status == 0 ? Int(length) : 0)
    }

    private static func own(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        let isStream = unsafe state.pointee.type == streamType
        switch unsafe Int(asked.code) {
        case LAMINA_OPTION_DESCRIPTOR:
            return unsafe state.pointee.descriptor < 0
                ? ControlAnswer(-ENOTCONN) : .value(state.pointee.descriptor, asked)
        case LAMINA_OPTION_SEND_TO_ADDRESS:
            return unsafe isStream ? ControlAnswer(-EOPNOTSUPP) : .value(state.sendToAddress, asked)
        case LAMINA_OPTION_RECEIVE_BACKLOG: return unsafe receiveBacklog(asked, state)
        case LAMINA_OPTION_IDEAL_SEND_BACKLOG:
            guard isStream else { return ControlAnswer(-EOPNOTSUPP) }
            guard unsafe state.pointee.isConnected else { return ControlAnswer(-ENOTCONN) }
            return unsafe .value(UInt64(Stream.idealBacklog(state)), asked)
        case LAMINA_OPTION_INSPECT_ID:
            return unsafe state.pointee.inspected.serial == 0
                ? ControlAnswer(-ENODATA) : .value(state.pointee.inspected, asked)
        default: return ControlAnswer(-ENOPROTOOPT)
        }
    }

    /// What the kernel holds, and what a client of indications left.
    private static func receiveBacklog(
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> ControlAnswer {
        guard unsafe state.pointee.isConnected else { return ControlAnswer(-ENOTCONN) }
        var unread: Int32 = 0
        let status = unsafe clinux_raw_ioctl(state.pointee.descriptor, UInt(FIONREAD), &unread)
        guard status >= 0 else { return ControlAnswer(status) }
        return unsafe .value(UInt64(max(unread, 0)) + UInt64(state.pointee.indicator?.kept ?? 0), asked)
    }

    /// The ioctls that ask how much is queued, and where urgent data stand. Others would change what the base relies
    /// on, such as FIONBIO, or the machine.
    private static let questions: [UInt32] = [UInt32(FIONREAD), UInt32(TIOCOUTQ), 0x8905]  // SIOCATMARK

    private static func ioctl(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        guard unsafe questions.contains(asked.code) else { return ControlAnswer(-EOPNOTSUPP) }
        var value: Int32 = 0
        let status = unsafe clinux_raw_ioctl(state.pointee.descriptor, UInt(asked.code), &value)
        return unsafe status < 0 ? ControlAnswer(status) : .value(value, asked)
    }
}
