import CLamina
import Glibc
import Lamina

/// A connect on its way through the chain: the socket is opened, bound if the program's is, and connected.
final class ChainDial {
    private let chain: Chain
    private let loop: EventLoop
    private let sockets: OpenSockets
    private let request: ConnectRequest
    private let operation: ChainOperation
    private let completion: (ConnectOutcome) -> Void
    private var direct: DirectConnect?
    private var isDecided = false
    private var isCancelled = false
    private var socket: lamina_socket?

    init(
        _ chain: Chain,
        _ loop: EventLoop,
        _ sockets: OpenSockets,
        _ request: ConnectRequest,
        way: Passage.Way,
        completion: @escaping (ConnectOutcome) -> Void
    ) {
        self.chain = chain
        self.loop = loop
        self.sockets = sockets
        self.request = request
        self.completion = completion
        operation = ChainOperation(loop)
        if way != .pumped {
            direct = DirectConnect(
                family: request.destination.family,
                isLent: way == .lent,
                loop
            ) { [weak self] address in self?.offer(address) }
        }
    }

    /// Begins; the completion may run inside.
    func start() {
        var arguments = lamina_open_arguments()
        arguments.family = request.family
        arguments.type = 1
        arguments.category = UInt32(LAMINA_CONNECTION)
        arguments.reserved.0 = direct.map { RunLayer.mark($0) } ?? 0
        operation.run({ chain.open(arguments, origin: request.origin, request: $0) }) { [self] status, _ in
            opened(status)
        }
    }

    /// Gives the connect up: the completion does not run any more.
    func cancel() {
        isCancelled = true
        close()
    }

    private func opened(_ status: lamina_status) {
        guard status >= 0, let handle = operation.socket else { return end(refused(status)) }
        socket = handle
        sockets.opened()
        if isCancelled { return close() }
        // The program's own socket has its port already.
        guard direct == nil, let local = request.local?.unmapped else { return connect(handle) }
        guard local.port != 0 else { return bind(handle, to: local) }
        // The program's socket has the port too, and allows this while its connect lasts.
        allowReuse(handle) { [self] in bind(handle, to: local) }
    }

    private func allowReuse(_ handle: lamina_socket, done: @escaping () -> Void) {
        let on = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        on.initialize(to: 1)
        var option = lamina_operation()
        option.size = UInt32(MemoryLayout<lamina_operation>.size)
        option.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
        option.level = SOL_SOCKET
        option.code = UInt32(SO_REUSEADDR)
        option.input = UnsafeRawPointer(on)
        option.input_length = MemoryLayout<Int32>.size
        operation.run({ lamina_socket_control(handle, &option, $0) }) { _, _ in
            on.deallocate()
            // A base without the option says at the bind whether it can.
            done()
        }
    }

    private func bind(_ handle: lamina_socket, to local: Endpoint) {
        if isCancelled { return }
        var address = local.lamina
        operation.run({ lamina_socket_bind(handle, &address, 0, $0) }) { [self] status, _ in
            status < 0 ? end(refused(status)) : connect(handle)
        }
    }

    private func connect(_ handle: lamina_socket) {
        if isCancelled { return }
        var address = request.address
        operation.run({ lamina_socket_connect(handle, &address, 0, $0) }) { [self] status, _ in
            connected(handle, status)
        }
    }

    /// The connect has come to the end of the chain, which leaves it to the program.
    private func offer(_ address: Endpoint) {
        guard !isCancelled, !isDecided, let direct else { return }
        if direct.isLent { return lend(direct, address) }
        isDecided = true
        sockets.direct += 1
        guard direct.isHeard(besides: operation) else {
            completion(.direct(address, ended: nil))
            return direct.end(0)
        }
        let ended = { [self] (error: Int32?) in
            if isCancelled { return }
            isDecided = !DirectConnect.isFailure(error)
            direct.end(error)
        }
        completion(.direct(address, ended: ended))
    }

    /// The same, but the chain has something to say on the program's socket before it has connected.
    private func lend(_ direct: DirectConnect, _ address: Endpoint) {
        let ended = { [self] (error: Int32, descriptor: Int32) in
            if error == 0, !isCancelled { return direct.lend(descriptor) }
            if descriptor >= 0 { Glibc.close(descriptor) }
            if !isCancelled { direct.end(error) }
        }
        completion(.lent(address, ended: ended))
    }

    private func connected(_ handle: lamina_socket, _ status: lamina_status) {
        if isCancelled { return }
        // What is left of a direct one is to tell the layers; the data are not theirs.
        if isDecided { return close() }
        if status < 0 { return end(refused(status)) }
        if direct?.hasLent == true {
            sockets.direct += 1
            return end(.ready)
        }
        let address = UnsafeMutablePointer<lamina_address>.allocate(capacity: 1)
        address.initialize(to: lamina_address())
        operation.run({ lamina_socket_local_address(handle, address, $0) }) { [self] status, _ in
            let local = status < 0 ? nil : Endpoint(address.pointee)
            address.deallocate()
            if isCancelled { return }
            socket = nil
            end(.connected(ChainConnection(handle, chain, loop, sockets, localAddress: local)))
        }
    }

    private func refused(_ status: lamina_status) -> ConnectOutcome { .refused(-status, by: operation.failedLevel) }

    private func end(_ outcome: ConnectOutcome) {
        defer { close() }
        guard !isCancelled, !isDecided else { return }
        isDecided = true
        completion(outcome)
    }

    private func close() {
        guard let handle = socket else { return }
        socket = nil
        let keeper = Keeper(self)
        chain.close(handle) { _ in keeper.release() }
    }

    /// Keeps the dial, and what its levels point to, until its socket has closed.
    private final class Keeper: @unchecked Sendable {
        // Released once, by the end of the close, on the loop's thread.
        private var dial: ChainDial?
        private let loop: EventLoop

        init(_ dial: ChainDial) {
            self.dial = dial
            loop = dial.loop
        }

        func release() {
            loop.enter {
                self.dial?.sockets.closed()
                self.dial = nil
            }
        }
    }
}
