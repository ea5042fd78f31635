import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport

/// Many connections at once: one thread serves them all, sending back what comes, and another one has one byte under way
/// on each. By completion routines, by indications, and by an epoll loop on system calls.
struct Connections {
    private let settings: MeasurementSettings

    init(_ settings: MeasurementSettings) {
        self.settings = settings
    }

    func run() throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        var table = Table(
            "echo on many connections",
            columns: ["µs a trip", "trips a second", "of epoll"],
            digits: [2, 0, 2]
        )
        for count in [1, 64, 1024] {
            let loop = try EpollServer()
            let requests = try LaminaServer(byIndications: false)
            let indications = try LaminaServer(byIndications: true)
            let clients = try [loop.port, requests.port, indications.port].map {
                try EchoClient(port: $0, count: count)
            }
            let trips = settings.isQuick ? 2_000 : 20_000
            let times = try Samples.medians(
                of: clients.map { client in { try client.run(max(trips / count, 2)) } },
                rounds: settings.isQuick ? 5 : 15
            )
            let noun = "\(count) connection\(count == 1 ? "" : "s")"
            for (index, name) in ["epoll and system calls", "Lamina, requests", "Lamina, indications"].enumerated() {
                table.add("\(noun), \(name)", [times[index], 1e6 / times[index], times[0] / times[index]])
            }
            for client in clients { client.close() }
            loop.stop()
            requests.stop()
            indications.stop()
        }
        return [table]
    }
}

/// The side that begins: one thread with one byte under way on each of its connections.
private final class EchoClient {
    private let descriptors: [Int32]
    private let poll: Int32

    init(port: UInt16, count: Int) throws {
        poll = clinux_epoll_create()
        descriptors = try (0..<count).map { _ in try RawPair.connect(to: port) }
        for (index, descriptor) in descriptors.enumerated() {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = clinux_epoll_add(poll, descriptor, UInt32(clinux_epoll_in), UInt64(index))
        }
    }

    /// Microseconds a trip, where each connection makes so many.
    func run(_ trips: Int) throws -> Double {
        var rest = [Int](repeating: trips, count: descriptors.count)
        var left = trips * descriptors.count
        var byte: UInt8 = 7
        let begin = clinux_monotonic()
        for descriptor in descriptors { guard send(descriptor, &byte, 1, 0) == 1 else { throw RawPair.error("send") } }
        var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: 256)
        while left > 0 {
            let count = clinux_epoll_wait(poll, &events, 256, 20_000)
            guard count > 0 else { throw BenchmarkError("nothing comes back any more") }
            for event in events.prefix(Int(count)) {
                let index = Int(event.identity)
                guard recv(descriptors[index], &byte, 1, 0) == 1 else { throw RawPair.error("recv") }
                left -= 1
                rest[index] -= 1
                guard rest[index] > 0 else { continue }
                guard send(descriptors[index], &byte, 1, 0) == 1 else { throw RawPair.error("send") }
            }
        }
        return Double(clinux_monotonic() - begin) / Double(trips * descriptors.count) / 1000
    }

    func close() {
        for descriptor in descriptors { Glibc.close(descriptor) }
        Glibc.close(poll)
    }
}

/// What serves by system calls alone.
private final class EpollServer: @unchecked Sendable {
    // Used by its thread, and by `stop` once that has ended.
    let port: UInt16
    private let listener: Int32
    private let poll: Int32
    private let end: Int32
    private var thread = pthread_t()
    private var open: Set<Int32> = []

    init() throws {
        (listener, port) = try RawPair.listen()
        poll = clinux_epoll_create()
        end = clinux_eventfd()
        _ = clinux_epoll_add(poll, listener, UInt32(clinux_epoll_in), UInt64(listener))
        _ = clinux_epoll_add(poll, end, UInt32(clinux_epoll_in), UInt64(end))
        let own = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Processors.pin(to: 0)
                Unmanaged<EpollServer>.fromOpaque(context).takeRetainedValue().serve()
                return nil
            },
            own
        )
    }

    private func serve() {
        var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: 64)
        let room = UnsafeMutableRawPointer.allocate(byteCount: 65536, alignment: 64)
        defer { room.deallocate() }
        while true {
            let count = clinux_epoll_wait(poll, &events, 64, -1)
            for event in events.prefix(Int(max(count, 0))) {
                let descriptor = Int32(event.identity)
                if descriptor == end { return }
                if descriptor == listener {
                    let accepted = clinux_raw_accept(listener, nil, nil)
                    guard accepted >= 0 else { continue }
                    open.insert(accepted)
                    RawPair.sendAtOnce(accepted)
                    _ = clinux_epoll_add(poll, accepted, UInt32(clinux_epoll_in), UInt64(accepted))
                } else {
                    let count = recv(descriptor, room, 65536, 0)
                    if count > 0 { _ = send(descriptor, room, count, Int32(MSG_NOSIGNAL)) }
                    if count == 0 {
                        open.remove(descriptor)
                        close(descriptor)
                    }
                }
            }
        }
    }

    func stop() {
        clinux_eventfd_signal(end)
        pthread_join(thread, nil)
        for descriptor in open.union([listener, poll, end]) { close(descriptor) }
    }
}

/// What serves on the kernel base, on an engine that one thread runs.
private final class LaminaServer: @unchecked Sendable {
    // Its connections are used on the engine's thread alone.
    let port: UInt16
    private let engine: Engine
    private let listener: Socket
    private let byIndications: Bool
    private var thread = pthread_t()
    private var isOver: UInt32 = 0

    init(byIndications: Bool) throws {
        self.byIndications = byIndications
        engine = try Engine()
        let chain = try Chain(
            layers: [],
            base: LayerSpecification(name: try LaminaLink.base()),
            catalog: Catalog(directories: []),
            engine: engine
        )
        let listener = try chain.open(.listen())
        try listener.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try listener.waiting.listen(backlog: 1024)
        port = try listener.waiting.localAddress().port ?? 0
        self.listener = listener
        try listener.setIndications(Self.table, context: Unmanaged.passUnretained(self).toOpaque())
        try listener.waiting.perform("enable") {
            lamina_socket_enable_indications(listener.handle, 1 << UInt32(LAMINA_INDICATION_ACCEPT), 0, $0)
        }
        let own = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Processors.pin(to: 0)
                let server = Unmanaged<LaminaServer>.fromOpaque(context).takeRetainedValue()
                while clinux_load_u32(&server.isOver) == 0 { server.engine.run(timeout: 50_000_000) }
                return nil
            },
            own
        )
    }

    func stop() {
        clinux_store_u32(&isOver, 1)
        listener.close()
        pthread_join(thread, nil)
    }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = {
        let table = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        table.initialize(to: lamina_indications())
        table.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.accept = { slot, event in
            guard let context = slot.pointee.context else { return -EAGAIN }
            let server = Unmanaged<LaminaServer>.fromOpaque(context).takeUnretainedValue()
            let handle = lamina_socket(slot: event.pointee.accepted, generation: event.pointee.accepted_generation)
            let connection = EchoConnection(handle)
            return server.byIndications ? connection.indicate(LaminaServer.table) : connection.receive()
        }
        table.pointee.receive = { slot, event in
            guard let context = slot.pointee.context, let node = event.pointee.data else { return -EAGAIN }
            Unmanaged<EchoConnection>.fromOpaque(context).takeUnretainedValue().echo(node.pointee.buffer)
            return 0
        }
        table.pointee.disconnect = { slot, _ in
            guard let context = slot.pointee.context else { return 0 }
            Unmanaged<EchoConnection>.fromOpaque(context).takeUnretainedValue().close()
            return 0
        }
        return UnsafePointer(table)
    }()
}

/// One accepted connection.
private final class EchoConnection {
    private let socket: lamina_socket
    private let room = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 16)
    private let receiving = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private let sending = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)

    /// Lives until its close has completed.
    init(_ socket: lamina_socket) {
        self.socket = socket
        _ = Unmanaged.passRetained(self)
        var on: Int32 = 1
        withUnsafePointer(to: &on) { on in
            var operation = lamina_operation()
            operation.size = UInt32(MemoryLayout<lamina_operation>.size)
            operation.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
            operation.level = Int32(IPPROTO_TCP)
            operation.code = UInt32(TCP_NODELAY)
            operation.input = UnsafeRawPointer(on)
            operation.input_length = MemoryLayout<Int32>.size
            lamina_request_prepare(sending, nil, nil)
            _ = lamina_socket_control(socket, &operation, sending)
        }
    }

    private var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    func indicate(_ table: UnsafePointer<lamina_indications>) -> lamina_status {
        guard let named = try? Socket(handle: socket), (try? named.setIndications(table, context: context)) != nil
        else {
            return -EAGAIN
        }
        let wanted: UInt32 = 1 << UInt32(LAMINA_INDICATION_RECEIVE) | 1 << UInt32(LAMINA_INDICATION_DISCONNECT)
        lamina_request_prepare(receiving, nil, nil)
        return lamina_socket_enable_indications(socket, wanted, 0, receiving)
    }

    /// Receives the next bytes, which are sent back when they have come.
    func receive() -> lamina_status {
        var buffer = lamina_buffer(base: room, length: 4096)
        lamina_request_prepare(
            receiving,
            { _, request, context in
                guard let context else { return 0 }
                let connection = Unmanaged<EchoConnection>.fromOpaque(context).takeUnretainedValue()
                guard request.pointee.status == 0, request.pointee.bytes > 0 else {
                    connection.close()
                    return 0
                }
                connection.echo(lamina_buffer(base: connection.room, length: Int(request.pointee.bytes)))
                _ = connection.receive()
                return 0
            },
            context
        )
        _ = lamina_socket_receive(socket, &buffer, 1, 0, receiving)
        return 0
    }

    /// One byte a time is under way, so that a send never waits.
    func echo(_ bytes: lamina_buffer) {
        var bytes = bytes
        lamina_request_prepare(sending, nil, nil)
        sending.pointee.flags = UInt32(LAMINA_REQUEST_TRY)
        _ = lamina_socket_send(socket, &bytes, 1, 0, sending)
    }

    func close() {
        lamina_request_prepare(
            sending,
            { _, _, context in
                guard let context else { return 0 }
                let connection = Unmanaged<EchoConnection>.fromOpaque(context).takeRetainedValue()
                connection.room.deallocate()
                connection.receiving.deallocate()
                return 0
            },
            context
        )
        _ = Socket.close(socket, sending)
    }
}
