import CLamina
import CLinux
import Glibc

/// One entry with arguments that can be told again below: what a call brings, in memory that can be spoilt afterwards.
final class Ask {
    /// `LAMINA_ENTRY_…`.
    let entry: Int
    /// What a send brings, and what a receive's memory holds before.
    let payload: [UInt8]
    private let memory: UnsafeMutableRawBufferPointer
    private let poison: UnsafeMutableRawBufferPointer
    private let buffers = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 2)
    private let others = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 1)
    private let whole = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 1)
    private let addresses = UnsafeMutablePointer<lamina_address>.allocate(capacity: 2)
    private let messages = UnsafeMutablePointer<lamina_message>.allocate(capacity: 2)
    private let operation = UnsafeMutablePointer<lamina_operation>.allocate(capacity: 1)
    private let value = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    private let control = UnsafeMutableRawBufferPointer.allocate(byteCount: Ask.type.count, alignment: 8)

    /// An entry with `payload` in two buffers, for 192.0.2.7:`port` unless another address is given.
    init(_ entry: Int, payload: [UInt8] = Ask.marker, address: lamina_address? = nil, port: UInt16 = 4711) {
        self.entry = entry
        self.payload = payload
        memory = .allocate(byteCount: max(payload.count, 2), alignment: 16)
        poison = .allocate(byteCount: max(payload.count, 64), alignment: 16)
        memory.copyBytes(from: payload)
        poison.initializeMemory(as: UInt8.self, repeating: Self.spoilt)
        let split = min(3, payload.count)
        buffers[0] = lamina_buffer(base: memory.baseAddress, length: split)
        buffers[1] = lamina_buffer(base: memory.baseAddress.map { $0 + split }, length: payload.count - split)
        others[0] = lamina_buffer(base: memory.baseAddress, length: split)
        addresses.initialize(repeating: address ?? Self.address(port: port), count: 2)
        messages.initialize(repeating: lamina_message(), count: 2)
        for index in 0..<2 { messages[index].address = addresses + index }
        messages[0].buffers = UnsafePointer(buffers)
        messages[0].buffer_count = 2
        messages[1].buffers = UnsafePointer(others)
        messages[1].buffer_count = 1
        control.copyBytes(from: Self.type)
        if entry == LAMINA_ENTRY_SEND_TO {
            messages[0].control = control.baseAddress
            messages[0].control_length = control.count
        }
        value.initialize(to: 1)
        operation.initialize(to: lamina_operation())
        operation.pointee.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.pointee.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
        operation.pointee.level = SOL_SOCKET
        operation.pointee.code = UInt32(SO_KEEPALIVE)
        operation.pointee.input = UnsafeRawPointer(value)
        operation.pointee.input_length = MemoryLayout<Int32>.size
    }

    deinit {
        memory.deallocate()
        poison.deallocate()
        buffers.deallocate()
        others.deallocate()
        whole.deallocate()
        addresses.deallocate()
        messages.deallocate()
        operation.deallocate()
        value.deallocate()
        control.deallocate()
    }

    /// Bytes that nobody sends by chance.
    static let marker = Array("What is sent here is known from the first byte to the last one.".utf8)
    private static let spoilt: UInt8 = 0xDB

    /// Control data that change nothing: the usual type of service, as IP_TOS has it.
    private static let type: [UInt8] = {
        var bytes: [UInt8] = []
        for word in [UInt64(20)] { withUnsafeBytes(of: word) { bytes += $0 } }
        for word in [Int32(IPPROTO_IP), IP_TOS, 0, 0] { withUnsafeBytes(of: word) { bytes += $0 } }
        return bytes
    }()

    static func address(port: UInt16, host: UInt32 = 0xC000_0207) -> lamina_address {
        var address = lamina_address()
        address.form = UInt16(LAMINA_ADDRESS_SOCKET)
        address.length = UInt32(MemoryLayout<sockaddr_in>.size)
        address.storage.ipv4.sin_family = sa_family_t(AF_INET)
        address.storage.ipv4.sin_port = port.bigEndian
        address.storage.ipv4.sin_addr.s_addr = host.bigEndian
        return address
    }

    /// The entry's name.
    var name: String { EntryName.of(entry) }

    /// Makes the call, with `flags` for the lists of datagrams.
    func issue(_ socket: lamina_socket, _ request: Request, _ flags: UInt32 = 0) -> lamina_status {
        let count: UInt32 = 2
        switch entry {
        case Int(LAMINA_ENTRY_CONTROL): return lamina_socket_control(socket, operation, request)
        case Int(LAMINA_ENTRY_BIND): return lamina_socket_bind(socket, addresses, 0, request)
        case Int(LAMINA_ENTRY_LISTEN): return lamina_socket_listen(socket, 17, request)
        case Int(LAMINA_ENTRY_ACCEPT): return lamina_socket_accept(socket, addresses, addresses + 1, request)
        case Int(LAMINA_ENTRY_CONNECT): return lamina_socket_connect(socket, addresses, 0, request)
        case Int(LAMINA_ENTRY_CONNECT_WITH_DATA):
            return lamina_socket_connect_with_data(socket, addresses, buffers, count, 0, request)
        case Int(LAMINA_ENTRY_LOCAL_ADDRESS): return lamina_socket_local_address(socket, addresses, request)
        case Int(LAMINA_ENTRY_REMOTE_ADDRESS): return lamina_socket_remote_address(socket, addresses, request)
        case Int(LAMINA_ENTRY_SEND):
            return lamina_socket_send(socket, buffers, count, UInt32(LAMINA_SEND_NO_DELAY), request)
        case Int(LAMINA_ENTRY_RECEIVE): return lamina_socket_receive(socket, buffers, count, 0, request)
        case Int(LAMINA_ENTRY_SEND_TO): return lamina_socket_send_to(socket, messages, flags, request)
        case Int(LAMINA_ENTRY_RECEIVE_FROM): return lamina_socket_receive_from(socket, messages, flags, request)
        case Int(LAMINA_ENTRY_SEND_MESSAGES):
            return lamina_socket_send_messages(socket, messages, count, flags, request)
        case Int(LAMINA_ENTRY_RECEIVE_MESSAGES):
            return lamina_socket_receive_messages(socket, messages, count, flags, request)
        case Int(LAMINA_ENTRY_DISCONNECT): return lamina_socket_disconnect(socket, buffers, count, 0, request)
        default: return lamina_refuse(request, -EOPNOTSUPP)
        }
    }

    /// What arrives below when nobody changes it.
    var expected: Seen {
        var seen = Seen(entry)
        switch entry {
        case Int(LAMINA_ENTRY_CONTROL): seen.take(operation)
        case Int(LAMINA_ENTRY_BIND), Int(LAMINA_ENTRY_CONNECT): seen.take(addresses)
        case Int(LAMINA_ENTRY_LISTEN): seen.numbers = [17]
        case Int(LAMINA_ENTRY_CONNECT_WITH_DATA):
            seen.take(addresses)
            seen.take(buffers, 2)
        case Int(LAMINA_ENTRY_SEND):
            seen.flags = UInt32(LAMINA_SEND_NO_DELAY)
            seen.take(buffers, 2)
        case Int(LAMINA_ENTRY_DISCONNECT): seen.take(buffers, 2)
        case Int(LAMINA_ENTRY_RECEIVE): seen.takeRoom(buffers, 2)
        case Int(LAMINA_ENTRY_SEND_TO): seen.take(messages, 1)
        case Int(LAMINA_ENTRY_SEND_MESSAGES): seen.take(messages, 2)
        case Int(LAMINA_ENTRY_RECEIVE_FROM): seen.takeRoom(messages, 1)
        case Int(LAMINA_ENTRY_RECEIVE_MESSAGES): seen.takeRoom(messages, 2)
        default: break
        }
        return seen
    }

    /// Spoils what the caller need not keep once the call has returned: descriptors, addresses, input.
    func spoil() {
        // Lists of messages must live until completion, and what leads to their memory with them.
        guard entry != Int(LAMINA_ENTRY_SEND_MESSAGES), entry != Int(LAMINA_ENTRY_RECEIVE_MESSAGES) else { return }
        for index in 0..<2 { buffers[index] = lamina_buffer(base: poison.baseAddress, length: poison.count / 2) }
        value.pointee = -1
        control.initializeMemory(as: UInt8.self, repeating: Self.spoilt)
        operation.pointee.code = UInt32(SO_DEBUG)
        let isWritten = [LAMINA_ENTRY_ACCEPT, LAMINA_ENTRY_LOCAL_ADDRESS, LAMINA_ENTRY_REMOTE_ADDRESS]
            .contains { Int($0) == entry }
        guard !isWritten, entry != Int(LAMINA_ENTRY_RECEIVE_FROM) else { return }
        addresses[0] = Self.address(port: 9, host: 0xC633_6409)
        messages[0] = lamina_message()
    }

    /// Whether somebody wrote through a spoilt descriptor.
    var isPoisonTouched: Bool { poison.contains { $0 != Self.spoilt } }

    /// All of the memory behind one descriptor.
    var room: UnsafePointer<lamina_buffer> {
        whole[0] = lamina_buffer(base: memory.baseAddress, length: payload.count)
        return UnsafePointer(whole)
    }

    /// The memory that the descriptors named, as it is now.
    var content: [UInt8] { Array(memory.prefix(payload.count)) }
}

/// Names of entries.
enum EntryName {
    /// By `LAMINA_ENTRY_…`.
    static func of(_ entry: Int) -> String { String(cString: lamina_describe_entry(UInt32(entry)).pointee.name) }
}
