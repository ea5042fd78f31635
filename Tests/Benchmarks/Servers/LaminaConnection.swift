import CLamina
import Glibc
import Lamina

/// One connection of the server on Lamina, which lives until its close has completed.
final class LaminaConnection: RequestLoop {
    private let socket: lamina_socket
    private let service: Service
    private let room: UnsafeMutableRawBufferPointer
    private let answer = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private var gift: Gift?
    private var isClosing = false
    /// Bytes that are still to come.
    private var rest = 0

    init(_ socket: lamina_socket, _ service: Service) {
        self.socket = socket
        self.service = service
        // Each connection has a buffer of its own for the receive that waits.
        room = .allocate(byteCount: service == .echo ? 4096 : Service.blockSize, alignment: 64)
        super.init()
        if service == .give { gift = Gift(socket, room) }
        _ = Unmanaged.passRetained(self)
        sendAtOnce()
    }

    private func sendAtOnce() {
        var on: Int32 = 1
        withUnsafePointer(to: &on) { on in
            var operation = lamina_operation()
            operation.size = UInt32(MemoryLayout<lamina_operation>.size)
            operation.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
            operation.level = Int32(IPPROTO_TCP)
            operation.code = UInt32(TCP_NODELAY)
            operation.input = UnsafeRawPointer(on)
            operation.input_length = MemoryLayout<Int32>.size
            lamina_request_prepare(answer, nil, nil)
            _ = lamina_socket_control(socket, &operation, answer)
        }
    }

    private var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    // MARK: - By requests

    override func issue() {
        var buffer = lamina_buffer(base: room.baseAddress, length: room.count)
        _ = lamina_socket_receive(socket, &buffer, 1, 0, request)
    }

    override func handle() -> Bool {
        guard request.pointee.status == 0, request.pointee.bytes > 0 else {
            close()
            return false
        }
        take(lamina_buffer(base: room.baseAddress, length: Int(request.pointee.bytes)))
        return true
    }

    // MARK: - By indications

    func indicate() -> lamina_status {
        guard let named = try? Socket(handle: socket), (try? named.setIndications(Self.table, context: context)) != nil
        else { return -EAGAIN }
        let wanted: UInt32 = 1 << UInt32(LAMINA_INDICATION_RECEIVE) | 1 << UInt32(LAMINA_INDICATION_DISCONNECT)
        lamina_request_prepare(request, nil, nil)
        return lamina_socket_enable_indications(socket, wanted, 0, request)
    }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = .make { table in
        table.receive = { slot, event in
            guard let context = slot.pointee.context else { return -EAGAIN }
            let connection = Unmanaged<LaminaConnection>.fromOpaque(context).takeUnretainedValue()
            var node = event.pointee.data
            while let data = node {
                connection.take(data.pointee.buffer)
                node = data.pointee.next
            }
            return 0
        }
        table.disconnect = { slot, _ in
            guard let context = slot.pointee.context else { return 0 }
            Unmanaged<LaminaConnection>.fromOpaque(context).takeUnretainedValue().close()
            return 0
        }
    }

    // MARK: - Both

    private func take(_ bytes: lamina_buffer) {
        switch service {
        case .take:
            rest -= bytes.length
            if rest <= -Service.headSize, let base = bytes.base {
                rest += base.loadUnaligned(as: Int.self) + Service.headSize
            }
            if rest == 0 { send(lamina_buffer(base: bytes.base, length: 1)) }
        case .give:
            guard let base = bytes.base else { return }
            gift?.begin(base.loadUnaligned(as: Int.self))
        default:
            send(bytes)
        }
    }

    /// Little is under way at a time, so that it never waits.
    private func send(_ bytes: lamina_buffer) {
        var bytes = bytes
        lamina_request_prepare(answer, nil, nil)
        answer.pointee.flags = UInt32(LAMINA_REQUEST_TRY)
        _ = lamina_socket_send(socket, &bytes, 1, 0, answer)
    }

    private func close() {
        guard !isClosing else { return }
        isClosing = true
        lamina_request_prepare(
            answer,
            { _, _, context in
                if let context { Unmanaged<LaminaConnection>.fromOpaque(context).release() }
                return 0
            },
            context
        )
        _ = Socket.close(socket, answer)
    }

    deinit {
        room.deallocate()
        answer.deallocate()
    }
}

/// Sends as many bytes as are wanted, a block a request.
private final class Gift: RequestLoop {
    private let socket: lamina_socket
    private let block: UnsafeMutableRawBufferPointer
    private var rest = 0

    init(_ socket: lamina_socket, _ block: UnsafeMutableRawBufferPointer) {
        self.socket = socket
        self.block = block
    }

    func begin(_ count: Int) {
        rest = count
        run()
    }

    override func issue() {
        var buffer = lamina_buffer(base: block.baseAddress, length: min(rest, block.count))
        _ = lamina_socket_send(socket, &buffer, 1, 0, request)
    }

    override func handle() -> Bool {
        rest -= Int(request.pointee.bytes)
        return request.pointee.status == 0 && rest > 0
    }
}

extension UnsafePointer<lamina_indications> {
    /// A table that is never freed.
    static func make(_ fill: (inout lamina_indications) -> Void) -> Self {
        let table = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        table.initialize(to: lamina_indications())
        table.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        fill(&table.pointee)
        return UnsafePointer(table)
    }
}
