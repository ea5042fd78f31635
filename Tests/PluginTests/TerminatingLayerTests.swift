import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Terminating layers in Swift over the SDK")
struct TerminatingLayerTests {
    /// The level below that says which columns were opened and closed.
    let below = LayerOutput.label("ledger")

    init() { LayerOutput.capture() }

    // MARK: - Fail-over

    /// A chain of the example `Failover` over a base, with what stands between them, and a level that counts columns.
    private func failover(
        to places: [Address],
        over base: BaseProvider,
        _ between: (layer: String, file: String)...
    ) throws -> Chain {
        let others = places.map { "to=[\($0)]" }.joined(separator: ",")
        return try chain(
            [
                ("failover:\(others)", try SwiftPlugin.build("Examples/Layers/Failover")),
                ("ledger=\(below)", try SwiftPlugin.build("Fixtures/layers/Ledger")),
            ] + between + [(base.description, "\(PackageTree.products)/\(base.rawValue)")]
        )
    }

    private func chain(_ parts: [(layer: String, file: String)]) throws -> Chain {
        try Chain(parts.map { (try LayerSpecification(parsing: $0.layer), try Library.load($0.file).provider()) })
    }

    /// A place that refuses: its port is taken, and nobody listens.
    private func refusing(_ base: BaseProvider) throws -> (socket: Socket, place: Address) {
        let socket = try base.chain().open(.connection())
        try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        return (socket, try socket.waiting.localAddress())
    }

    /// Waits until all columns below that were opened are gone, each once, and gives how many there were.
    private func columnsBelow() async throws -> Int {
        let deadline = soon()
        while true {
            let lines = LayerOutput.lines(of: below)
            let (made, gone) = (numbers(of: "made", lines), numbers(of: "gone", lines))
            if made == gone { return made.count }
            try #require(clinux_monotonic() < deadline, "\(lines)")
            await Task.yield()
        }
    }

    private func numbers(of word: String, _ lines: [String]) -> [Substring] {
        lines.map { $0.split(separator: " ") }.filter { $0[0] == word }.map { $0[1] }.sorted()
    }

    /// Waits until so many columns have been opened below, or are gone.
    private func wait(forColumns count: Int, _ word: String = "made") throws {
        let deadline = soon()
        while numbers(of: word, LayerOutput.lines(of: below)).count < count {
            try #require(clinux_monotonic() < deadline)
            sched_yield()
        }
    }

    @Test("The example is the lines that say what it does")
    func length() throws {
        let source = try readAll("\(PackageTree.root)/Tests/Examples/Layers/Failover.swift")
        #expect(source.count { $0 == UInt8(ascii: "\n") } <= 60)
    }

    @Test("A type that conforms is a terminating provider, whose sockets go to no other process")
    func descriptor() throws {
        let manifest = try Library.load(try SwiftPlugin.build("Examples/Layers/Failover")).provider().manifest
        #expect(manifest.kind == .terminating)
        #expect(manifest.handoff == .none)
        let instance = try failover(to: [anywhere], over: .memory).instances[0]
        #expect(instance.entryNames == ["open", "close", "connect"])
    }

    @Test("Where the first place answers, its column is the socket's", arguments: BaseProvider.allCases)
    func firstWorks(base: BaseProvider) async throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let (holder, refusing) = try refusing(base)
        let chain = try failover(to: [refusing], over: base)
        let socket = try chain.connect(to: try listener.waiting.localAddress(), deadline: soon())
        try exchange(socket, listener)
        for socket in [socket, holder, listener] { try socket.waiting.close() }
        #expect(try await columnsBelow() == 1)
    }

    @Test("Where places refuse, the next one's column is the socket's", arguments: BaseProvider.allCases, 1...2)
    func nextWorks(base: BaseProvider, dead: Int) async throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let open = try listener.waiting.localAddress()
        let refused = try (0..<dead).map { _ in try refusing(base) }
        let chain = try failover(to: refused.dropFirst().map(\.place) + [open], over: base)
        let socket = try chain.connect(to: refused[0].place, deadline: soon())
        #expect(try socket.waiting.remoteAddress() == open)
        try exchange(socket, listener)
        for socket in [socket, listener] + refused.map(\.socket) { try socket.waiting.close() }
        #expect(try await columnsBelow() == dead + 1)
    }

    @Test(
        "A connect that sends its first bytes is the layer's connect, then a send of all of them, or of none",
        arguments: BaseProvider.allCases
    )
    func withData(base: BaseProvider) async throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let (holder, refusing) = try refusing(base)
        func connect(_ chain: Chain) throws -> (socket: Socket, end: (status: lamina_status, bytes: UInt64)) {
            let socket = try chain.open(.connection())
            var bytes = Array("first".utf8)
            let end = try bytes.withUnsafeMutableBytes { bytes in
                try socket.perform { handle, request in
                    var address = refusing.c
                    var buffer = lamina_buffer(base: bytes.baseAddress, length: bytes.count)
                    return lamina_socket_connect_with_data(handle, &address, &buffer, 1, 0, request)
                }
            }
            return (socket, end)
        }
        // By itself, the primary would be refused there.
        let open = try listener.waiting.localAddress()
        let carried = try connect(try failover(to: [open], over: base))
        #expect(carried.end == (0, 5))
        #expect(try carried.socket.waiting.remoteAddress() == open)
        let server = try listener.waiting.accept(deadline: soon())
        #expect(try server.waiting.receive(upTo: 5, all: true, deadline: soon()) == Array("first".utf8))
        let lost = try connect(try failover(to: [refusing], over: base))
        #expect(lost.end == (-ECONNREFUSED, 0))
        for socket in [server, carried.socket, lost.socket, holder, listener] { try socket.waiting.close() }
        #expect(try await columnsBelow() == 4)
    }

    @Test("Where all places fail, the program has the last one's error and level", arguments: BaseProvider.allCases)
    func allFail(base: BaseProvider) async throws {
        let (holder, refusing) = try refusing(base)
        let chain = try failover(to: [Address(host: "127.0.0.1", port: 13), refusing], over: base)
        let error = #expect(throws: LaminaError.self) { try chain.connect(to: refusing, deadline: soon()) }
        #expect(error?.errno == ECONNREFUSED)
        #expect(error?.level == base.description)
        let last = try failover(to: [refusing, Address(host: "127.0.0.1", port: 13)], over: base)
        let other = #expect(throws: LaminaError.self) { try last.connect(to: refusing, deadline: soon()) }
        #expect(other?.level == below)
        try holder.waiting.close()
        #expect(try await columnsBelow() == 6)
    }

    /// A socket whose connect hangs: at the first place, or at the next after the first has refused.
    private func hang(
        _ base: BaseProvider,
        behind dead: Int,
        patience seconds: Double? = nil,
        _ body: (_ socket: Socket, _ calls: PendingCalls) throws -> Void
    ) async throws {
        let silent = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let place = try silent.waiting.localAddress()
        let (holder, refusing) = try refusing(base)
        // Conditions are decided at a column's first connect, and the one that hangs first is to connect again.
        let which = dead == 0 ? ":count=1" : ",when=[port=\(try #require(place.port))]"
        let hanging = ("fault:do=timeout:connect:for=1h\(which)", Plugin.product("Fault"))
        let chain = try failover(to: [place], over: base, hanging)
        let socket = try chain.open(.connection())
        let calls = PendingCalls()
        if let seconds { calls.deadline = Deadline.after(seconds: seconds) }
        #expect(calls.connect(socket, to: dead == 0 ? place : refusing) == LAMINA_PENDING)
        try wait(forColumns: dead + 1)
        try body(socket, calls)
        #expect(calls.endsNow.count == 1)
        for socket in [holder, silent] { try socket.waiting.close() }
        #expect(try await columnsBelow() == dead + 1)
    }

    @Test(
        "A cancel ends a connect once, wherever it hangs, and the socket connects again",
        arguments: BaseProvider.allCases,
        0...1
    )
    func cancel(base: BaseProvider, dead: Int) async throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        try await hang(base, behind: dead) { socket, calls in
            calls.cancel(0)
            #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
            // A column that wasn't the primary doesn't stay until the socket closes.
            try wait(forColumns: dead, "gone")
            try socket.waiting.connect(to: try listener.waiting.localAddress(), deadline: soon())
            try exchange(socket, listener)
            try socket.waiting.close()
        }
        try listener.waiting.close()
    }

    @Test("A deadline ends a connect once, wherever it hangs", arguments: BaseProvider.allCases, 0...1)
    func deadline(base: BaseProvider, dead: Int) async throws {
        try await hang(base, behind: dead, patience: 2) { socket, calls in
            #expect(calls.wait(for: 1).map(\.status) == [-ETIMEDOUT])
            try socket.waiting.close()
        }
    }

    @Test("A close ends a connect once, wherever it hangs", arguments: BaseProvider.allCases, 0...1)
    func close(base: BaseProvider, dead: Int) async throws {
        try await hang(base, behind: dead) { socket, calls in
            try socket.waiting.close()
            #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        }
    }

    @Test(
        "Cancels and closes at any moment of a connect end it once, and leave no column",
        arguments: BaseProvider.allCases
    )
    func races(base: BaseProvider) async throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0), backlog: 500)
        let (holder, refusing) = try refusing(base)
        let chain = try failover(to: [refusing, try listener.waiting.localAddress()], over: base)
        for round in 0..<200 {
            let socket = try chain.open(.connection())
            let calls = PendingCalls()
            let started = Locked(false)
            let helper = Helper {
                while !started.withLock({ $0 }) {}
                for _ in 0..<(round % 20) * 20 { sched_yield() }
                if round % 2 == 0 { calls.cancel(0) }
                try socket.waiting.close()
            }
            calls.call { request in
                var target = refusing.c
                started.withLock { $0 = true }
                return lamina_socket_connect(socket.handle, &target, 0, request)
            }
            try helper.join()
            let ends = calls.wait(for: 1)
            #expect(ends.count == 1)
            #expect([0, -ECANCELED, -EBADF].contains(ends.first?.status), "\(ends)")
        }
        for socket in [holder, listener] { try socket.waiting.close() }
        _ = try await columnsBelow()
    }

    @Test(
        "A layer above and one below take part, and two fail-overs stand in one chain",
        arguments: BaseProvider.allCases
    )
    func nested(base: BaseProvider) async throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let open = try listener.waiting.localAddress()
        let (holder, refusing) = try refusing(base)
        let failover = try SwiftPlugin.build("Examples/Layers/Failover")
        let chain = try chain([
            ("delay", try SwiftPlugin.build("Examples/Layers/Delay")), ("failover=a:to=[\(refusing)]", failover),
            ("failover=b:to=[\(open)]", failover), ("ledger=\(below)", try SwiftPlugin.build("Fixtures/layers/Ledger")),
            (base.description, "\(PackageTree.products)/\(base.rawValue)"),
        ])
        let socket = try chain.connect(to: refusing, deadline: soon())
        try exchange(socket, listener)
        for socket in [socket, holder, listener] { try socket.waiting.close() }
        #expect(try await columnsBelow() == 2)
    }

    /// Sends a byte each way.
    private func exchange(_ socket: Socket, _ listener: Socket) throws {
        let server = try listener.waiting.accept(deadline: soon())
        try socket.waiting.send([1])
        #expect(try server.waiting.receive(upTo: 9, deadline: soon()) == [1])
        try server.waiting.send([2])
        #expect(try socket.waiting.receive(upTo: 9, deadline: soon()) == [2])
        try server.waiting.close()
    }

    // MARK: - What the type says

    /// A chain of the fixture `Switchboard` over the base that sends everything back, with a level that counts columns.
    private func switchboard(_ settings: String, _ base: [(layer: String, file: String)]? = nil) throws -> Chain {
        try chain(
            [
                ("switchboard\(settings)", try SwiftPlugin.build("Fixtures/layers/Switchboard")),
                ("ledger=\(below)", try SwiftPlugin.build("Fixtures/layers/Ledger")),
            ] + (base ?? [("echo", try Plugin.build("echo"))])
        )
    }

    private let anywhere = Address(host: "127.0.0.1", port: 1)

    @Test(
        "A type without any other protocol has one column, which opens and closes with the socket",
        arguments: BaseProvider.allCases
    )
    func byDefault(base: BaseProvider) async throws {
        let directory = try TemporaryDirectory()
        let plain = try SwiftPlugin.build(
            text: """
                import LaminaProvider
                struct Plain: TerminatingLayer {
                    static let about = LayerDescription("plain", effect: .transform)
                    init(_ level: Level) {}
                }
                @c(lamina_plugin) public func plugin() { offer(Plain.self) }
                """,
            in: directory,
            named: "Plain"
        )
        let chain = try chain([
            ("plain", plain), ("ledger=\(below)", try SwiftPlugin.build("Fixtures/layers/Ledger")),
            (base.description, "\(PackageTree.products)/\(base.rawValue)"),
        ])
        let pair = try Pair(chain)
        try pair.client.waiting.send([1])
        #expect(try pair.server.waiting.receive(upTo: 9, deadline: soon()) == [1])
        try pair.close()
        // The accepted socket came from the listener's column, below the layer.
        #expect(try await columnsBelow() == 3)
        let ends = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        try ends[0].waiting.send(Array("datagram".utf8), to: try ends[1].waiting.localAddress())
        #expect(try ends[1].waiting.receiveDatagram(deadline: soon()).bytes == Array("datagram".utf8))
        for end in ends { try end.waiting.close() }
        // `Ledger` stands in streams alone.
        #expect(try await columnsBelow() == 3)
    }

    @Test("What the levels below refuse, the open refuses, with their level")
    func refusedOpen() async throws {
        let gate = ("gate:open=refuse", try Plugin.build("gate"))
        let chain = try switchboard("", [gate, ("echo", try Plugin.build("echo"))])
        let error = #expect(throws: LaminaError.self) { try chain.open(.connection()) }
        #expect(error?.errno == EACCES)
        #expect(error?.level == "gate")
        // Two columns that opened are closed again where a third is refused, also where each takes its time.
        let late = ("gate:open=wait,delay=2ms", try Plugin.build("gate"))
        let third = try switchboard(":columns=3,refuse=yes", [late, ("echo", try Plugin.build("echo"))])
        #expect(throws: LaminaError.self) { try third.open(.connection()) }
        #expect(try await columnsBelow() == 3)
    }

    @Test("A chain that ends at the layer has no column to open")
    func nothingBelow() throws {
        let chain = try chain([("switchboard", try SwiftPlugin.build("Fixtures/layers/Switchboard"))])
        let error = #expect(throws: LaminaError.self) { try chain.open(.connection()) }
        #expect(error?.errno == ENODEV)
    }

    @Test("Columns that open late, one by one, are there when the socket is", arguments: [0, 1, 3])
    func several(count: Int) async throws {
        let late = ("gate:open=wait,delay=2ms", try Plugin.build("gate"))
        let chain = try switchboard(":columns=\(count)", [late, ("echo", try Plugin.build("echo"))])
        let socket = try chain.open(.connection())
        let error = Result { try socket.waiting.connect(to: anywhere, deadline: soon()) }
        if count == 0 {
            #expect(throws: LaminaError.self) { try error.get() }
        } else {
            try error.get()
        }
        try socket.waiting.close()
        #expect(try await columnsBelow() == count)
    }

    @Test("What next passes on goes to the primary column, and ends are told")
    func next() async throws {
        let chain = try switchboard("=\(below)-above")
        let socket = try chain.connect(to: anywhere)
        try socket.waiting.send(Array("hello".utf8))
        #expect(try socket.waiting.receive(upTo: 9, deadline: soon()) == Array("hello".utf8))
        try socket.waiting.close()
        #expect(try await columnsBelow() == 1)
        #expect(LayerOutput.lines(of: "\(below)-above") == ["5 bytes out"])
    }

    @Test("A layer sends and receives in columns of its own, and a call waits for it")
    func ownTraffic() async throws {
        let chain = try switchboard(":greeting=hello")
        let socket = try chain.connect(to: anywhere, deadline: soon())
        // What came back was left to the primary, which another column became.
        try socket.waiting.send([7])
        #expect(try socket.waiting.receive(upTo: 9, deadline: soon()) == [7])
        try socket.waiting.close()
        #expect(try await columnsBelow() == 2)
    }

    @Test("A call that the layer forgets fails, and one that only tries is told to try again")
    func forgotten() throws {
        let chain = try switchboard("")
        let socket = try chain.open(.connection())
        let error = #expect(throws: LaminaError.self) {
            try socket.waiting.connect(to: Address(host: "127.0.0.1", port: 2), deadline: soon())
        }
        #expect(error?.errno == EIO)
        for _ in 0..<2 {
            let calls = PendingCalls()
            #expect(calls.connect(socket, to: Address(host: "127.0.0.1", port: 3)) == LAMINA_PENDING)
            calls.cancel(0)
            #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        }
        var (target, request) = (Address(host: "127.0.0.1", port: 3).c, lamina_request())
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        #expect(lamina_socket_connect(socket.handle, &target, 0, &request) == -EAGAIN)
        try socket.waiting.close()
    }

    @Test("The primary column is closed and replaced while other threads call it")
    func replaced() async throws {
        let chain = try switchboard("")
        let socket = try chain.connect(to: anywhere)
        let isOver = Locked(false)
        let helpers = (0..<2).map { _ in
            Helper {
                while !isOver.withLock({ $0 }) { _ = Result { try socket.waiting.send([1]) } }
            }
        }
        for _ in 0..<50 { try socket.waiting.connect(to: Address(host: "127.0.0.1", port: 4), deadline: soon()) }
        isOver.withLock { $0 = true }
        for helper in helpers { try helper.join() }
        try socket.waiting.close()
        #expect(try await columnsBelow() == 51)
    }

    @Test("A terminating layer without an effect on data makes no level")
    func effect() throws {
        let directory = try TemporaryDirectory()
        let library = try SwiftPlugin.build(
            text: """
                import LaminaProvider
                struct Quiet: TerminatingLayer {
                    static let about = LayerDescription("quiet")
                    init(_ level: Level) {}
                }
                @c(lamina_plugin) public func plugin() { offer(Quiet.self) }
                """,
            in: directory,
            named: "Quiet"
        )
        let error = #expect(throws: LaminaError.self) {
            try chain([("quiet", library), ("echo", try Plugin.build("echo"))])
        }
        #expect(error?.description.contains("layer quiet ends the columns of its sockets") == true)
    }

    @Test("A place in a setting is read, or the user is told what to write")
    func places() throws {
        let file = try SwiftPlugin.build("Examples/Layers/Failover")
        for place in ["127.0.0.1:80", "[::1]:80", "name.test:80"] {
            _ = try chain([("failover:to=[\(place)]", file), ("echo", try Plugin.build("echo"))])
        }
        for place in ["127.0.0.1", "::1:80", "a b:80", "127.0.0.1/8:80", "name:0"] {
            let error = #expect(throws: LaminaError.self) {
                try chain([("failover:to=[\(place)]", file), ("echo", try Plugin.build("echo"))])
            }
            #expect(error?.description.contains("\"\(place)\" is no place; write ADDRESS:PORT") == true)
        }
    }
}
