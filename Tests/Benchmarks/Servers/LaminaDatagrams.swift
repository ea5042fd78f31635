import CLamina
import Glibc
import Lamina

/// Sends datagrams back: one a call, or as many as there are.
final class LaminaDatagrams: RequestLoop {
    private let socket: Socket
    private let isBatched: Bool
    private let messages: UnsafeMutablePointer<lamina_message>
    private let buffers: UnsafeMutablePointer<lamina_buffer>
    private let addresses: UnsafeMutablePointer<lamina_address>
    private let bytes: UnsafeMutableRawPointer
    private let answer = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private static let size = 2048

    init(_ socket: Socket, batched: Bool) {
        self.socket = socket
        isBatched = batched
        let count = batched ? Service.batch : 1
        messages = .allocate(capacity: count)
        buffers = .allocate(capacity: count)
        addresses = .allocate(capacity: count)
        bytes = .allocate(byteCount: count * Self.size, alignment: 64)
        for index in 0..<count {
            (buffers + index).initialize(to: lamina_buffer(base: bytes + index * Self.size, length: Self.size))
            (addresses + index).initialize(to: lamina_address())
            var message = lamina_message()
            message.buffers = UnsafePointer(buffers + index)
            message.buffer_count = 1
            message.address = addresses + index
            (messages + index).initialize(to: message)
        }
    }

    override func issue() {
        if isBatched {
            for index in 0..<Service.batch { buffers[index].length = Self.size }
            _ = lamina_socket_receive_messages(socket.handle, messages, UInt32(Service.batch), 0, request)
        } else {
            buffers.pointee.length = Self.size
            _ = lamina_socket_receive_from(socket.handle, messages, 0, request)
        }
    }

    override func handle() -> Bool {
        guard request.pointee.status == 0 else { return false }
        lamina_request_prepare(answer, nil, nil)
        answer.pointee.flags = UInt32(LAMINA_REQUEST_TRY)
        if isBatched {
            let count = Int(request.pointee.bytes)
            for index in 0..<count { buffers[index].length = Int(messages[index].bytes) }
            _ = lamina_socket_send_messages(socket.handle, messages, UInt32(count), 0, answer)
        } else {
            buffers.pointee.length = Int(request.pointee.bytes)
            _ = lamina_socket_send_to(socket.handle, messages, 0, answer)
        }
        return true
    }

    /// Sends back, one by one, what is indicated.
    func indicate() throws {
        try socket.setIndications(Self.table, context: Unmanaged.passUnretained(self).toOpaque())
        try socket.waiting.perform("enable") {
            lamina_socket_enable_indications(socket.handle, 1 << UInt32(LAMINA_INDICATION_RECEIVE_FROM), 0, $0)
        }
    }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = .make { table in
        table.receive_from = { slot, event in
            guard let context = slot.pointee.context else { return -EAGAIN }
            let own = Unmanaged<LaminaDatagrams>.fromOpaque(context).takeUnretainedValue()
            var node = event.pointee.datagrams
            while let data = node {
                own.send(data)
                node = data.pointee.next
            }
            return 0
        }
    }

    private func send(_ data: UnsafeMutablePointer<lamina_data>) {
        var message = lamina_message()
        withUnsafePointer(to: data.pointee.buffer) { buffer in
            message.buffers = buffer
            message.buffer_count = 1
            message.address = UnsafeMutablePointer(mutating: data.pointee.address)
            lamina_request_prepare(answer, nil, nil)
            answer.pointee.flags = UInt32(LAMINA_REQUEST_TRY)
            _ = lamina_socket_send_to(socket.handle, &message, 0, answer)
        }
    }

    deinit {
        messages.deallocate()
        buffers.deallocate()
        addresses.deallocate()
        bytes.deallocate()
        answer.deallocate()
    }
}
