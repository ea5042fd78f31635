import CLamina
import Glibc

/// Options, ioctls and extensions of a base in Swift.
enum BaseControls {
    static func control(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ operation: UnsafePointer<lamina_operation>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        let asked = operation.pointee
        guard ControlAnswer.hasBuffers(asked), (1...UInt32(LAMINA_CONTROL_EXTENSION)).contains(asked.kind) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        do throws(Failure) {
            let result = try socket.own.answersControls?.control(socket, operation)
            return answer(result, asked, socket).complete(slot, request)
        } catch {
            if !error.message.isEmpty { Socket(slot).log(.notice, error.message) }
            return lamina_complete(slot, request, -error.errno, 0)
        }
    }

    private static func answer(
        _ result: ControlResult?,
        _ asked: lamina_operation,
        _ socket: UnsafeMutablePointer<BaseSocket>
    ) -> ControlAnswer {
        switch result {
        case .done: ControlAnswer(0)
        case .integer(let value): .value(value, asked)
        case .bytes(let bytes): .bytes(bytes, asked)
        case nil: known(asked, socket)
        }
    }

    /// What every socket can answer.
    private static func known(
        _ asked: lamina_operation,
        _ socket: UnsafeMutablePointer<BaseSocket>
    ) -> ControlAnswer {
        guard asked.kind <= UInt32(LAMINA_CONTROL_GET_OPTION) else { return ControlAnswer(-EOPNOTSUPP) }
        guard asked.kind == UInt32(LAMINA_CONTROL_GET_OPTION) else { return ControlAnswer(-ENOPROTOOPT) }
        let datagrams = socket.pointee.datagrams
        switch (asked.level, Int32(bitPattern: asked.code)) {
        case (SOL_SOCKET, SO_TYPE):
            return .value(Int32(datagrams == nil ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue), asked)
        case (SOL_SOCKET, SO_DOMAIN): return .value(socket.pointee.family, asked)
        case (SOL_SOCKET, SO_ERROR): return .value(Int32(0), asked)
        case (SOL_SOCKET, SO_ACCEPTCONN): return .value(Int32(socket.marks.contains(.listening) ? 1 : 0), asked)
        case (ownLevel, Int32(LAMINA_OPTION_SEND_TO_ADDRESS)):
            guard let datagrams else { return ControlAnswer(-EOPNOTSUPP) }
            socket.group.lock()
            let address = datagrams.pointee.sendTo
            socket.group.unlock()
            return .value(address, asked)
        case (ownLevel, Int32(LAMINA_OPTION_DESCRIPTOR)): return ControlAnswer(-ENOTSUP)
        case (ownLevel, Int32(LAMINA_OPTION_INSPECT_ID)):
            let inspection = socket.field(\.inspection).pointee
            return inspection.serial == 0 ? ControlAnswer(-ENODATA) : .value(inspection, asked)
        default: return ControlAnswer(-ENOPROTOOPT)
        }
    }

    private static let ownLevel = Int32(LAMINA_LEVEL)
}

extension AnswersControls where Self: ~Copyable {
    fileprivate static func control(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ operation: UnsafePointer<lamina_operation>
    ) throws(Failure) -> ControlResult? {
        let state = socket.state(of: Self.self)
        return try socket.value(Self.self).pointee.control(ControlOperation(operation), state.pointee)
    }
}
