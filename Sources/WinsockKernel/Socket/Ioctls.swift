import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// The ioctls of WskControlSocket.
enum Ioctls {
    private static let setRemote: UInt32 = 0x8F00_0001
    private static let registerExtension: UInt32 = 0xCF00_0002
    private static let queryIdealSendBacklog: UInt32 = 0x4F00_0003
    private static let queryReceiveBacklog: UInt32 = 0x4F00_0004
    private static let queryInspectID: UInt32 = 0x4F00_0005
    private static let setSendTo: UInt32 = 0x8F00_0006
    private static let addressListQuery: UInt32 = 0x4800_0016
    private static let addressListChange: UInt32 = 0x2800_0017
    private static let addressListSort: UInt32 = 0xC800_0019
    private static let loopbackFastPath: UInt32 = 0x9800_0010

    static func run(_ call: ControlCall, _ irp: PIRP?, _ end: (NTSTATUS, UInt) -> NTSTATUS) -> NTSTATUS {
        switch call.code {
        case setRemote, setSendTo: return setDestination(call, irp, end)
        case addressListChange:
            guard irp != nil else { return end(STATUS_INVALID_PARAMETER, 0) }
            let code = UInt32(LAMINA_IOCTL_ADDRESS_LIST_CHANGE)
            let operation = Control.operation(LAMINA_CONTROL_IOCTL, Int32(LAMINA_LEVEL), code)
            return Control.run(call, operation, irp, end)
        default:
            let (status, information) = answer(call)
            return end(status, information)
        }
    }

    /// What ends at once.
    private static func answer(_ call: ControlCall) -> ControlResult {
        var status: lamina_status = 0
        switch call.code {
        case queryIdealSendBacklog:
            let ideal = Control.ask(call.socket, LAMINA_OPTION_IDEAL_SEND_BACKLOG, UInt64(0), &status)
            return ideal.map { call.write(max(65_536, UInt($0))) } ?? (Control.status(status), 0)
        case queryReceiveBacklog:
            let unread = Control.ask(call.socket, LAMINA_OPTION_RECEIVE_BACKLOG, UInt64(0), &status)
            return unread.map { call.write(UInt($0)) } ?? (Control.status(status), 0)
        case queryInspectID:
            guard let id = Control.ask(call.socket, LAMINA_OPTION_INSPECT_ID, lamina_inspect_id(), &status) else {
                return (status == -ENODATA ? STATUS_INVALID_DEVICE_REQUEST : Control.status(status), 0)
            }
            return call.write(WSK_INSPECT_ID(Key: UInt(id.key), SerialNumber: UInt32(truncatingIfNeeded: id.serial)))
        case addressListQuery:
            wsk_require_irql("SIO_ADDRESS_LIST_QUERY", UInt8(PASSIVE_LEVEL), nil)
            return AddressList.query(call)
        case addressListSort:
            wsk_require_irql("SIO_ADDRESS_LIST_SORT", UInt8(PASSIVE_LEVEL), nil)
            return AddressList.sort(call)
        case registerExtension: return Extensions.register(call)
        case loopbackFastPath: return (STATUS_SUCCESS, 0)
        default: return (STATUS_NOT_SUPPORTED, 0)
        }
    }

    /// SIO_WSK_SET_REMOTE_ADDRESS: the peer of a datagram socket; SIO_WSK_SET_SENDTO_ADDRESS: where datagrams go that name
    /// no destination. Without an address, none.
    private static func setDestination(
        _ call: ControlCall,
        _ irp: PIRP?,
        _ end: (NTSTATUS, UInt) -> NTSTATUS
    ) -> NTSTATUS {
        guard let irp, let operation = wsk_operation_of(irp) else { return STATUS_INVALID_PARAMETER }
        let socket = call.socket
        guard socket.pointee.category == UInt32(LAMINA_DATAGRAM) else { return end(STATUS_NOT_SUPPORTED, 0) }
        guard socket.has(WSK_IS_BOUND) else { return end(STATUS_INVALID_DEVICE_STATE, 0) }
        let isSendTo = call.code == setSendTo
        if call.input.isEmpty {
            operation.pointee.first = lamina_address()
        } else if !read(call.input, operation.place(\.first)) {
            return end(STATUS_INVALID_PARAMETER, 0)
        }
        operation.pointee.kind = Kind.setRemote.rawValue
        operation.pointee.argument.0 = call.input.isEmpty ? 0 : 1
        operation.pointee.argument.1 = UInt64(isSendTo ? WSK_HAS_SEND_TO : WSK_HAS_REMOTE)
        let flags = isSendTo ? UInt32(LAMINA_CONNECT_SEND_ONLY) : 0
        return Submission.run(irp) {
            lamina_socket_connect(socket.pointee.handle, operation.place(\.first), flags, $0)
        }
    }

    /// An address of a client's buffer, which must hold all of it.
    static func read(_ input: UnsafeRawBufferPointer, _ address: UnsafeMutablePointer<lamina_address>) -> Bool {
        guard input.count >= 2, let base = UnsafeMutableRawPointer(mutating: input.baseAddress) else { return false }
        let source = base.assumingMemoryBound(to: sockaddr.self)
        guard let length = Addresses.length(of: source), input.count >= length else { return false }
        return Addresses.read(source, address)
    }
}

/// SIO_WSK_REGISTER_EXTENSION: what a layer of the chain offers under the interface's name.
private enum Extensions {
    static func register(_ call: ControlCall) -> ControlResult {
        guard call.input.count >= MemoryLayout<WSK_EXTENSION_CONTROL_IN>.size,
            call.output.count >= MemoryLayout<WSK_EXTENSION_CONTROL_OUT>.size
        else { return (STATUS_INVALID_PARAMETER, 0) }
        let asked = call.input.loadUnaligned(as: WSK_EXTENSION_CONTROL_IN.self)
        guard let name = asked.NpiId else { return (STATUS_INVALID_PARAMETER, 0) }
        var own = lamina_extension(context: asked.ClientContext, dispatch: asked.ClientDispatch)
        var offered = lamina_extension()
        var operation = Control.operation(LAMINA_CONTROL_EXTENSION, 0, 0)
        let status = Identities.text(name.pointee).withCString { text in
            withUnsafePointer(to: &own) { own in
                withUnsafeMutablePointer(to: &offered) { offered in
                    operation.extension = text
                    operation.input = UnsafeRawPointer(own)
                    operation.input_length = MemoryLayout<lamina_extension>.size
                    operation.output = UnsafeMutableRawPointer(offered)
                    operation.output_capacity = MemoryLayout<lamina_extension>.size
                    return Control.attempt(call.socket, &operation).status
                }
            }
        }
        guard status >= 0 else { return (Control.status(status), 0) }
        return call.write(
            WSK_EXTENSION_CONTROL_OUT(ProviderContext: offered.context, ProviderDispatch: offered.dispatch)
        )
    }
}

/// UUIDs as text and as GUIDs.
enum Identities {
    /// A GUID as lower-case text.
    static func text(_ guid: GUID) -> String {
        func hex(_ value: UInt64, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: digits - text.count) + text
        }
        let tail = withUnsafeBytes(of: guid.Data4) { $0.reduce("") { $0 + hex(UInt64($1), 2) } }
        return "\(hex(UInt64(guid.Data1), 8))-\(hex(UInt64(guid.Data2), 4))-\(hex(UInt64(guid.Data3), 4))"
            + "-\(tail.prefix(4))-\(tail.dropFirst(4))"
    }

    /// A UUID's text as a GUID; zeroes where it isn't one.
    static func guid(_ text: String) -> GUID {
        let digits = text.compactMap(\.hexDigitValue)
        var guid = GUID()
        guard digits.count == 32 else { return guid }
        let bytes = stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
        guid.Data1 = bytes[0..<4].reduce(0) { $0 << 8 | UInt32($1) }
        guid.Data2 = bytes[4..<6].reduce(0) { $0 << 8 | UInt16($1) }
        guid.Data3 = bytes[6..<8].reduce(0) { $0 << 8 | UInt16($1) }
        withUnsafeMutableBytes(of: &guid.Data4) { $0.copyBytes(from: bytes[8...]) }
        return guid
    }
}
