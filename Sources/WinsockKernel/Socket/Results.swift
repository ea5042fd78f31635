import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// What an operation writes for its client before it completes.
enum Results {
    /// Writes outputs and answers the status that the IRP gets.
    static func write(
        _ irp: PIRP,
        _ operation: KernelOperation,
        _ kind: Kind,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ information: inout UInt
    ) -> NTSTATUS {
        let status = Status.of(request.pointee.status, kind)
        let socket = operation.pointee.socket
        switch kind {
        case .open, .openConnected, .accept:
            information = finishMade(operation, kind, request)
        case .bind:
            if status >= 0 { socket?.set(WSK_IS_BOUND) }
            information = 0
        case .listen:
            if status >= 0, let socket {
                socket.set(WSK_IS_BOUND | WSK_IS_LISTENING)
                if socket.pointee.category == UInt32(LAMINA_STREAM) { Events.enableFixed(socket) }
            }
            information = 0
        case .connect:
            if status >= 0, let socket {
                socket.set(WSK_IS_CONNECTED)
                if socket.pointee.category == UInt32(LAMINA_STREAM) { Events.enableFixed(socket) }
            }
        case .setRemote:
            if status >= 0 {
                let flag = Int(operation.pointee.argument.1)
                operation.pointee.argument.0 != 0 ? socket?.set(flag) : socket?.clear(flag)
            }
            information = 0
        case .disconnect:
            if status >= 0 { socket?.set(WSK_HAS_ENDED_SENDING) }
            information = 0
        case .localAddress, .remoteAddress:
            if status >= 0 { Addresses.write(operation.place(\.first), operation.pointee.output.0) }
            information = 0
        case .receiveFrom:
            return receivedDatagram(operation, status)
        case .addressInfo:
            return AddressInformation.finish(operation, request, status, &information)
        case .nameInfo:
            return AddressInformation.finishName(operation, status, &information)
        case .sendTo, .sendMessages, .send, .receive, .control:
            break
        default:
            information = 0
        }
        return status
    }

    /// A socket was opened or accepted: it is the client's from now on. On failure nothing is left of it.
    private static func finishMade(
        _ operation: KernelOperation,
        _ kind: Kind,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> UInt {
        guard let made = operation.pointee.made else { return 0 }
        operation.pointee.made = nil
        guard request.pointee.status >= 0 else {
            if kind == .openConnected, made.pointee.handle.generation != 0 { close(made) } else { Sockets.retire(made) }
            return 0
        }
        if kind != .openConnected, let slot = request.pointee.socket {
            made.pointee.handle = lamina_socket(slot: slot, generation: request.pointee.socket_generation)
        }
        if kind == .accept {
            made.set(WSK_IS_BOUND | WSK_IS_CONNECTED)
            Addresses.write(operation.place(\.first), operation.pointee.output.0)
            Addresses.write(operation.place(\.second), operation.pointee.output.1)
        }
        if kind == .openConnected { made.set(WSK_IS_CONNECTED) }
        if kind == .open { Opening.setDefaults(made) }
        Events.attach(made)
        clinux_store_u32(&made.pointee.state, UInt32(WSK_SOCKET_OPEN))
        return UInt(bitPattern: made)
    }

    /// Closes a socket that no client has got.
    static func close(_ socket: KernelSocket) {
        nonisolated(unsafe) let closing = socket
        Provider.chain?.close(socket.pointee.handle) { _ in Sockets.retire(closing) }
    }

    private static func receivedDatagram(_ operation: KernelOperation, _ status: NTSTATUS) -> NTSTATUS {
        guard status >= 0 else { return status }
        Addresses.write(operation.place(\.first), operation.pointee.output.0)
        var message = operation.pointee.message
        if let socket = operation.pointee.socket, let control = message.control {
            let capacity = Int(operation.pointee.argument.1)
            let room = UnsafeMutableRawBufferPointer(start: control, count: capacity)
            let isWhole = ReceivedInformation.rename(socket, room, &message.control_length)
            if !isWhole { message.flags |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) }
        }
        operation.pointee.output.1?.storeBytes(of: UInt32(message.control_length), as: UInt32.self)
        var flags: UInt32 = 0
        if message.flags & UInt32(LAMINA_MESSAGE_TRUNCATED) != 0 { flags |= UInt32(MSG_TRUNC) }
        if message.flags & UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) != 0 { flags |= UInt32(MSG_CTRUNC) }
        if message.flags & UInt32(LAMINA_MESSAGE_BROADCAST) != 0 { flags |= UInt32(MSG_BCAST) }
        if message.flags & UInt32(LAMINA_MESSAGE_MULTICAST) != 0 { flags |= UInt32(MSG_MCAST) }
        operation.pointee.output.2?.storeBytes(of: flags, as: UInt32.self)
        return message.flags & UInt32(LAMINA_MESSAGE_TRUNCATED) != 0 ? STATUS_BUFFER_OVERFLOW : status
    }
}
