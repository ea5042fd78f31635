import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Options and ioctls.
enum Control {
    static func control(
        _ slot: Slot,
        _ operation: UnsafePointer<lamina_operation>,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        let asked = operation.pointee
        switch Int(asked.kind) {
        case LAMINA_CONTROL_SET_OPTION: return lamina_complete(slot, request, set(asked, state), 0)
        case LAMINA_CONTROL_GET_OPTION:
            var written = 0
            let status = get(asked, state, &written)
            return lamina_complete(slot, request, status, UInt64(written))
        case LAMINA_CONTROL_IOCTL:
            var written = 0
            let status = ioctl(asked, state, &written)
            return lamina_complete(slot, request, status, UInt64(written))
        default: return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }

    private static func set(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        if asked.level == LAMINA_LEVEL { return -ENOPROTOOPT }
        return clinux_raw_set_option(
            state.pointee.descriptor,
            asked.level,
            Int32(bitPattern: asked.code),
            asked.input,
            socklen_t(clamping: asked.input_length)
        )
    }

    private static func get(
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>,
        _ written: inout Int
    ) -> Int32 {
        if asked.level == LAMINA_LEVEL {
            guard asked.code == UInt32(LAMINA_OPTION_DESCRIPTOR) else { return -ENOPROTOOPT }
            guard state.pointee.descriptor >= 0 else { return -ENOTCONN }
            return put(state.pointee.descriptor, asked, &written)
        }
        var length = socklen_t(clamping: asked.output_capacity)
        let status = clinux_raw_option(
            state.pointee.descriptor,
            asked.level,
            Int32(bitPattern: asked.code),
            asked.output,
            &length
        )
        if status == 0 { written = Int(length) }
        return status
    }

    private static func put(_ value: Int32, _ asked: lamina_operation, _ written: inout Int) -> Int32 {
        guard let output = asked.output, asked.output_capacity >= MemoryLayout<Int32>.size else { return -EINVAL }
        output.storeBytes(of: value, as: Int32.self)
        written = MemoryLayout<Int32>.size
        return 0
    }

    /// The ioctls that ask how much is queued, and where urgent data stand. Others would change what the base relies
    /// on, such as FIONBIO, or the machine.
    private static let questions: [UInt32] = [UInt32(FIONREAD), UInt32(TIOCOUTQ), 0x8905]  // SIOCATMARK

    private static func ioctl(
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>,
        _ written: inout Int
    ) -> Int32 {
        guard questions.contains(asked.code) else { return -EOPNOTSUPP }
        var value: Int32 = 0
        let status = clinux_raw_ioctl(state.pointee.descriptor, UInt(asked.code), &value)
        return status < 0 ? status : put(value, asked, &written)
    }
}
