// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

/// One call of WskControlSocket.
struct ControlCall {
    let socket: KernelSocket
    let type: WSK_CONTROL_SOCKET_TYPE
    let code: UInt32
    let level: Int32
    let input: UnsafeRawBufferPointer
    let output: UnsafeMutableRawBufferPointer

    /// Writes the answer. `information` is how much there is, also where the room was too small.
    func write(_ bytes: UnsafeRawBufferPointer) -> (status: NTSTATUS, information: UInt) {
        guard bytes.count <= output.count else { return (STATUS_BUFFER_OVERFLOW, UInt(bytes.count)) }
        output.copyMemory(from: bytes)
        return (STATUS_SUCCESS, UInt(bytes.count))
    }

    func write<Value>(_ value: Value) -> (status: NTSTATUS, information: UInt) {
        withUnsafeBytes(of: value) { write($0) }
    }
}

/// WskControlSocket: options that are the run time's own, ioctls, and everything else as it is to the chain.
enum Control {
    /// What is answered without the chain; nil for what isn't.
    static func answer(_ call: ControlCall) -> (status: NTSTATUS, information: UInt)? {
        call.type == WskIoctl ? ioctl(call) : option(call)
    }

    private static func option(_ call: ControlCall) -> (status: NTSTATUS, information: UInt)? {
        guard call.level == SOL_SOCKET else { return nil }
        switch Int32(bitPattern: call.code) {
        case SO_CONDITIONAL_ACCEPT:
            return call.type == WskSetOption ? Events.setConditional(call) : (STATUS_NOT_SUPPORTED, 0)
        case SO_WSK_SECURITY, SO_RCVTIMEO, SO_SNDTIMEO:
            return (STATUS_NOT_SUPPORTED, 0)
        case ~SO_REUSEADDR:
            // SO_EXCLUSIVEADDRUSE: what Linux does unless it is told otherwise.
            return call.type == WskSetOption ? (STATUS_SUCCESS, 0) : (STATUS_NOT_SUPPORTED, 0)
        default:
            return nil
        }
    }

    private static func ioctl(_ call: ControlCall) -> (status: NTSTATUS, information: UInt)? {
        switch call.code {
        case 0x8F00_0006: return setSendTo(call)
        case 0x4F00_0003: return call.write(idealSendBacklog(call.socket))
        case 0x4F00_0004:
            var unread: Int32 = 0
            let status = ask(call.socket, LAMINA_CONTROL_IOCTL, 0, Int32(FIONREAD), &unread, 4)
            return status < 0 ? (Status.of(status, .control), 0) : call.write(UInt(max(unread, 0)))
        case 0x4F00_0005:
            // The chain doesn't say which inspection a socket came from.
            return (STATUS_INVALID_DEVICE_REQUEST, 0)
        case 0x4800_0016: return AddressList.write(call)
        case 0x9800_0010: return (STATUS_SUCCESS, 0)
        case 0x8F00_0001: return nil
        default: return (STATUS_NOT_SUPPORTED, 0)
        }
    }

    /// The destination of datagrams that name none.
    private static func setSendTo(_ call: ControlCall) -> (status: NTSTATUS, information: UInt) {
        let socket = call.socket
        guard socket.pointee.category == UInt32(LAMINA_DATAGRAM) else { return (STATUS_NOT_SUPPORTED, 0) }
        guard !call.input.isEmpty else {
            socket.clear(WSK_HAS_SEND_TO)
            return (STATUS_SUCCESS, 0)
        }
        var address = lamina_address()
        guard read(call.input, &address) else { return (STATUS_INVALID_PARAMETER, 0) }
        guard
            let fixed = socket.pointee.send_to
                ?? calloc(1, MemoryLayout<lamina_address>.size)?
                .bindMemory(to: lamina_address.self, capacity: 1)
        else { return (STATUS_INSUFFICIENT_RESOURCES, 0) }
        fixed.pointee = address
        socket.pointee.send_to = fixed
        socket.set(WSK_HAS_SEND_TO)
        return (STATUS_SUCCESS, 0)
    }

    /// An address of a client's buffer, which must hold all of it.
    static func read(_ input: UnsafeRawBufferPointer, _ address: UnsafeMutablePointer<lamina_address>) -> Bool {
        guard input.count >= 2, let base = UnsafeMutableRawPointer(mutating: input.baseAddress) else { return false }
        let source = base.assumingMemoryBound(to: sockaddr.self)
        guard let length = Addresses.length(of: source), input.count >= length else { return false }
        return Addresses.read(source, address)
    }

    /// How much a sender should keep under way: what the congestion window holds, at least 64 KiB.
    private static func idealSendBacklog(_ socket: KernelSocket) -> UInt {
        var info = tcp_info()
        let size = MemoryLayout<tcp_info>.size
        guard ask(socket, LAMINA_CONTROL_GET_OPTION, Int32(IPPROTO_TCP), TCP_INFO, &info, size) >= 0 else {
            return 65_536
        }
        return max(65_536, UInt(info.tcpi_snd_cwnd) * UInt(info.tcpi_snd_mss))
    }

    /// Asks the chain something that it can answer at once.
    private static func ask(
        _ socket: KernelSocket,
        _ kind: Int,
        _ level: Int32,
        _ code: Int32,
        _ output: UnsafeMutableRawPointer,
        _ size: Int
    ) -> lamina_status {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(kind)
        operation.level = level
        operation.code = UInt32(bitPattern: code)
        operation.output = output
        operation.output_capacity = size
        return attempt(socket, &operation).status
    }

    /// Makes a control call that must end at once.
    static func attempt(
        _ socket: KernelSocket,
        _ operation: UnsafePointer<lamina_operation>
    ) -> (status: lamina_status, bytes: UInt64) {
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        let status = lamina_socket_control(socket.pointee.handle, operation, &request)
        return (status, request.bytes)
    }

    static func operation(_ call: ControlCall) -> lamina_operation {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        let isSet = call.type == WskSetOption
        operation.kind = UInt32(isSet ? LAMINA_CONTROL_SET_OPTION : LAMINA_CONTROL_GET_OPTION)
        operation.level = call.level
        operation.code = call.code
        operation.input = call.input.baseAddress
        operation.input_length = call.input.count
        operation.output = call.output.baseAddress
        operation.output_capacity = call.output.count
        return operation
    }
}

/// WskControlSocket.
@c @implementation
public func wsk_control_socket(
    _ socket: PWSK_SOCKET?,
    _ type: WSK_CONTROL_SOCKET_TYPE,
    _ code: UInt32,
    _ level: UInt32,
    _ inputSize: Int,
    _ input: UnsafeMutableRawPointer?,
    _ outputSize: Int,
    _ output: UnsafeMutableRawPointer?,
    _ returned: UnsafeMutablePointer<Int>?,
    _ irp: PIRP?
) -> NTSTATUS {
    let open = Sockets.open(socket)
    var taken: PIRP?
    if let irp {
        guard Submission.begin(irp, .control, open) != nil else { return STATUS_INVALID_PARAMETER }
        taken = irp
    }
    func end(_ status: NTSTATUS, _ information: UInt = 0) -> NTSTATUS {
        if let taken { return Submission.answer(taken, status, information) }
        returned?.pointee = Int(information)
        return status
    }
    guard let open else { return end(STATUS_FILE_FORCED_CLOSED) }
    guard inputSize >= 0, outputSize >= 0, inputSize == 0 || input != nil, outputSize == 0 || output != nil,
        [WskSetOption, WskGetOption, WskIoctl].contains(type)
    else { return end(STATUS_INVALID_PARAMETER) }
    let call = ControlCall(
        socket: open,
        type: type,
        code: code,
        level: Int32(bitPattern: level),
        input: UnsafeRawBufferPointer(start: input, count: inputSize),
        output: UnsafeMutableRawBufferPointer(start: output, count: outputSize)
    )
    if type == WskSetOption, call.level == SOL_SOCKET, code == UInt32(SO_WSK_EVENT_CALLBACK) {
        return Events.change(call, taken)
    }
    if let (status, information) = Control.answer(call) { return end(status, information) }
    if type == WskIoctl { return setRemote(call, taken) }
    var operation = Control.operation(call)
    guard let taken else {
        let (status, bytes) = Control.attempt(open, &operation)
        return end(status == -EAGAIN ? STATUS_REQUEST_NOT_ACCEPTED : Status.of(status, .control), UInt(bytes))
    }
    return Submission.run(taken) { lamina_socket_control(open.pointee.handle, &operation, $0) }
}

/// SIO_WSK_SET_REMOTE_ADDRESS: the peer of a datagram socket, or, without an address, none.
private func setRemote(_ call: ControlCall, _ irp: PIRP?) -> NTSTATUS {
    guard let irp, let operation = wsk_operation_of(irp) else { return STATUS_INVALID_PARAMETER }
    let socket = call.socket
    guard socket.pointee.category == UInt32(LAMINA_DATAGRAM) else {
        return Submission.answer(irp, STATUS_NOT_SUPPORTED)
    }
    guard socket.has(WSK_IS_BOUND) else { return Submission.answer(irp, STATUS_INVALID_DEVICE_STATE) }
    operation.pointee.kind = Kind.setRemote.rawValue
    operation.pointee.argument.0 = call.input.isEmpty ? 0 : 1
    if call.input.isEmpty {
        operation.pointee.first = lamina_address()
        operation.pointee.first.form = UInt16(LAMINA_ADDRESS_SOCKET)
        operation.pointee.first.length = UInt32(MemoryLayout<sockaddr>.size)
    } else if !Control.read(call.input, operation.place(\.first)) {
        return Submission.answer(irp, STATUS_INVALID_PARAMETER)
    }
    return Submission.run(irp) {
        lamina_socket_connect(socket.pointee.handle, operation.place(\.first), 0, $0)
    }
}

/// SIO_ADDRESS_LIST_QUERY: the addresses of this machine, of the socket's family.
private enum AddressList {
    static func write(_ call: ControlCall) -> (status: NTSTATUS, information: UInt) {
        var addresses: [[UInt8]] = []
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return (STATUS_INSUFFICIENT_RESOURCES, 0) }
        defer { freeifaddrs(first) }
        var next = first
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, let length = Addresses.length(of: address),
                Int32(address.pointee.sa_family) == call.socket.pointee.family
            else { continue }
            addresses.append(Array(UnsafeRawBufferPointer(start: address, count: length)))
        }
        let head = max(MemoryLayout<SOCKET_ADDRESS_LIST>.size, 8 + addresses.count * 16)
        let total = head + addresses.reduce(0) { $0 + ($1.count + 7) / 8 * 8 }
        guard call.output.count >= total, let base = call.output.baseAddress else {
            return (STATUS_BUFFER_OVERFLOW, UInt(total))
        }
        base.storeBytes(of: Int32(addresses.count), as: Int32.self)
        var place = head
        for (index, bytes) in addresses.enumerated() {
            bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: call.output[place...]).copyMemory(from: $0)
            }
            (base + 8 + index * 16).storeBytes(of: base + place, as: UnsafeMutableRawPointer.self)
            (base + 16 + index * 16).storeBytes(of: Int32(bytes.count), as: Int32.self)
            place += (bytes.count + 7) / 8 * 8
        }
        return (STATUS_SUCCESS, UInt(total))
    }
}
