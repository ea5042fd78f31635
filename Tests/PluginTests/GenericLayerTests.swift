import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

/// A chain of generic layers over a base.
func genericChain(_ layers: (layer: String, file: String)..., over base: BaseProvider) throws -> Chain {
    let own = try layers.map { (try LayerSpecification(parsing: $0.layer), try Library.load($0.file).provider()) }
    return try Chain(own + [(try LayerSpecification(parsing: base.description), try base.provider())])
}

@Suite("Generic interception")
struct GenericLayerTests {
    init() { LayerOutput.capture() }

    @Test(
        "A generic layer sees calls with their arguments, and how they ended, with libffi or without",
        arguments: BaseProvider.allCases,
        [true, false]
    )
    func sees(base: BaseProvider, byLibffi: Bool) throws {
        let label = LayerOutput.label("spy")
        let file = try GenericPlugin.spy(byLibffi ? GenericPlugin.byLibffi : [])
        let chain = try genericChain(("spy=\(label):writes=yes", file), over: base)
        let pair = try Pair(chain)
        try pair.client.waiting.send([1, 2, 3])
        #expect(try pair.server.waiting.receive(upTo: 8, deadline: soon()) == [1, 2, 3])
        try pair.client.waiting.setOption(SOL_SOCKET, SO_RCVBUF, to: 50_000)
        #expect(try chain.resolve("127.0.0.1", port: 80).count == 1)
        let end = try pair.client.perform { lamina_socket_disconnect($0, nil, 0, 2, $1) }
        #expect(end.status == 0)
        try pair.close()
        let lines = LayerOutput.lines(of: label)
        for line in [
            "entry connect(slot, address, flags 0, request)", "ended connect entry = 0, 0 bytes",
            "entry send(slot, buffers, count 1, flags 0, request)", "ended send entry = 0, 3 bytes",
            "entry receive(slot, buffers, count 1, flags 0, request)", "ended receive entry = 0, 3 bytes",
            "entry control(slot, operation, request)", "entry resolve(slot, query, request)",
            "entry disconnect(slot, buffers!, count 0, flags 2, request)", "entry open(slot, open_arguments, request)",
            "entry close(slot, request)", "ended close entry = 0, 0 bytes",
        ] {
            #expect(lines.contains(line), "\(line) is missing in \(lines)")
        }
        let names = ["listen", "accept", "bind", "local_address"]
        for name in names { #expect(lines.contains { $0.hasPrefix("entry \(name)(") }, "\(name)") }
        #expect(!lines.contains { $0.contains("something else") })
    }

    @Test("A generic layer sees events on their way up", arguments: BaseProvider.allCases)
    func events(base: BaseProvider) throws {
        let label = LayerOutput.label("spy")
        let pair = try Pair(
            try genericChain(("spy=\(label):writes=yes", try GenericPlugin.spy()), over: base)
        )
        let client = EventClient()
        try client.attach(to: pair.server)
        let enabled = try pair.server.perform {
            lamina_socket_enable_indications($0, 1 << UInt32(LAMINA_INDICATION_RECEIVE), 0, $1)
        }
        #expect(enabled.status == 0)
        try pair.client.waiting.send([7, 8])
        #expect(try client.bytes(2) == [7, 8])
        try pair.close()
        #expect(LayerOutput.lines(of: label).contains("indication receive(slot, event)"))
    }

    @Test("Datagrams pass a generic layer, one by one and together", arguments: BaseProvider.allCases)
    func datagrams(base: BaseProvider) throws {
        let label = LayerOutput.label("spy")
        let chain = try genericChain(("spy=\(label):writes=yes", try GenericPlugin.spy()), over: base)
        let (one, other) = (try chain.open(.datagram()), try chain.open(.datagram()))
        for socket in [one, other] { try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0)) }
        let target = try other.waiting.localAddress()
        try one.waiting.send([1, 2], to: target)
        #expect(try other.waiting.receiveDatagram(deadline: soon()).bytes == [1, 2])
        for socket in [one, other] { try socket.waiting.close() }
        let lines = LayerOutput.lines(of: label)
        #expect(lines.contains("entry send_to(slot, message, flags 0, request)"))
        #expect(lines.contains("ended receive_from entry = 0, 2 bytes"))
    }

    @Test("A layer that wants one call is linked for it alone")
    func wants() throws {
        let label = LayerOutput.label("spy")
        let chain = try genericChain(
            ("spy=\(label):writes=yes,only=connect", try GenericPlugin.spy()),
            over: .memory
        )
        let bare = try Pair(try BaseProvider.memory.chain())
        let pair = try Pair(chain)
        try pair.client.waiting.send([1])
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [1])
        #expect(pair.client.sendLink.levels == bare.client.sendLink.levels + 1)
        #expect(pair.client.sendLink.function == bare.client.sendLink.function)
        try pair.close()
        try bare.close()
        let seen = Set(LayerOutput.lines(of: label).map { $0.prefix { $0 != "(" } })
        #expect(seen == ["entry connect", "ended connect entry = 0, 0 bytes"])
    }

    @Test(
        "A handler fails calls with its own error, in C and in Swift",
        arguments: BaseProvider.allCases,
        ["fail", "refuse"]
    )
    func fails(base: BaseProvider, key: String) throws {
        let file = key == "fail" ? try GenericPlugin.spy() : try GenericPlugin.example()
        let pair = try Pair(try genericChain(("mine=guard:\(key)=send", file), over: base))
        let error = #expect(throws: LaminaError.self) { try pair.client.waiting.send([1]) }
        #expect(error?.errno == EACCES && error?.level == "guard", "\(error?.description ?? "")")
        try pair.server.waiting.close()
        #expect(try pair.client.waiting.receive(upTo: 1, deadline: soon()) == [])
        try pair.client.waiting.close()
        try pair.listener.waiting.close()
    }

    @Test("A name is compared as a whole", arguments: ["sen", "sends", "send_to", ""])
    func comparesNames(refused: String) throws {
        let pair = try Pair(
            try genericChain(("gate=guard:refuse=\(refused)", try GenericPlugin.example()), over: .memory)
        )
        try pair.client.waiting.send([1])
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [1])
        try pair.close()
    }

    @Test("A handler changes an argument, in C and in Swift", arguments: BaseProvider.allCases, [true, false])
    func changes(base: BaseProvider, isC: Bool) throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let port = try #require(try listener.waiting.localAddress().port)
        let file = isC ? try GenericPlugin.spy() : try GenericPlugin.example()
        let chain = try genericChain(("mine:port=\(port)", file), over: base)
        let client = try chain.connect(to: Address(host: "127.0.0.1", port: 9))
        let server = try listener.waiting.accept(deadline: soon())
        #expect(try client.waiting.remoteAddress().port == port)
        for socket in [client, server, listener] { try socket.waiting.close() }
    }

    @Test("Generic layers in C and in Swift stand in one chain, twice", arguments: BaseProvider.allCases)
    func stacked(base: BaseProvider) throws {
        let (spy, example) = (try GenericPlugin.spy(), try GenericPlugin.example())
        let label = LayerOutput.label("spy")
        let chain = try genericChain(
            ("gate=one", example),
            ("spy=\(label):writes=yes", spy),
            ("gate=two", example),
            ("spy=last:postpones=yes", spy),
            over: base
        )
        let pair = try Pair(chain)
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let sender = Helper { try pair.client.waiting.send(bytes, deadline: soon()) }
        var received: [UInt8] = []
        while received.count < bytes.count {
            received += try pair.server.waiting.receive(upTo: 65_536, deadline: soon())
        }
        try sender.join()
        #expect(received == bytes)
        try pair.close()
        #expect(LayerOutput.lines(of: label).contains("ended send entry = 0, \(bytes.count) bytes"))
    }

    @Test("A level refuses to be made with its own words")
    func refuses() throws {
        let error = #expect(throws: LaminaError.self) {
            _ = try genericChain(("gate=guard:port=70000", try GenericPlugin.example()), over: .memory)
        }
        #expect(error?.description == "layer \"guard\": port is 70000; say 1 to 65535")
        let undeclared = #expect(throws: LaminaError.self) {
            _ = try genericChain(("spy", try GenericPlugin.spy(["-DUNDECLARED"])), over: .memory)
        }
        #expect(undeclared?.description.contains("declare LAMINA_PROVIDER_GENERIC in the provider's flags") == true)
    }

    @Test("A layer compiled before an entry existed sees it by its signature")
    func unknownEntries() throws {
        let headers = try TemporaryDirectory.ofProcess().olderHeaders(without: [
            "resolve", "reverse_resolve", "provider_control",
        ])
        let label = LayerOutput.label("spy")
        let file = try GenericPlugin.spy(["-I", headers, "-DLAMINA_ENTRY_PROVIDER_CONTROL=0xffff"])
        let chain = try genericChain(("spy=\(label):writes=yes", file), over: .memory)
        #expect(try chain.resolve("127.0.0.1", port: 80) == [Address(host: "127.0.0.1", port: 80)])
        #expect(LayerOutput.lines(of: label).contains("entry resolve(slot, query, request)"))
        let typed = try CPlugin.build("Fixtures/layers/nothing", options: ["-I", headers])
        let names = try genericChain(("nothing", typed), over: .memory).instances[0].entryNames
        #expect(!names.contains("resolve"))
    }
}

extension TemporaryDirectory {
    /// The headers as they were before the last entries were added.
    fileprivate func olderHeaders(without names: [String]) throws -> String {
        let folder = "\(path)/older-headers"
        let source = "\(PackageTree.root)/Sources/CLamina/include"
        #expect(try run(["cp", "-r", source, folder]) == 0)
        var text = String(decoding: try readAll("\(folder)/lamina_entries.def"), as: UTF8.self)
        for name in names {
            let start = try #require(text.firstRange(of: "LAMINA_CHAIN_ENTRY(\(name),"))
            let end = try #require(text[start.lowerBound...].firstRange(of: "request))\n"))
            text.removeSubrange(start.lowerBound..<end.upperBound)
        }
        try write(text, to: "older-headers/lamina_entries.def")
        return folder
    }
}
