import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Layers in Swift over the SDK")
struct TypedLayerTests {
    let echo: String
    let label = LayerOutput.label("ledger")

    init() throws {
        LayerOutput.capture()
        echo = try Plugin.build("echo")
    }

    private func example(_ name: String) throws -> String { try SwiftPlugin.build("Examples/Layers/\(name)") }
    private func fixture(_ name: String) throws -> String { try SwiftPlugin.build("Fixtures/layers/\(name)") }

    /// A chain of the fixture `Ledger` over a base that sends everything back, with what stands between them.
    private func ledger(_ settings: String = "", _ below: (layer: String, file: String)...) throws -> Chain {
        let parts = [("ledger=\(label)\(settings)", try fixture("Ledger"))] + below + [("echo", echo)]
        return try Chain(
            parts.map { (try LayerSpecification(parsing: $0.0), try Library.load($0.1).provider()) }
        )
    }

    private func lines(until count: Int) async throws -> [String] {
        let deadline = soon()
        while LayerOutput.lines(of: label).count < count {
            try #require(clinux_monotonic() < deadline, "\(LayerOutput.lines(of: label))")
            await Task.yield()
        }
        return LayerOutput.lines(of: label)
    }

    // MARK: - Length

    @Test(
        "A layer is the lines that say what it does",
        arguments: [
            ("Nothing", 12), ("Meter", 30), ("Redirect", 20), ("Keystream", 60), ("Escape", 60), ("Delay", 30),
            ("Login", 40),
        ]
    )
    func length(name: String, limit: Int) throws {
        let source = try readAll("\(PackageTree.root)/Tests/Examples/Layers/\(name).swift")
        #expect(source.count { $0 == UInt8(ascii: "\n") } <= limit)
        #expect(source.split(separator: UInt8(ascii: "\n")).allSatisfy { $0.count <= 120 })
    }

    // MARK: - Addresses

    @Test(
        "A name that is empty or has more than 253 bytes is no address",
        arguments: [(0, EINVAL), (1, 0), (253, 0), (254, EINVAL), (257, EINVAL), (1000, EINVAL)]
    )
    func names(length: Int, errno: Int32) throws {
        let chain = try chain(("namer:length=\(length)", try fixture("Namer")), ("echo", echo))
        let socket = try chain.open(.connection())
        var address = Address(host: "127.0.0.1", port: 9).c
        let end = try socket.perform { lamina_socket_connect($0, &address, 0, $1) }
        #expect(end.status == -errno)
        try socket.waiting.close()
    }

    // MARK: - The table

    private func table(_ file: String) throws -> (entries: [String], indications: [String]) {
        let chain = try chain(("layer", file), ("echo", echo))
        return (chain.instances[0].entryNames, chain.instances[0].indicationNames)
    }

    @Test("There is a protocol for each entry and each indication of the ABI's list")
    func everything() throws {
        let (entries, indications) = try table(try fixture("Everything"))
        let all = (0..<LAMINA_ENTRY_COUNT).map { String(cString: lamina_describe_entry(UInt32($0)).pointee.name) }
        #expect(entries == all)
        #expect(
            indications
                == (0..<LAMINA_INDICATION_COUNT).map {
                    String(cString: lamina_describe_indication(UInt32($0)).pointee.name)
                }
        )
    }

    @Test("A layer that observes is told how each call ended that it has a note of, with the bytes, and keeps no note")
    func observer() async throws {
        do {
            let chain = try chain(("witness=\(label)", try fixture("Witness")), ("echo", echo))
            let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 1))
            try socket.waiting.send(Array("hello".utf8))
            #expect(try socket.waiting.receive(upTo: 3, deadline: soon()).count == 3)
            #expect(try socket.waiting.receive(upTo: 9, deadline: soon()).count == 2)
            let calls = PendingCalls()
            #expect(calls.receive(socket, 4) == LAMINA_PENDING)
            try socket.waiting.close()
            #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
            let closed = try PluginTests.chain(
                ("witness=\(label)", try fixture("Witness")),
                ("gate:open=refuse", try Plugin.build("gate")),
                ("echo", echo)
            )
            #expect(throws: LaminaError.self) { try closed.open(.connection()) }
        }
        // Open, connect, send, three receives and close; an open that failed.
        #expect(
            try await lines(until: 2) == [
                "7 noted, 7 ended, 10 bytes, 0 left", "1 noted, 1 ended, 0 bytes, 0 left",
            ]
        )
    }

    @Test("A level is linked for the entries that it chooses, and for those of their classes where it passes them on")
    func chosen() throws {
        func made(_ settings: String) throws -> (effect: Effect, entries: [String], events: [String]) {
            let chain = try chain(("witness:\(settings)", try fixture("Witness")), ("echo", echo))
            // The level's tables live as long as the chain.
            return withExtendedLifetime(chain) {
                let instance = chain.instances[0]
                return (instance.effect, instance.entryNames, instance.indicationNames)
            }
        }
        let all = try made("data=yes")
        #expect(all.effect == .observe && all.entries.count == LAMINA_ENTRY_COUNT - 1)
        #expect(!all.entries.contains("release") && all.events.count == LAMINA_INDICATION_COUNT)
        let quiet = try made("data=no")
        #expect(quiet.effect == .none && !quiet.entries.contains("send") && !quiet.entries.contains("receive"))
        #expect(quiet.entries.contains("connect") && quiet.entries.contains("send_to"))
        let alone = try made("data=no,pass=no")
        #expect(alone.entries.contains("connect") && !alone.entries.contains("send_to"))
        #expect(alone.events == ["accept", "inspect", "abort", "disconnect", "send_backlog"])
    }

    @Test("An extension that a type declares is one that its manifest describes")
    func extensions() throws {
        let described = try Library.load(try fixture("Everything")).provider().manifest.extensions
        #expect(
            described.map(\.name) == ["counter"] && described.map(\.uuid) == ["6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5"]
        )
        #expect(described.first?.dispatch.map(\.declaration) == ["uint64_t sent(void *context)"])
        #expect(described.first?.client.isEmpty == true)
    }

    @Test("A table has what the type has a protocol for, and nothing else")
    func sparse() throws {
        #expect(try table(try example("Nothing")).entries == ["open", "send"])
        #expect(try table(try example("Nothing")).indications == [])
        let meter = try table(try example("Meter"))
        #expect(
            meter.entries == [
                "open", "close", "connect", "connect_with_data", "send", "receive", "send_to", "receive_from",
                "send_messages", "receive_messages", "disconnect",
            ]
        )
        #expect(meter.indications == ["receive", "receive_from"])
    }

    // MARK: - State

    @Test("A socket's state is made at its open and destroyed once, after its close")
    func state() async throws {
        do {
            let chain = try ledger(":name=a,name=b")
            let sockets = try (0..<2).map { _ in try chain.connect(to: Address(host: "127.0.0.1", port: 1)) }
            #expect(LayerOutput.lines(of: label).count == 3)
            for socket in sockets { try socket.waiting.close() }
        }
        let lines = try await lines(until: 7)
        #expect(lines[0] == "names a,b, limit 5")
        let numbers = lines[1...2].map { $0.dropFirst("made #".count) }
        for number in numbers {
            #expect(
                lines.filter { $0.hasSuffix("#\(number)") } == ["made", "ended", "gone"].map { "\($0) #\(number)" }
            )
        }
        #expect(lines.count == 7)
    }

    @Test("A state is destroyed where the levels below refuse the open, and none is made where the layer does")
    func refusedOpens() async throws {
        let chain = try ledger("", ("gate:open=refuse", try Plugin.build("gate")))
        #expect(throws: LaminaError.self) { try chain.open(.connection()) }
        let lines = try await lines(until: 4)
        #expect(lines.dropFirst().map { $0.prefix { $0 != " " } } == ["made", "ended", "gone"])
        try chain.instances[0].configure("mode", to: "refuse")
        let error = #expect(throws: LaminaError.self) { try chain.open(.connection()) }
        #expect(error?.errno == EACCES)
        #expect(error?.level == label)
        #expect(LayerOutput.lines(of: label).dropFirst(4) == ["mode is now 5", "no socket is let in"])
    }

    @Test("An accepted socket has a state of its own, which knows that it came from outside")
    func accepted() async throws {
        let chain = try Chain([
            (try LayerSpecification(parsing: "ledger=\(label)"), try Library.load(try fixture("Ledger")).provider()),
            (LayerSpecification(name: "kernel"), try Library.load(Plugin.product("Kernel")).provider()),
        ])
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let near = try chain.connect(to: try listener.waiting.localAddress(), deadline: soon())
        let far = try listener.waiting.accept(deadline: soon())
        #expect(LayerOutput.lines(of: label).count { $0.hasSuffix("inbound") } == 1)
        for socket in [near, far, listener] { try socket.waiting.close() }
        let lines = try await lines(until: 10)
        #expect(lines.count { $0.hasPrefix("made") } == 3)
        #expect(lines.count { $0.hasPrefix("ended") } == 3)
        #expect(lines.count { $0.hasPrefix("gone") } == 3)
    }

    @Test("A socket of a category that a layer doesn't stand in has no state of it", arguments: BaseProvider.allCases)
    func absent(base: BaseProvider) throws {
        let chain = try Chain([
            (try LayerSpecification(parsing: "ledger=\(label)"), try Library.load(try fixture("Ledger")).provider()),
            (LayerSpecification(name: base.description), try base.provider()),
        ])
        let socket = try chain.open(.datagram())
        try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try socket.waiting.close()
        #expect(LayerOutput.lines(of: label) == ["names , limit 5"])
    }

    @Test("A call that a layer ends has its errno, and its message is in the log")
    func failure() async throws {
        let chain = try ledger()
        let error = #expect(throws: LaminaError.self) {
            try chain.connect(to: Address(host: "127.0.0.1", port: 13))
        }
        #expect(error?.errno == ECONNREFUSED)
        #expect(error?.level == label)
    }

    // MARK: - Settings

    @Test("A layer that claims more bytes than there was room for gives the room, and no more")
    func liar() async throws {
        let chain = try chain(
            ("liar", try fixture("Liar")),
            ("memory", "\(PackageTree.products)/\(BaseProvider.memory.rawValue)")
        )
        let pair = try Pair(try BaseProvider.memory.chain(), client: chain)
        #expect(try pair.client.waiting.receive(upTo: 4, deadline: soon()).count == 4)
        #expect(try await pair.client.receive(upTo: 4).count == 4)
        let datagrams = try chain.open(.datagram())
        #expect(try datagrams.waiting.receiveDatagram(upTo: 3, deadline: soon()).bytes.count == 3)
        try datagrams.waiting.close()
        try pair.close()
    }

    @Test("What a setting is declared with is what is shown, and what is checked")
    func settings() throws {
        let declared = try Library.load(try fixture("Ledger")).provider().manifest.settings
        #expect(declared.map(\.name) == ["mode", "limit", "name"])
        #expect(declared.map(\.isLive) == [true, true, false])
        #expect(declared[0].choices == ["open", "refuse"])
        #expect(declared[1].default == "5")
        #expect(declared[1].help == "a number (1 to 10)")
        let low = #expect(throws: LaminaError.self) { try ledger(":limit=0") }
        #expect(low?.description.contains("limit is 0, less than 1, the least that it can be") == true)
        let nobody = #expect(throws: LaminaError.self) { try ledger(":name=nobody") }
        #expect(nobody?.description.contains("name nobody is nobody's: leave it out") == true)
    }

    @Test("A live setting that is out of range or refused leaves the old value")
    func refusedSettings() throws {
        let chain = try ledger()
        let instance = chain.instances[0]
        try instance.configure("limit", to: "6")
        let high = #expect(throws: LaminaError.self) { try instance.configure("limit", to: "11") }
        #expect(high?.description.contains("limit is 11, more than 10, the most that it can be") == true)
        let refused = #expect(throws: LaminaError.self) { try instance.configure("limit", to: "7") }
        #expect(refused?.description.contains("limit 7 isn't liked") == true)
        try instance.configure("mode", to: "open")
        #expect(LayerOutput.lines(of: label).dropFirst() == ["limit is now 6", "mode is now 6"])
    }

    @Test("A timer of a level runs while the level lives")
    func timer() async throws {
        let chain = try ledger()
        try chain.instances[0].configure("limit", to: "9")
        #expect(try await lines(until: 3).contains("a millisecond later"))
        _ = chain
    }

    @Test("A live setting is what the next call goes by")
    func live() throws {
        let base = Plugin.product("Kernel")
        let kernel = try PluginTests.chain(("kernel", base))
        let listeners = try (0..<2).map { _ in try kernel.listen(on: Address(host: "127.0.0.1", port: 0)) }
        let ports = try listeners.map { try #require(try $0.waiting.localAddress().port) }
        let chain = try chain(("redirect:port=\(ports[0])", try example("Redirect")), ("kernel", base))
        for port in ports {
            try chain.instances[0].configure("port", to: "\(port)")
            let socket = try chain.connect(to: Address(host: "192.0.2.1", port: 80), deadline: soon())
            #expect(try socket.waiting.remoteAddress().port == port)
            try socket.waiting.close()
        }
        for listener in listeners { listener.close() }
    }

    // MARK: - Received bytes

    @Test("A layer that wants the bytes that were received sees them buffer by buffer, also where the receive waited")
    func received() throws {
        let kernel = Plugin.product("Kernel")
        let chain = try chain(("reader=\(label)", try fixture("Reader")), ("kernel", kernel))
        let pair = try Pair(chain)
        try pair.client.waiting.send(Array("hello".utf8))
        try withBuffers(["..", "", "......"]) { buffers, count in
            for flags in [LAMINA_RECEIVE_PEEK, 0] {
                let received = try pair.server.perform { lamina_socket_receive($0, buffers, count, UInt32(flags), $1) }
                #expect(received.status == 0 && received.bytes == 5)
            }
        }
        let calls = PendingCalls()
        #expect(calls.receive(pair.server, 4) == LAMINA_PENDING)
        try pair.client.waiting.send(Array("late".utf8))
        #expect(calls.wait(for: 1).map(\.bytes) == [4])
        try pair.close()
        let ends = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        try ends[0].waiting.send(Array("datagram".utf8), to: try ends[1].waiting.localAddress())
        #expect(try ends[1].waiting.receiveDatagram(deadline: soon()).bytes == Array("datagram".utf8))
        for end in ends { try end.waiting.close() }
        #expect(
            LayerOutput.lines(of: label)
                == ["saw he", "saw llo", "read he", "read llo", "read late", "read datagram"]
        )
    }

    // MARK: - Beside each other

    @Test("Several layers over the SDK, each with a copy of it, stand in one chain")
    func together() async throws {
        do {
            let chain = try chain(
                ("meter=\(label)", try example("Meter")),
                ("nothing", try example("Nothing")),
                ("everything", try fixture("Everything")),
                ("count:each=no", Plugin.product("Count")),
                ("echo", echo)
            )
            let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 1))
            try socket.waiting.send(Array("hello".utf8))
            #expect(try socket.waiting.receive(upTo: 3) == Array("hel".utf8))
            #expect(try socket.waiting.receive(upTo: 3) == Array("lo".utf8))
            try socket.waiting.close()
        }
        #expect(try await lines(until: 1) == ["5 bytes out, 5 bytes in"])
    }

    // MARK: - What the compiler refuses

    @Test(
        "A layer that forgets a call, passes it on twice, keeps it or touches memory by a pointer isn't compiled",
        arguments: [
            ("{ next.send(data) }", nil),
            ("{ }", "missing return"),
            ("{ _ = next.send(data); return next.send(data) }", "consumed more than once"),
            ("{ kept.append(next); return next.send(data) }", "cannot find 'kept'"),
            ("{ let later: () -> Answer = { next.send(data) }; return later() }", "next"),
            ("{ print(UnsafeRawPointer(bitPattern: 64)!.load(as: Int.self)); return next.send(data) }", "unsafe"),
        ] as [(String, String?)]
    )
    func refused(body: String, complaint: String?) throws {
        let said = try SwiftPlugin.complaint(
            about: """
                import LaminaProvider
                struct Wrong: Layer, SendCalls {
                    static let about = LayerDescription("wrong", effect: .observe)
                    init(_ level: Level) {}
                    func send(_ data: Outgoing, next: consuming Next<State>) -> Answer \(body)
                }
                """
        )
        guard let complaint else { return #expect(said == nil) }
        #expect(said?.contains(complaint) == true, "\(said ?? "nothing")")
    }

    @Test("A layer that sees data and says that it has no effect makes no level")
    func effect() throws {
        let source =
            "import LaminaProvider\nstruct Quiet: Layer, SendEnds {\n"
            + "    static let about = LayerDescription(\"quiet\")\n    init(_ level: Level) {}\n"
            + "    func sendEnded(_ ending: borrowing Ending<State>) {}\n}\n"
            + "@c(lamina_plugin) public func plugin() { offer(Quiet.self) }\n"
        let directory = try TemporaryDirectory()
        let library = try SwiftPlugin.build(text: source, in: directory, named: "Quiet")
        let error = #expect(throws: LaminaError.self) { try chain(("quiet", library), ("echo", echo)) }
        #expect(error?.description.contains("layer quiet sees data by send") == true)
    }
}
