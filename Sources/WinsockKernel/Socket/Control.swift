// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

/// What a control call answers.
typealias ControlResult = (status: NTSTATUS, information: UInt)

/// One call of WskControlSocket.
struct ControlCall {
    let socket: KernelSocket
    let type: WSK_CONTROL_SOCKET_TYPE
    let code: UInt32
    let level: Int32
    let input: UnsafeRawBufferPointer
    let output: UnsafeMutableRawBufferPointer

    /// Writes the answer. `information` is how much there is, also where the room was too small.
    func write(_ bytes: UnsafeRawBufferPointer) -> ControlResult {
        guard bytes.count <= output.count else { return (STATUS_BUFFER_OVERFLOW, UInt(bytes.count)) }
        output.copyMemory(from: bytes)
        return (STATUS_SUCCESS, UInt(bytes.count))
    }

    func write<Value>(_ value: Value) -> ControlResult {
        withUnsafeBytes(of: value) { write($0) }
    }

    /// The integer that is its input; nil where that is too short.
    var number: Int32? {
        input.count >= MemoryLayout<Int32>.size ? input.loadUnaligned(as: Int32.self) : nil
    }
}

/// How WskControlSocket asks the chain.
enum Control {
    static func operation(_ kind: Int, _ level: Int32, _ code: UInt32) -> lamina_operation {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(kind)
        operation.level = level
        operation.code = code
        return operation
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

    /// Asks for one of Lamina's own options; nil, and `status` says why, where there is no answer.
    static func ask<Value>(_ socket: KernelSocket, _ option: Int, _ value: Value, _ status: inout lamina_status)
        -> Value?
    {
        var value = value
        status = withUnsafeMutablePointer(to: &value) { value in
            var operation = operation(LAMINA_CONTROL_GET_OPTION, Int32(LAMINA_LEVEL), UInt32(option))
            operation.output = UnsafeMutableRawPointer(value)
            operation.output_capacity = MemoryLayout<Value>.size
            return attempt(socket, &operation).status
        }
        return status < 0 ? nil : value
    }

    /// The status of a call that must end at once.
    static func status(_ status: lamina_status) -> NTSTATUS {
        status == -EAGAIN ? STATUS_REQUEST_NOT_ACCEPTED : Status.of(status, .control)
    }

    /// Makes the call as an IRP's request, or, without one, at once.
    static func run(
        _ call: ControlCall,
        _ operation: lamina_operation,
        _ irp: PIRP?,
        _ end: (NTSTATUS, UInt) -> NTSTATUS
    ) -> NTSTATUS {
        var operation = operation
        guard let irp else {
            let (status, bytes) = attempt(call.socket, &operation)
            return end(Control.status(status), UInt(bytes))
        }
        return Submission.run(irp) { lamina_socket_control(call.socket.pointee.handle, &operation, $0) }
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
    if type == WskIoctl { return Ioctls.run(call, taken, end) }
    if type == WskSetOption, call.level == SOL_SOCKET, code == UInt32(SO_WSK_EVENT_CALLBACK) {
        return Events.change(call, taken)
    }
    return Options.run(call, taken, end)
}
