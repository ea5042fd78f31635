import CLamina
import Glibc
import Lamina

/// What a read or a write came to.
enum Transfer {
    /// So many bytes; 0 of a receive is the end of the stream.
    case done(Int)
    /// The owner is told later.
    case pending
    /// An errno.
    case failed(Int32)

    init(_ end: (status: lamina_status, bytes: Int)) {
        self = end.status < 0 ? .failed(-end.status) : .done(end.bytes)
    }
}

/// Hears of transfers that were pending.
protocol ChainConnectionOwner: AnyObject {
    /// A pending send ended; never `pending`.
    func sent(_ transfer: Transfer)
    /// A pending receive ended; never `pending`.
    func received(_ transfer: Transfer)
}

/// The far end of a pumped socket: a connection through the chain. One send and one receive at a time, all on the
/// thread of the worker's loop.
final class ChainConnection: @unchecked Sendable {
    /// Who is told of what was pending; nobody once it is closed.
    weak var owner: (any ChainConnectionOwner)?
    /// The address that the chain connected from, where it has one.
    let localAddress: Endpoint?

    private let handle: lamina_socket
    private let chain: Chain
    private let loop: EventLoop
    private let sockets: OpenSockets
    private let sending: ChainOperation
    private let receiving: ChainOperation
    private let ending: ChainOperation
    /// Where a pending receive puts its bytes.
    private var room: UnsafeMutableRawBufferPointer?
    private var isRenewing = false
    private var isInterrupted = false

    /// Takes over a connected socket.
    init(_ handle: lamina_socket, _ chain: Chain, _ loop: EventLoop, _ sockets: OpenSockets, localAddress: Endpoint?) {
        self.handle = handle
        self.chain = chain
        self.loop = loop
        self.sockets = sockets
        self.localAddress = localAddress
        sending = ChainOperation(loop)
        receiving = ChainOperation(loop)
        ending = ChainOperation(loop)
        sockets.add(self)
    }

    /// Sends `bytes`, which must stay valid while the send is pending.
    func send(_ bytes: UnsafeRawBufferPointer, isUrgent: Bool = false) -> Transfer {
        var buffer = lamina_buffer(base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), length: bytes.count)
        let (flags, count) = (isUrgent ? UInt32(LAMINA_SEND_URGENT) : 0, bytes.count)
        let end = sending.start({ lamina_socket_send(handle, &buffer, 1, flags, $0) }) { [self] status, bytes in
            owner?.sent(sent((status, min(bytes, count))))
        }
        return end.map { sent(($0.status, min($0.bytes, count))) } ?? .pending
    }

    /// Receives into `bytes`, which must stay valid while the receive is pending.
    func receive(into bytes: UnsafeMutableRawBufferPointer) -> Transfer {
        var buffer = lamina_buffer(base: bytes.baseAddress, length: bytes.count)
        room = bytes
        let end = receiving.start({ lamina_socket_receive(handle, &buffer, 1, 0, $0) }) { [self] status, bytes in
            receiveEnded(status, min(bytes, room?.count ?? 0))
        }
        guard let end else { return .pending }
        room = nil
        return received((end.status, min(end.bytes, bytes.count)))
    }

    private func receiveEnded(_ status: lamina_status, _ bytes: Int) {
        let room = room
        let isAgain = isRenewing && status == -ECANCELED
        let isEarly = isInterrupted && status == -ECANCELED
        (self.room, isRenewing, isInterrupted) = (nil, false, false)
        guard let owner else { return }
        if isEarly { return owner.received(.failed(EINTR)) }
        guard isAgain, let room else { return owner.received(received((status, bytes))) }
        let transfer = receive(into: room)
        if case .pending = transfer { return }
        owner.received(transfer)
    }

    /// Makes a receive that is pending anew, so that it goes the way that calls go by now. What has come in between is
    /// received.
    func renew() {
        guard room != nil, !isRenewing else { return }
        isRenewing = true
        receiving.cancel(on: handle)
    }

    /// Ends a receive that is pending, of which the owner hears: `failed` with EINTR, or what has come meanwhile.
    func interrupt() {
        guard room != nil else { return }
        isInterrupted = true
        receiving.cancel(on: handle)
    }

    private func sent(_ end: (status: lamina_status, bytes: Int)) -> Transfer {
        if end.status >= 0 { sockets.sent += UInt64(end.bytes) }
        return Transfer(end)
    }

    private func received(_ end: (status: lamina_status, bytes: Int)) -> Transfer {
        if end.status >= 0 { sockets.received += UInt64(end.bytes) }
        return Transfer(end)
    }

    /// The base's descriptor; -1 where it has none, or a level keeps it to itself.
    lazy var descriptor: Int32 = {
        let value = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        value.initialize(to: -1)
        var option = lamina_operation()
        option.size = UInt32(MemoryLayout<lamina_operation>.size)
        option.kind = UInt32(LAMINA_CONTROL_GET_OPTION)
        option.level = Int32(LAMINA_LEVEL)
        option.code = UInt32(LAMINA_OPTION_DESCRIPTOR)
        option.output = UnsafeMutableRawPointer(value)
        option.output_capacity = MemoryLayout<Int32>.size
        let question = ChainOperation(loop)
        let end = question.start({ lamina_socket_control(handle, &option, $0) }) { _, _ in value.deallocate() }
        guard let end else { return -1 }
        defer { value.deallocate() }
        return end.status < 0 ? -1 : value.pointee
    }()

    /// Receives the urgent byte, if it is there: `failed` with EAGAIN or EINVAL where it isn't.
    func receiveUrgent(into byte: UnsafeMutableRawBufferPointer) -> Transfer {
        var buffer = lamina_buffer(base: byte.baseAddress, length: 1)
        let flags = UInt32(LAMINA_RECEIVE_URGENT)
        let end = receiving.start({ request in
            request.pointee.flags |= UInt32(LAMINA_REQUEST_TRY)
            return lamina_socket_receive(handle, &buffer, 1, flags, request)
        }) { [self] status, bytes in
            owner?.received(Transfer((status, bytes)))
        }
        return end.map(Transfer.init) ?? .pending
    }

    /// Ends the sending direction. Call it when no send is pending.
    func finishSending() {
        ending.run({ lamina_socket_disconnect(handle, nil, 0, 0, $0) }) { [self] status, _ in
            if status < 0 { owner?.sent(.failed(-status)) }
        }
    }

    /// Closes, with a reset if `abort`. The owner hears no more of it; its buffers are free when `done` runs.
    func close(abort: Bool, done: @escaping () -> Void) {
        owner = nil
        sockets.remove(self)
        let end = End(loop) { [sockets] in
            done()
            sockets.closed()
        }
        guard abort else { return chain.close(handle) { _ in end.run() } }
        let reset = ChainOperation(loop)
        reset.run({ lamina_socket_disconnect(handle, nil, 0, UInt32(LAMINA_DISCONNECT_ABORTIVE), $0) }) { [self] _, _ in
            chain.close(handle) { _ in end.run() }
        }
    }

    /// What runs on the loop's thread when the socket has closed.
    private final class End: @unchecked Sendable {
        // Made on the loop's thread, and its action runs there.
        private let loop: EventLoop
        private let action: () -> Void

        init(_ loop: EventLoop, _ action: @escaping () -> Void) {
            self.loop = loop
            self.action = action
        }

        func run() { loop.enter(action) }
    }
}
