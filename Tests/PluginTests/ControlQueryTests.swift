import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization
import TestSupport
import Testing

@Suite("What a socket is asked beside its data", .serialized)
struct ControlQueryTests {
    @Test(
        "The receive backlog counts what the transport holds and what an indication left",
        arguments: BaseProvider.allCases
    )
    func receiveBacklog(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        #expect(try pair.server.waiting.receiveBacklog() == 0)
        try pair.client.waiting.send([UInt8](repeating: 1, count: 700))
        let limit = soon()
        while try pair.server.waiting.receiveBacklog() < 700, clinux_monotonic() < limit { sched_yield() }
        #expect(try pair.server.waiting.receive(upTo: 100, deadline: soon()).count == 100)
        #expect(try pair.server.waiting.receiveBacklog() == 600)
        let client = EventClient()
        client.takeData = { _ in (0, 150) }
        try client.attach(to: pair.server)
        try pair.server.enable([LAMINA_INDICATION_RECEIVE])
        _ = try client.bytes(150)
        try pair.server.enable([], clear: [LAMINA_INDICATION_RECEIVE])
        #expect(try pair.server.waiting.receiveBacklog() == 450)
        let idle = #expect(throws: LaminaError.self) { try pair.listener.waiting.receiveBacklog() }
        #expect(idle?.errno == ENOTCONN)
        try pair.close()
    }

    @Test("The ideal send backlog is known once a connection stands", arguments: BaseProvider.allCases)
    func sendBacklog(base: BaseProvider) throws {
        let chain = try base.chain()
        let pair = try Pair(chain)
        #expect(try pair.client.waiting.idealSendBacklog() > 0)
        let (idle, datagram) = (try chain.open(.connection()), try chain.open(.datagram()))
        let early = #expect(throws: LaminaError.self) { try idle.waiting.idealSendBacklog() }
        #expect(early?.errno == ENOTCONN)
        let never = #expect(throws: LaminaError.self) { try datagram.waiting.idealSendBacklog() }
        #expect(never?.code == .notSupported)
        for socket in [idle, datagram] { try socket.waiting.close() }
        try pair.close()
    }

    @Test("An accepted socket tells which inspection it came from", arguments: BaseProvider.allCases)
    func inspection(base: BaseProvider) throws {
        let chain = try base.chain()
        let client = EventClient()
        let listener = try chain.open(.listen())
        try client.attach(to: listener)
        try listener.enable([LAMINA_INDICATION_INSPECT])
        try listener.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try listener.waiting.listen()
        var sockets: [Socket] = [listener]
        var ids: [lamina_inspect_id] = []
        for _ in 0..<3 {
            sockets.append(try chain.connect(to: try listener.waiting.localAddress()))
            ids.append(try client.inspection())
        }
        for id in ids {
            let accepted = try listener.waiting.accept(deadline: soon())
            let told = try accepted.waiting.inspection()
            #expect(told.key == id.key && told.serial == id.serial && id.serial != 0)
            sockets.append(accepted)
        }
        let none = #expect(throws: LaminaError.self) { try listener.waiting.inspection() }
        #expect(none?.errno == ENODATA)
        for socket in sockets { try socket.waiting.close() }
        let pair = try Pair(chain)
        #expect(throws: LaminaError.self) { try pair.server.waiting.inspection() }
        try pair.close()
    }

    @Test("An accepted socket has its listener's keep-alive and receive buffer", arguments: BaseProvider.allCases)
    func inherited(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.open(.listen())
        try listener.waiting.setOption(SOL_SOCKET, SO_KEEPALIVE, to: 1)
        try listener.waiting.setOption(SOL_SOCKET, SO_RCVBUF, to: 40_000)
        try listener.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try listener.waiting.listen()
        let client = try chain.connect(to: try listener.waiting.localAddress())
        let server = try listener.waiting.accept(deadline: soon())
        #expect(try server.waiting.option(SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(try client.waiting.option(SOL_SOCKET, SO_KEEPALIVE) == 0)
        #expect(
            try server.waiting.option(SOL_SOCKET, SO_RCVBUF) == listener.waiting.option(SOL_SOCKET, SO_RCVBUF)
        )
        for socket in [client, server, listener] { try socket.waiting.close() }
    }

    @Test("A socket for IPv6 alone leaves the port to IPv4", arguments: BaseProvider.allCases)
    func ipv6Only(base: BaseProvider) throws {
        let chain = try base.chain()
        let six = try chain.open(.datagram(AF_INET6))
        try six.waiting.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: 1)
        try six.waiting.bind(to: Address(host: "::", port: 0))
        let port = try #require(try six.waiting.localAddress().port)
        let four = try chain.open(.datagram())
        try four.waiting.bind(to: Address(host: "0.0.0.0", port: port))
        try four.waiting.close()
        let late = #expect(throws: LaminaError.self) {
            try six.waiting.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: 0)
        }
        #expect(late?.errno == EINVAL)
        try six.waiting.close()
    }

    @Test("The machine's addresses are listed by family and sorted for trying", arguments: BaseProvider.allCases)
    func addresses(base: BaseProvider) throws {
        let chain = try base.chain()
        let (four, six) = (try chain.open(.datagram()), try chain.open(.datagram(AF_INET6)))
        let list = try four.waiting.addressList()
        #expect(list.contains(Address(host: "127.0.0.1", port: 0)) && list.allSatisfy { $0.family == AF_INET })
        #expect(try six.waiting.addressList().allSatisfy { $0.family == AF_INET6 })
        let unsorted = [
            Address(host: "2001:db8::1", port: 80), Address(host: "127.0.0.1", port: 80),
            Address(host: "::1", port: 80),
        ]
        let sorted = try four.waiting.sorted(unsorted)
        #expect(Set(sorted) == Set(unsorted))
        // Of the two that both bases reach, the policy table prefers IPv6's.
        let six1 = try #require(sorted.firstIndex(of: Address(host: "::1", port: 80)))
        #expect(six1 < sorted.firstIndex(of: Address(host: "127.0.0.1", port: 80)) ?? 0)
        #expect(try four.waiting.sorted([]).isEmpty)
        for socket in [four, six] { try socket.waiting.close() }
    }

    @Test("A wait for other addresses ends by deadline, cancel and close", arguments: BaseProvider.allCases)
    func addressChange(base: BaseProvider) async throws {
        let chain = try base.chain()
        let socket = try chain.open(.datagram())
        let late = #expect(throws: LaminaError.self) {
            try socket.waiting.addressListChange(deadline: Deadline.after(milliseconds: 20))
        }
        #expect(late?.code == .timedOut)
        func waiter() -> Task<LaminaError?, Never> {
            Task {
                do throws(LaminaError) { try await socket.addressListChange() } catch { return error }
                return nil
            }
        }
        let task = waiter()
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        let left = waiter()
        while socket.handle.slot.pointee.column.pointee.pending == 0 { await Task.yield() }
        try await socket.closed()
        #expect(await left.value?.code == .cancelled)
    }

    @Test(
        "An extension is found by its UUID in either case, and its tables are exchanged",
        arguments: BaseProvider.allCases
    )
    func extensions(base: BaseProvider) throws {
        let chain = try chain(
            ("trace:file=/dev/null", Plugin.product("Trace")),
            ("extension", try Plugin.build("extension")),
            (base.description, Plugin.product(base == .kernel ? "Kernel" : "Memory"))
        )
        let pair = try Pair(chain)
        let told = Told()
        let own = lamina_extension(
            context: Unmanaged.passUnretained(told).toOpaque(),
            dispatch: UnsafeRawPointer(Self.client)
        )
        let uuid = "6F1C2D3E-4a5b-4c6d-8e7f-90a1b2c3d4e5"
        let offered = try pair.client.waiting.registerExtension(uuid, own: own)
        try pair.client.waiting.send([1, 2, 3, 4, 5])
        typealias Sent = @convention(c) (UnsafeMutableRawPointer?) -> UInt64
        let sent = try #require(offered.dispatch).load(as: Sent.self)
        #expect(sent(offered.context) == 5)
        let unknown = #expect(throws: LaminaError.self) {
            try pair.client.waiting.registerExtension("00000000-0000-0000-0000-000000000001", own: own)
        }
        #expect(unknown?.code == .notSupported)
        try pair.close()
        #expect(told.sent.load(ordering: .acquiring) == 5)
    }

    private final class Told: Sendable {
        let sent = Atomic<UInt64>(0)
    }

    private typealias Closed = @convention(c) (UnsafeMutableRawPointer?, UInt64) -> Void

    nonisolated(unsafe) private static let client: UnsafeMutablePointer<Closed> = {
        let table = UnsafeMutablePointer<Closed>.allocate(capacity: 1)
        table.initialize(to: { context, sent in
            guard let context else { return }
            Unmanaged<Told>.fromOpaque(context).takeUnretainedValue().sent.store(sent, ordering: .releasing)
        })
        return table
    }()

    /// A control operation that no socket can serve, and what it gets.
    struct Refusal: CustomTestStringConvertible, Sendable {
        let name: String
        let kind: Int
        var level = Int32(LAMINA_LEVEL)
        var code: Int32 = 0
        var input: (isThere: Bool, length: Int) = (true, 0)
        var output: (isThere: Bool, length: Int) = (true, 0)
        var category = SocketCategories.datagram
        let expected: [Int32]

        var testDescription: String { name }
    }

    static let refusals: [Refusal] = [
        Refusal(name: "unknown kind", kind: 77, expected: [EOPNOTSUPP]),
        Refusal(
            name: "unknown option",
            kind: LAMINA_CONTROL_GET_OPTION,
            code: 99,
            output: (true, 8),
            expected: [ENOPROTOOPT]
        ),
        Refusal(
            name: "option that can't be set",
            kind: LAMINA_CONTROL_SET_OPTION,
            code: 3,
            input: (true, 8),
            expected: [ENOPROTOOPT]
        ),
        Refusal(
            name: "unknown level",
            kind: LAMINA_CONTROL_SET_OPTION,
            level: 9_999,
            input: (true, 4),
            expected: [ENOPROTOOPT, EOPNOTSUPP]
        ),
        Refusal(
            name: "unknown ioctl",
            kind: LAMINA_CONTROL_IOCTL,
            level: 0,
            code: 0x1234,
            output: (true, 8),
            expected: [EOPNOTSUPP]
        ),
        Refusal(name: "unknown ioctl of Lamina's", kind: LAMINA_CONTROL_IOCTL, code: 99, expected: [EOPNOTSUPP]),
        Refusal(name: "no output", kind: LAMINA_CONTROL_GET_OPTION, code: 2, expected: [EINVAL]),
        Refusal(name: "short output", kind: LAMINA_CONTROL_GET_OPTION, code: 2, output: (true, 7), expected: [EINVAL]),
        Refusal(name: "null output", kind: LAMINA_CONTROL_GET_OPTION, code: 2, output: (false, 64), expected: [EINVAL]),
        Refusal(
            name: "null input",
            kind: LAMINA_CONTROL_SET_OPTION,
            level: SOL_SOCKET,
            code: SO_RCVBUF,
            input: (false, 4),
            expected: [EINVAL]
        ),
        Refusal(
            name: "short input",
            kind: LAMINA_CONTROL_SET_OPTION,
            level: SOL_SOCKET,
            code: SO_RCVBUF,
            input: (true, 3),
            expected: [EINVAL]
        ),
        Refusal(
            name: "half an address",
            kind: LAMINA_CONTROL_IOCTL,
            code: 3,
            input: (true, 100),
            output: (true, 100),
            expected: [EINVAL]
        ),
        Refusal(
            name: "no room for sorted addresses",
            kind: LAMINA_CONTROL_IOCTL,
            code: 3,
            input: (true, 264),
            output: (true, 100),
            expected: [ENOBUFS]
        ),
        Refusal(
            name: "no room for the address list",
            kind: LAMINA_CONTROL_IOCTL,
            code: 1,
            output: (true, 3),
            expected: [ENOBUFS]
        ),
        Refusal(
            name: "a destination of a connection",
            kind: LAMINA_CONTROL_GET_OPTION,
            code: 2,
            output: (true, 264),
            category: .connection,
            expected: [EOPNOTSUPP]
        ),
        Refusal(
            name: "extension without a name",
            kind: LAMINA_CONTROL_EXTENSION,
            output: (true, 16),
            expected: [EOPNOTSUPP]
        ),
    ]

    @Test("What can't be served is refused with its own error", arguments: BaseProvider.allCases, refusals)
    func refused(base: BaseProvider, refusal: Refusal) throws {
        let socket = try base.chain().open(refusal.category == .datagram ? .datagram() : .connection())
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 16)
        defer { room.deallocate() }
        room.initializeMemory(as: UInt8.self, repeating: 0)
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(refusal.kind)
        operation.level = refusal.level
        operation.code = UInt32(bitPattern: refusal.code)
        operation.input = refusal.input.isThere ? UnsafeRawPointer(room.baseAddress) : nil
        operation.input_length = refusal.input.length
        operation.output = refusal.output.isThere ? room.baseAddress : nil
        operation.output_capacity = refusal.output.length
        let error = #expect(throws: LaminaError.self) {
            try socket.waiting.perform("control") { lamina_socket_control(socket.handle, &operation, $0) }
        }
        #expect(refusal.expected.contains(error?.errno ?? 0), "\(error?.description ?? "")")
        try socket.waiting.close()
    }

    @Test("Unknown flags and wrong categories of connect are refused", arguments: BaseProvider.allCases)
    func destinations(base: BaseProvider) throws {
        let chain = try base.chain()
        let (datagram, connection) = (try chain.open(.datagram()), try chain.open(.connection()))
        func connect(_ socket: Socket, _ address: Address?, _ flags: Int) -> Int32? {
            let error = #expect(throws: LaminaError.self) {
                try socket.waiting.perform("connect") { request in
                    withUnsafePointer(to: address?.c ?? lamina_address()) {
                        lamina_socket_connect(socket.handle, $0, UInt32(flags), request)
                    }
                }
            }
            return error?.errno
        }
        let address = Address(host: "127.0.0.1", port: 9)
        #expect(connect(datagram, address, 2) == EINVAL)
        #expect(connect(connection, address, LAMINA_CONNECT_SEND_ONLY) == EINVAL)
        #expect(connect(connection, nil, 0) == EINVAL)
        #expect(connect(datagram, Address(host: "some.name", port: 9), LAMINA_CONNECT_SEND_ONLY) == EAFNOSUPPORT)
        for socket in [datagram, connection] { try socket.waiting.close() }
    }
}
