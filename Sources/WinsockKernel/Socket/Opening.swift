// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

/// WskSocket, WskSocketConnect, WskAccept and WskCloseSocket.
enum Opening {
    /// The category that WskSocket's flags name. Nil: none.
    static func category(_ flags: UInt32) -> Int? {
        switch Int32(bitPattern: flags) {
        case WSK_FLAG_BASIC_SOCKET: LAMINA_BASIC
        case WSK_FLAG_LISTEN_SOCKET: LAMINA_LISTEN
        case WSK_FLAG_CONNECTION_SOCKET: LAMINA_CONNECTION
        case WSK_FLAG_DATAGRAM_SOCKET: LAMINA_DATAGRAM
        case WSK_FLAG_STREAM_SOCKET: LAMINA_STREAM
        default: nil
        }
    }

    /// Whether sockets of the category have this type.
    static func suits(_ category: Int, _ type: UInt16) -> Bool {
        let isStream = Int(type) == Int(SOCK_STREAM.rawValue)
        switch category {
        case LAMINA_BASIC: return true
        case LAMINA_DATAGRAM: return !isStream
        default: return isStream
        }
    }

    /// What a client asks for.
    static func options(_ family: Int32, _ type: UInt16, _ proto: UInt32, _ category: Int) -> SocketOptions {
        SocketOptions(
            family: family,
            type: Int32(type),
            proto: Int32(bitPattern: proto),
            category: SocketCategories(rawValue: UInt32(category))
        )
    }

    /// What a listener's connections are.
    static func options(ofAcceptedBy listener: KernelSocket) -> SocketOptions {
        SocketOptions(
            family: listener.pointee.family,
            type: listener.pointee.type,
            proto: listener.pointee.protocol,
            category: SocketCategories(rawValue: UInt32(LAMINA_CONNECTION))
        )
    }

    /// What a socket has on Windows unless it is changed: IPv6 alone, and a listener that may take up an address whose
    /// old connections linger.
    static func setDefaults(_ socket: KernelSocket) {
        if socket.pointee.family == AF_INET6 { set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        if socket.pointee.category == UInt32(LAMINA_LISTEN) || socket.pointee.category == UInt32(LAMINA_STREAM) {
            set(socket, SOL_SOCKET, SO_REUSEADDR, 1)
        }
    }

    static func set(_ socket: KernelSocket, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        set(socket, level, option, &value, MemoryLayout<Int32>.size)
    }

    /// Sets an option at once, or not at all: a base that doesn't know it has no use for it.
    static func set(_ socket: KernelSocket, _ level: Int32, _ option: Int32, _ value: UnsafeRawPointer, _ size: Int) {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
        operation.level = level
        operation.code = UInt32(bitPattern: option)
        operation.input = value
        operation.input_length = size
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        _ = lamina_socket_control(socket.pointee.handle, &operation, &request)
    }

    // MARK: - WskSocketConnect's steps

    static let bind: @convention(c) (PIRP?) -> lamina_status = { irp in
        guard let irp, let operation = wsk_operation_of(irp), let made = operation.pointee.made else { return -EINVAL }
        let request = Submission.request(of: irp)
        if let slot = request.pointee.socket {
            made.pointee.handle = lamina_socket(slot: slot, generation: request.pointee.socket_generation)
        }
        setDefaults(made)
        operation.pointee.next = connect
        return lamina_socket_bind(made.pointee.handle, operation.place(\.first), 0, Submission.prepare(irp))
    }

    static let connect: @convention(c) (PIRP?) -> lamina_status = { irp in
        guard let irp, let operation = wsk_operation_of(irp), let made = operation.pointee.made else { return -EINVAL }
        made.set(WSK_IS_BOUND)
        operation.pointee.next = nil
        return lamina_socket_connect(made.pointee.handle, operation.place(\.second), 0, Submission.prepare(irp))
    }
}

/// WskSocket.
@c @implementation
public func wsk_open(
    _ client: PWSK_CLIENT?,
    _ family: ADDRESS_FAMILY,
    _ type: UInt16,
    _ proto: UInt32,
    _ flags: UInt32,
    _ context: UnsafeMutableRawPointer?,
    _ dispatch: UnsafeRawPointer?,
    _ irp: PIRP?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let irp, let operation = Submission.begin(irp, .open) else { return STATUS_INVALID_PARAMETER }
    guard let client = Client.of(client), let chain = Provider.chain, let category = Opening.category(flags),
        Opening.suits(category, type)
    else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
    guard proto != 0 else { return Submission.answer(irp, STATUS_PROTOCOL_UNREACHABLE) }
    let options = Opening.options(Int32(family), type, proto, category)
    guard let made = Sockets.make(client, options, context: context, dispatch: dispatch, maker: caller) else {
        return Submission.answer(irp, STATUS_INSUFFICIENT_RESOURCES)
    }
    client.addRequest()
    operation.pointee.output.3 = client.pointer
    operation.pointee.made = made
    return Submission.run(irp) { chain.open(options, request: $0) }
}

/// WskSocketConnect.
@c @implementation
public func wsk_open_connected(
    _ client: PWSK_CLIENT?,
    _ type: UInt16,
    _ proto: UInt32,
    _ local: PSOCKADDR?,
    _ remote: PSOCKADDR?,
    _ flags: UInt32,
    _ context: UnsafeMutableRawPointer?,
    _ dispatch: UnsafeRawPointer?,
    _ irp: PIRP?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let irp, let operation = Submission.begin(irp, .openConnected) else { return STATUS_INVALID_PARAMETER }
    guard let client = Client.of(client), let chain = Provider.chain, let local, flags == 0,
        Opening.suits(Int(LAMINA_CONNECTION), type), Addresses.read(local, operation.place(\.first)),
        Addresses.read(remote, operation.place(\.second))
    else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
    guard proto != 0 else { return Submission.answer(irp, STATUS_PROTOCOL_UNREACHABLE) }
    let options = Opening.options(Int32(local.pointee.sa_family), type, proto, Int(LAMINA_CONNECTION))
    guard let made = Sockets.make(client, options, context: context, dispatch: dispatch, maker: caller) else {
        return Submission.answer(irp, STATUS_INSUFFICIENT_RESOURCES)
    }
    client.addRequest()
    operation.pointee.output.3 = client.pointer
    operation.pointee.made = made
    operation.pointee.next = Opening.bind
    return Submission.run(irp) { chain.open(options, request: $0) }
}

/// WskAccept.
@c @implementation
public func wsk_accept(
    _ socket: PWSK_SOCKET?,
    _ flags: UInt32,
    _ context: UnsafeMutableRawPointer?,
    _ dispatch: UnsafeRawPointer?,
    _ local: PSOCKADDR?,
    _ remote: PSOCKADDR?,
    _ irp: PIRP?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    let listener = Sockets.open(socket)
    guard let irp, let operation = Submission.begin(irp, .accept, listener) else { return STATUS_INVALID_PARAMETER }
    guard let listener, let client = Client.of(listener.pointee.client) else {
        return Submission.answer(irp, STATUS_FILE_FORCED_CLOSED)
    }
    guard flags == 0 else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
    let isListener =
        listener.pointee.category == UInt32(LAMINA_LISTEN)
        || listener.pointee.category == UInt32(LAMINA_STREAM)
    guard isListener else { return Submission.answer(irp, STATUS_NOT_SUPPORTED) }
    guard listener.has(WSK_IS_LISTENING) else { return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE) }
    let options = Opening.options(ofAcceptedBy: listener)
    guard let made = Sockets.make(client, options, context: context, dispatch: dispatch, maker: caller) else {
        return Submission.answer(irp, STATUS_INSUFFICIENT_RESOURCES)
    }
    operation.pointee.made = made
    operation.pointee.output.0 = local.map { UnsafeMutableRawPointer($0) }
    operation.pointee.output.1 = remote.map { UnsafeMutableRawPointer($0) }
    return Submission.run(irp) {
        lamina_socket_accept(listener.pointee.handle, operation.place(\.first), operation.place(\.second), $0)
    }
}

/// WskCloseSocket. A connection whose sending direction wasn't ended is reset.
@c @implementation
public func wsk_close_socket(_ socket: PWSK_SOCKET?, _ irp: PIRP?) -> NTSTATUS {
    let closing = Sockets.open(socket)
    guard let irp, let operation = Submission.begin(irp, .close) else { return STATUS_INVALID_PARAMETER }
    guard let closing, Sockets.beginClose(closing) else {
        operation.pointee.kind = Kind.control.rawValue
        return Submission.answer(irp, STATUS_FILE_FORCED_CLOSED)
    }
    operation.pointee.socket = closing
    return Submission.run(irp) { Socket.close(closing.pointee.handle, $0) }
}
