import CLamina
import CLinux
import Glibc
import Lamina

/// The services on the kernel base, on an engine that one thread runs.
final class LaminaServer: Server, @unchecked Sendable {
    // Its connections are used on the engine's thread alone.
    private let engine: Engine
    private let byIndications: Bool
    private var sockets: [Service: (socket: Socket, port: UInt16)] = [:]
    private var listeners: [Listener] = []
    private var datagrams: [LaminaDatagrams] = []
    private var thread: PinnedThread?
    private var isOver: UInt32 = 0

    /// Data come by indications, or by requests.
    init(byIndications: Bool) throws {
        self.byIndications = byIndications
        engine = try Engine()
        let chain = try Chain(
            layers: [],
            base: LayerSpecification(name: try LaminaLink.base()),
            catalog: Catalog(directories: []),
            engine: engine
        )
        for service in Service.allCases {
            let isDatagram = service == .datagrams || service == .datagramBatches
            let socket = try chain.open(isDatagram ? .datagram() : .listen())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            sockets[service] = (socket, try socket.waiting.localAddress().port ?? 0)
            if isDatagram {
                let echo = LaminaDatagrams(socket, batched: service == .datagramBatches)
                datagrams.append(echo)
                if byIndications, service == .datagrams { try echo.indicate() } else { echo.run() }
            } else {
                try socket.waiting.listen(backlog: 1024)
                let listener = Listener(service, byIndications: byIndications)
                listeners.append(listener)
                try listener.indicate(socket)
            }
        }
        thread = try PinnedThread(on: 0) {
            while clinux_load_u32(&self.isOver) == 0 { self.engine.run(timeout: 50_000_000) }
        }
    }

    func port(of service: Service) -> UInt16 { sockets[service]?.port ?? 0 }

    func stop() {
        for (socket, _) in sockets.values { try? socket.waiting.close() }
        clinux_store_u32(&isOver, 1)
        thread?.join()
        thread = nil
    }
}

/// Takes the connections of one service.
private final class Listener {
    private let service: Service
    private let byIndications: Bool

    init(_ service: Service, byIndications: Bool) {
        self.service = service
        self.byIndications = byIndications
    }

    func indicate(_ socket: Socket) throws {
        try socket.setIndications(Self.table, context: Unmanaged.passUnretained(self).toOpaque())
        try socket.waiting.perform("enable") {
            lamina_socket_enable_indications(socket.handle, 1 << UInt32(LAMINA_INDICATION_ACCEPT), 0, $0)
        }
    }

    private func accept(_ handle: lamina_socket) -> lamina_status {
        let connection = LaminaConnection(handle, service)
        if byIndications { return connection.indicate() }
        connection.run()
        return 0
    }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = .make { table in
        table.accept = { slot, event in
            guard let context = slot.pointee.context else { return -EAGAIN }
            let listener = Unmanaged<Listener>.fromOpaque(context).takeUnretainedValue()
            return listener.accept(
                lamina_socket(slot: event.pointee.accepted, generation: event.pointee.accepted_generation)
            )
        }
    }
}
