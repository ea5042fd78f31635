// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
public import CWinsockKernel
import Glibc
import Lamina

/// Requests that wait for the list of transports to change: they end with a change of the provider catalog, by cancel, or
/// with their client.
enum ListChanges {
    static func cancel(_ irp: PIRP) -> Bool {
        let operation = wsk_operation_of(irp)
        guard operation?.pointee.kind == Kind.controlClient.rawValue,
            let client = Client.of(operation?.pointee.output.0), client.removeListChange(irp)
        else { return false }
        Submission.finish(irp, STATUS_CANCELLED, 0, isInline: false)
        return true
    }
}

/// WskControlClient.
@c @implementation
public func wsk_control_client(
    _ client: PWSK_CLIENT?,
    _ code: UInt32,
    _ inputSize: Int,
    _ input: UnsafeMutableRawPointer?,
    _ outputSize: Int,
    _ output: UnsafeMutableRawPointer?,
    _ returned: UnsafeMutablePointer<Int>?,
    _ irp: PIRP?
) -> NTSTATUS {
    var taken: PIRP?
    if let irp {
        guard Submission.begin(irp, .controlClient) != nil else { return STATUS_INVALID_PARAMETER }
        taken = irp
    }
    func end(_ status: NTSTATUS, _ information: Int = 0) -> NTSTATUS {
        returned?.pointee = information
        return taken.map { Submission.answer($0, status, UInt(information)) } ?? status
    }
    guard let object = Client.of(client), inputSize >= 0, outputSize >= 0, inputSize == 0 || input != nil,
        outputSize == 0 || output != nil
    else { return end(STATUS_INVALID_PARAMETER) }
    switch Int32(bitPattern: code) {
    case WSK_TRANSPORT_LIST_QUERY:
        let rows = TransportList.rows
        let size = rows.count * MemoryLayout<WSK_TRANSPORT>.stride
        guard let output, outputSize >= size else { return end(STATUS_BUFFER_OVERFLOW, size) }
        rows.withUnsafeBytes { output.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(output), byteCount: size) }
        return end(STATUS_SUCCESS, size)
    case WSK_TRANSPORT_LIST_CHANGE:
        guard let taken, let operation = wsk_operation_of(taken) else { return STATUS_INVALID_PARAMETER }
        operation.pointee.output.0 = client
        TransportList.watch()
        guard object.awaitListChange(taken) else { return end(STATUS_CANCELLED) }
        return STATUS_PENDING
    case WSK_SET_STATIC_EVENT_CALLBACKS:
        return end(StaticEvents.set(object, UnsafeRawBufferPointer(start: input, count: inputSize)))
    case WSK_TDI_BEHAVIOR:
        return end(inputSize == MemoryLayout<UInt32>.size ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER)
    default:
        return end(STATUS_NOT_SUPPORTED)
    }
}

/// WSK_SET_STATIC_EVENT_CALLBACKS.
private enum StaticEvents {
    static func set(_ client: Client, _ input: UnsafeRawBufferPointer) -> NTSTATUS {
        guard input.count >= MemoryLayout<WSK_EVENT_CALLBACK_CONTROL>.size else { return STATUS_INVALID_PARAMETER }
        let control = input.loadUnaligned(as: WSK_EVENT_CALLBACK_CONTROL.self)
        guard Events.isWSK(control.NpiId), control.EventMask & ~Events.all == 0 else {
            return STATUS_INVALID_PARAMETER
        }
        return client.setStaticEvents(control.EventMask) ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_STATE
    }
}
