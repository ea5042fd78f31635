// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

/// Begins an operation on a socket that must be open. Answers the status where it can't begin, and the IRP, where there
/// is one, has completed with it.
@inline(__always)
private func onSocket(
    _ socket: PWSK_SOCKET?,
    _ irp: PIRP?,
    _ kind: Kind,
    _ body: (KernelSocket, KernelOperation, PIRP) -> NTSTATUS
) -> NTSTATUS {
    let open = Sockets.open(socket)
    guard let irp, let operation = Submission.begin(irp, kind, open) else { return STATUS_INVALID_PARAMETER }
    guard let open else { return Submission.answer(irp, STATUS_FILE_FORCED_CLOSED) }
    return body(open, operation, irp)
}

/// Whether the category is one that an entry refuses by itself: then the state is not the first thing to complain of.
private func takes(_ socket: KernelSocket, _ categories: Int...) -> Bool {
    categories.contains { socket.pointee.category == UInt32($0) }
}

/// WskBind. A listen socket also starts to take connections.
@c @implementation
public func wsk_bind(_ socket: PWSK_SOCKET?, _ address: PSOCKADDR?, _ flags: UInt32, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .bind) { socket, operation, irp in
        guard flags == 0, Addresses.read(address, operation.place(\.first)) else {
            return Submission.answer(irp, STATUS_INVALID_PARAMETER)
        }
        if socket.has(WSK_IS_BOUND) { return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE) }
        if takes(socket, LAMINA_LISTEN) {
            operation.pointee.next = { irp in
                guard let irp, let operation = wsk_operation_of(irp) else { return -EINVAL }
                operation.pointee.kind = Kind.listen.rawValue
                let handle = operation.pointee.socket.pointee.handle
                return lamina_socket_listen(handle, UInt32(SOMAXCONN), Submission.prepare(irp))
            }
        }
        return Submission.run(irp) {
            lamina_socket_bind(socket.pointee.handle, operation.place(\.first), 0, $0)
        }
    }
}

/// WskListen.
@c @implementation
public func wsk_listen(_ socket: PWSK_SOCKET?, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .listen) { socket, _, irp in
        guard !takes(socket, LAMINA_STREAM) || socket.has(WSK_IS_BOUND) else {
            return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE)
        }
        return Submission.run(irp) { lamina_socket_listen(socket.pointee.handle, UInt32(SOMAXCONN), $0) }
    }
}

/// WskInspectComplete.
@c @implementation
public func wsk_inspect_complete(
    _ socket: PWSK_SOCKET?,
    _ identity: PWSK_INSPECT_ID?,
    _ action: WSK_INSPECT_ACTION,
    _ irp: PIRP?
) -> NTSTATUS {
    onSocket(socket, irp, .inspectComplete) { socket, _, irp in
        guard let identity, action == WskInspectAccept || action == WskInspectReject else {
            return Submission.answer(irp, STATUS_INVALID_PARAMETER)
        }
        var id = lamina_inspect_id(key: UInt64(identity.pointee.Key), serial: UInt64(identity.pointee.SerialNumber))
        let answer = UInt32(action == WskInspectAccept ? LAMINA_INSPECT_ACCEPT : LAMINA_INSPECT_REJECT)
        return Submission.run(irp) { lamina_socket_inspect_complete(socket.pointee.handle, &id, answer, $0) }
    }
}

/// WskGetLocalAddress.
@c @implementation
public func wsk_get_local_address(_ socket: PWSK_SOCKET?, _ address: PSOCKADDR?, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .localAddress) { socket, operation, irp in
        guard let address else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
        guard socket.has(WSK_IS_BOUND) else { return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE) }
        operation.pointee.output.0 = UnsafeMutableRawPointer(address)
        return Submission.run(irp) {
            lamina_socket_local_address(socket.pointee.handle, operation.place(\.first), $0)
        }
    }
}

/// WskGetRemoteAddress.
@c @implementation
public func wsk_get_remote_address(_ socket: PWSK_SOCKET?, _ address: PSOCKADDR?, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .remoteAddress) { socket, operation, irp in
        guard let address else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
        operation.pointee.output.0 = UnsafeMutableRawPointer(address)
        return Submission.run(irp) {
            lamina_socket_remote_address(socket.pointee.handle, operation.place(\.first), $0)
        }
    }
}

/// WskConnect.
@c @implementation
public func wsk_connect(_ socket: PWSK_SOCKET?, _ address: PSOCKADDR?, _ flags: UInt32, _ irp: PIRP?) -> NTSTATUS {
    connect(socket, address, nil, flags, irp)
}

/// WskConnectEx: up to 65,535 bytes travel with the connect.
@c @implementation
public func wsk_connect_ex(
    _ socket: PWSK_SOCKET?,
    _ address: PSOCKADDR?,
    _ buffer: PWSK_BUF?,
    _ flags: UInt32,
    _ irp: PIRP?
) -> NTSTATUS {
    connect(socket, address, buffer, flags, irp)
}

private func connect(
    _ socket: PWSK_SOCKET?,
    _ address: PSOCKADDR?,
    _ buffer: PWSK_BUF?,
    _ flags: UInt32,
    _ irp: PIRP?
) -> NTSTATUS {
    onSocket(socket, irp, .connect) { socket, operation, irp in
        guard flags == 0, Addresses.read(address, operation.place(\.first)) else {
            return Submission.answer(irp, STATUS_INVALID_PARAMETER)
        }
        guard takes(socket, LAMINA_CONNECTION, LAMINA_STREAM) else {
            return Submission.answer(irp, STATUS_NOT_SUPPORTED)
        }
        guard socket.has(WSK_IS_BOUND), !socket.has(WSK_IS_CONNECTED), !socket.has(WSK_IS_LISTENING) else {
            return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE)
        }
        guard let buffer, buffer.pointee.Length > 0 else {
            return Submission.run(irp) {
                lamina_socket_connect(socket.pointee.handle, operation.place(\.first), 0, $0)
            }
        }
        guard buffer.pointee.Length <= 65_535 else { return Submission.answer(irp, STATUS_BUFFER_OVERFLOW) }
        return Submission.run(irp, over: buffer.pointee) {
            lamina_socket_connect_with_data(socket.pointee.handle, operation.place(\.first), $0, $1, 0, $2)
        }
    }
}

/// WskSend.
@c @implementation
public func wsk_send(_ socket: PWSK_SOCKET?, _ buffer: PWSK_BUF?, _ flags: UInt32, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .send) { socket, _, irp in
        guard let buffer else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
        guard flags & ~UInt32(WSK_FLAG_NODELAY | 1) == 0 else { return Submission.answer(irp, STATUS_NOT_SUPPORTED) }
        // WSK's bits for urgent data and "no delay" are the chain's.
        return Submission.run(irp, over: buffer.pointee) {
            lamina_socket_send(socket.pointee.handle, $0, $1, flags, $2)
        }
    }
}

/// WskSendEx: as WskSend; ancillary data are not supported.
@c @implementation
public func wsk_send_ex(
    _ socket: PWSK_SOCKET?,
    _ buffer: PWSK_BUF?,
    _ flags: UInt32,
    _ controlLength: UInt32,
    _ control: PCMSGHDR?,
    _ irp: PIRP?
) -> NTSTATUS {
    guard controlLength == 0 else {
        return onSocket(socket, irp, .send) { _, _, irp in Submission.answer(irp, STATUS_NOT_SUPPORTED) }
    }
    return wsk_send(socket, buffer, flags, irp)
}

/// WskReceive.
@c @implementation
public func wsk_receive(_ socket: PWSK_SOCKET?, _ buffer: PWSK_BUF?, _ flags: UInt32, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .receive) { socket, operation, irp in
        let drains = flags == UInt32(WSK_FLAG_DRAIN)
        guard let buffer, flags == 0 || flags == UInt32(WSK_FLAG_WAITALL) || drains,
            !drains || buffer.pointee.Length == 0
        else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
        if flags == 0, buffer.pointee.Length == 0, Events.isEnabled(WSK_EVENT_RECEIVE, of: socket) {
            // A receive of nothing lets the event go on, once the callback that stopped it has returned.
            operation.pointee.next = Events.goOn
            return Submission.run(irp) { Events.stop(socket, $0) }
        }
        // WSK's bits for "wait for all" and "drain" are the chain's.
        return Submission.run(irp, over: buffer.pointee) {
            lamina_socket_receive(socket.pointee.handle, $0, $1, flags, $2)
        }
    }
}

/// WskReceiveEx: as WskReceive; ancillary data are not supported.
@c @implementation
public func wsk_receive_ex(
    _ socket: PWSK_SOCKET?,
    _ buffer: PWSK_BUF?,
    _ flags: UInt32,
    _ controlLength: UnsafeMutablePointer<UInt32>?,
    _ control: PCMSGHDR?,
    _ controlFlags: UnsafeMutablePointer<UInt32>?,
    _ irp: PIRP?
) -> NTSTATUS {
    guard control == nil else {
        return onSocket(socket, irp, .receive) { _, _, irp in Submission.answer(irp, STATUS_NOT_SUPPORTED) }
    }
    controlLength?.pointee = 0
    controlFlags?.pointee = 0
    return wsk_receive(socket, buffer, flags, irp)
}

/// WskDisconnect.
@c @implementation
public func wsk_disconnect(_ socket: PWSK_SOCKET?, _ buffer: PWSK_BUF?, _ flags: UInt32, _ irp: PIRP?) -> NTSTATUS {
    onSocket(socket, irp, .disconnect) { socket, _, irp in
        let isAbortive = flags == UInt32(WSK_FLAG_ABORTIVE)
        guard flags == 0 || isAbortive, !isAbortive || buffer == nil else {
            return Submission.answer(irp, STATUS_INVALID_PARAMETER)
        }
        let how = isAbortive ? UInt32(LAMINA_DISCONNECT_ABORTIVE) : 0
        return Submission.run(irp, over: buffer?.pointee ?? WSK_BUF()) {
            lamina_socket_disconnect(socket.pointee.handle, $1 > 0 ? $0 : nil, $1, how, $2)
        }
    }
}

/// WskSendTo.
@c @implementation
public func wsk_send_to(
    _ socket: PWSK_SOCKET?,
    _ buffer: PWSK_BUF?,
    _ flags: UInt32,
    _ address: PSOCKADDR?,
    _ controlLength: UInt32,
    _ control: PCMSGHDR?,
    _ irp: PIRP?
) -> NTSTATUS {
    onSocket(socket, irp, .sendTo) { socket, operation, irp in
        guard let buffer, flags == 0, controlLength == 0 || control != nil else {
            return Submission.answer(irp, STATUS_INVALID_PARAMETER)
        }
        if let refusal = destination(socket, address, operation) { return Submission.answer(irp, refusal) }
        let information = ControlInformation(socket, control, controlLength)
        defer { information.free() }
        if let refusal = information.refusal { return Submission.answer(irp, refusal) }
        return Submission.run(irp, over: buffer.pointee) { pieces, count, request in
            var message = lamina_message()
            message.buffers = pieces
            message.buffer_count = count
            message.address = target(address, operation)
            message.control = information.bytes
            message.control_length = information.length
            return lamina_socket_send_to(socket.pointee.handle, &message, 0, request)
        }
    }
}

/// Reads a datagram's destination. Not nil: it can't be sent.
private func destination(_ socket: KernelSocket, _ address: PSOCKADDR?, _ operation: KernelOperation) -> NTSTATUS? {
    guard takes(socket, LAMINA_DATAGRAM) else { return STATUS_NOT_SUPPORTED }
    if address != nil, !Addresses.read(address, operation.place(\.first)) { return STATUS_INVALID_PARAMETER }
    guard socket.has(WSK_IS_BOUND) else { return STATUS_INVALID_DEVICE_STATE }
    let isKnown = address != nil || socket.has(WSK_HAS_REMOTE) || socket.has(WSK_HAS_SEND_TO)
    return isKnown ? nil : STATUS_INVALID_DEVICE_STATE
}

/// Where a datagram goes: the address given, or, nil, where the socket's datagrams go.
private func target(_ address: PSOCKADDR?, _ operation: KernelOperation) -> UnsafeMutablePointer<lamina_address>? {
    address == nil ? nil : operation.place(\.first)
}

/// WskSendMessages: one datagram for each buffer of the list, all to one destination.
@c @implementation
public func wsk_send_messages(
    _ socket: PWSK_SOCKET?,
    _ list: PWSK_BUF_LIST?,
    _ flags: UInt32,
    _ address: PSOCKADDR?,
    _ controlLength: UInt32,
    _ control: PCMSGHDR?,
    _ irp: PIRP?
) -> NTSTATUS {
    onSocket(socket, irp, .sendMessages) { socket, operation, irp in
        guard let list, flags == 0, controlLength == 0 || control != nil else {
            return Submission.answer(irp, STATUS_INVALID_PARAMETER)
        }
        if let refusal = destination(socket, address, operation) { return Submission.answer(irp, refusal) }
        var nodes: [PWSK_BUF_LIST] = []
        var next: PWSK_BUF_LIST? = list
        while let node = next {
            nodes.append(node)
            next = node.pointee.Next
        }
        guard let memory = calloc(nodes.count, MemoryLayout<lamina_message>.stride) else {
            return Submission.answer(irp, STATUS_INSUFFICIENT_RESOURCES)
        }
        operation.pointee.allocation = memory
        let messages = memory.bindMemory(to: lamina_message.self, capacity: nodes.count)
        // The pieces are copied by the call; the messages live until completion.
        var pieces: [UnsafeMutablePointer<lamina_buffer>] = []
        defer { for piece in pieces { free(piece) } }
        let information = ControlInformation(socket, control, controlLength)
        defer { information.free() }
        if let refusal = information.refusal { return Submission.answer(irp, refusal) }
        let to = target(address, operation)
        for (index, node) in nodes.enumerated() {
            guard let (buffers, count) = Buffers.copy(node.pointee.Buffer) else {
                return Submission.answer(irp, STATUS_INVALID_PARAMETER)
            }
            pieces.append(buffers)
            messages[index].buffers = UnsafePointer(buffers)
            messages[index].buffer_count = UInt32(count)
            messages[index].address = to
            messages[index].control = information.bytes
            messages[index].control_length = information.length
        }
        return Submission.run(irp) {
            lamina_socket_send_messages(socket.pointee.handle, messages, UInt32(nodes.count), 0, $0)
        }
    }
}

/// WskReceiveFrom.
@c @implementation
public func wsk_receive_from(
    _ socket: PWSK_SOCKET?,
    _ buffer: PWSK_BUF?,
    _ flags: UInt32,
    _ address: PSOCKADDR?,
    _ controlLength: UnsafeMutablePointer<UInt32>?,
    _ control: PCMSGHDR?,
    _ controlFlags: UnsafeMutablePointer<UInt32>?,
    _ irp: PIRP?
) -> NTSTATUS {
    onSocket(socket, irp, .receiveFrom) { socket, operation, irp in
        guard let buffer, flags == 0 else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
        guard takes(socket, LAMINA_DATAGRAM) else { return Submission.answer(irp, STATUS_NOT_SUPPORTED) }
        guard socket.has(WSK_IS_BOUND) else { return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE) }
        operation.pointee.output.0 = address.map { UnsafeMutableRawPointer($0) }
        operation.pointee.output.1 = controlLength.map { UnsafeMutableRawPointer($0) }
        operation.pointee.output.2 = controlFlags.map { UnsafeMutableRawPointer($0) }
        return Submission.run(irp, over: buffer.pointee) { pieces, count, request in
            operation.pointee.message = lamina_message()
            operation.pointee.message.buffers = pieces
            operation.pointee.message.buffer_count = count
            operation.pointee.message.address = operation.place(\.first)
            if let control, let controlLength {
                operation.pointee.message.control = UnsafeMutableRawPointer(control)
                operation.pointee.message.control_length = Int(controlLength.pointee)
                operation.pointee.argument.1 = UInt64(controlLength.pointee)
            }
            return lamina_socket_receive_from(socket.pointee.handle, operation.place(\.message), 0, request)
        }
    }
}
