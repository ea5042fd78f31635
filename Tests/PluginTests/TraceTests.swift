import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The layer trace")
struct TraceTests {
    let scratch: TemporaryDirectory
    let echo: String

    init() throws {
        scratch = try TemporaryDirectory()
        echo = try Plugin.build("echo")
    }

    /// A chain of trace with these settings, writing to a file, over a base that sends everything back.
    private func traced(_ settings: String, file: String = "trace") throws -> Chain {
        let separator = settings.isEmpty ? "" : ","
        return try chain(
            ("trace:file=\(scratch.path)/\(file)\(separator)\(settings)", Plugin.product("Trace")),
            ("echo", echo)
        )
    }

    /// Each line without what differs from run to run: the time, the process and the duration.
    private func facts(_ file: String = "trace") throws -> [String] {
        try scratch.lines(file).map { line in
            let words = line.split(separator: " ").drop { !$0.hasPrefix("#") }.dropFirst()
            guard let end = words.lastIndex(of: "in") else { return line }
            let data = words[(end + 3)...]
            return (words[..<end] + data).joined(separator: " ")
        }
    }

    @Test("Each call is one line with its arguments, its result and, where it is asked for, its data")
    func calls() throws {
        let chain = try traced("data=text,bytes=8")
        #expect(chain.effect == .observe || chain.instances[0].effect == .observe)
        let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 8080))
        try socket.waiting.send(Array("GET / HTTP/1.1\r\n".utf8))
        #expect(try socket.waiting.receive(upTo: 4, deadline: soon()) == Array("GET ".utf8))
        try socket.waiting.disconnect()
        #expect(try socket.waiting.receive(upTo: 100, deadline: soon()).count == 12)
        #expect(try socket.waiting.receive(upTo: 4, deadline: soon()) == [])
        try socket.waiting.close()
        #expect(
            try facts() == [
                "open inet stream connection = 0",
                "connect 127.0.0.1:8080 = 0",
                "send 16 bytes = 16 bytes \"GET / HT\"...",
                "receive up to 4 bytes = 4 bytes \"GET \"",
                "disconnect send = 0",
                "receive up to 100 bytes = 12 bytes \"/ HTTP/1\"...",
                "receive up to 4 bytes = 0 bytes end",
                "close = 0",
            ]
        )
    }

    @Test("A line says when, which program and which socket, and stays short")
    func layout() throws {
        let socket = try traced("entries=connect").connect(to: Address(host: "255.255.255.255", port: 65535))
        let line = try #require(try scratch.lines("trace").first)
        let program = OriginStorage.program.executable?.split(separator: "/").last.map(String.init) ?? ""
        #expect(line.contains("\(program)[\(getpid())] #\(socket.serial) "))
        let time = line.prefix(15)
        #expect(
            time.filter { $0 == ":" }.count == 2 && time.dropFirst(8).first == "." && line.dropFirst(15).first == " "
        )
        #expect(line.utf8.count + "lamina: trace: ".utf8.count <= 120 + max(0, program.utf8.count - 8))
        socket.close()
    }

    @Test("A failure names its error and the level that it came from")
    func failure() throws {
        let socket = try traced("entries=connect").open(.connection())
        var address = Address(host: "::1", port: 1).c
        #expect(try socket.perform { lamina_socket_connect($0, &address, 2, $1) }.status == -EINVAL)
        #expect(try facts() == ["connect [::1]:1 = EINVAL from echo"])
        socket.close()
    }

    @Test("A call that pends has one line, written when it has ended")
    func pending() async throws {
        let socket = try traced("format=json,entries=receive").connect(to: Address(host: "127.0.0.1", port: 1))
        async let received = socket.receive(upTo: 100)
        // The receive must be waiting before something comes: a second one would be behind it.
        while socket.handle.slot.pointee.column.pointee.pending == 0 { await Task.yield() }
        #expect(try scratch.lines("trace").isEmpty)
        try await socket.send(Array("late".utf8))
        #expect(try await received == Array("late".utf8))
        let lines = try scratch.lines("trace")
        #expect(lines.count == 1)
        let line = try JSON(parsing: Array(lines[0].utf8), named: "line")
        #expect(line.objectValue?["pended"] == true)
        #expect(line.objectValue?["bytes"] == 4)
        try await socket.closed()
    }

    @Test("JSON lines are JSON, whatever the bytes and names")
    func json() throws {
        let socket = try traced("format=json,data=text,bytes=300").open(.connection())
        let odd = "/tmp/\"a\\\nb\u{7f}é"
        try socket.waiting.connect(to: Address(unix: odd))
        let bytes = (0...255).map { UInt8($0) }
        try socket.waiting.send(bytes)
        try socket.waiting.close()
        let lines = try scratch.lines("trace").map { try JSON(parsing: Array($0.utf8), named: "line") }
        #expect(lines.compactMap { $0.objectValue?["call"]?.stringValue } == ["open", "connect", "send", "close"])
        let connect = try #require(lines[1].objectValue)
        #expect(connect["address"]?.stringValue == "unix:/tmp/\\\"a\\\\\\nb\\x7f\\xc3\\xa9")
        #expect(connect["pid"] == .integer(Int64(getpid())))
        #expect(connect["socket"] == .integer(Int64(clamping: socket.serial)))
        #expect(connect["status"] == 0)
        let data = try #require(lines[2].objectValue?["data"]?.stringValue)
        #expect(data.unicodeScalars.map { UInt8(clamping: $0.value) } == bytes)
    }

    @Test("data=hex shows the first bytes in hexadecimal")
    func hex() throws {
        let socket = try traced("data=hex,bytes=3,entries=send").connect(to: Address(host: "127.0.0.1", port: 1))
        try socket.waiting.send([0, 0xFF, 0x41, 0x42])
        #expect(try facts() == ["send 4 bytes = 4 bytes 00 ff 41..."])
        socket.close()
    }

    @Test("Without data no data call is linked: it costs what it costs with no layer")
    func none() throws {
        let chain = try traced("data=none")
        #expect(chain.instances[0].effect == .none)
        let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 1))
        let bare = try PluginTests.chain(("echo", echo)).connect(to: Address(host: "127.0.0.1", port: 1))
        #expect(socket.sendLink.function == bare.sendLink.function)
        #expect(socket.sendLink.levels == 2 && bare.sendLink.levels == 1)
        try socket.waiting.send(Array("unseen".utf8))
        #expect(try socket.waiting.receive(upTo: 6, deadline: soon()) == Array("unseen".utf8))
        let sizes = try traced("", file: "sizes").connect(to: Address(host: "127.0.0.1", port: 1))
        #expect(sizes.sendLink.function != bare.sendLink.function)
        for socket in [socket, bare, sizes] { try socket.waiting.close() }
        #expect(try facts() == ["open inet stream connection = 0", "connect 127.0.0.1:1 = 0", "close = 0"])
        #expect(try facts("sizes").count == 3)
    }

    @Test("Only the entries, classes or failures that are asked for are shown, and nothing else is lost")
    func filters() throws {
        let names = ["entries=[connect,disconnect]", "entries=data-out", "entries=lifetime", "errors"]
        for (index, name) in names.enumerated() {
            let socket = try traced(name, file: "\(index)").connect(to: Address(host: "127.0.0.1", port: 1))
            try socket.waiting.send([1, 2])
            #expect(try socket.waiting.receive(upTo: 2, deadline: soon()) == [1, 2])
            try socket.waiting.disconnect()
            #expect(throws: LaminaError.self) { try socket.waiting.send([3]) }
            try socket.waiting.close()
        }
        #expect(try facts("0") == ["connect 127.0.0.1:1 = 0", "disconnect send = 0"])
        #expect(
            try facts("1") == ["send 2 bytes = 2 bytes", "disconnect send = 0", "send 1 byte = EPIPE from echo"]
        )
        #expect(try facts("2") == ["open inet stream connection = 0", "close = 0"])
        #expect(try facts("3") == ["send 1 byte = EPIPE from echo"])
    }

    @Test("A wrong setting is refused with one sentence")
    func wrongSettings() throws {
        func refusal(_ settings: String) -> String {
            let made = { try chain(("trace:\(settings)", Plugin.product("Trace")), ("echo", echo)) }
            return #expect(throws: LaminaError.self) { try made() }?.description ?? "made"
        }
        #expect(
            refusal("entries=conect") == "layer \"trace\": entries: \"conect\" is no choice; did you mean \"connect\"?"
        )
        #expect(refusal("bytes=1MB") == "layer \"trace\": bytes is more than 64k; give less")
        #expect(
            refusal("file=\(scratch.path)/none/trace").hasSuffix(
                "/none/trace can't be opened: No such file or directory; give a file in a directory that you may write"
            )
        )
    }

    @Test("Every entry, indication and class that there is may be asked for by its name")
    func names() throws {
        let names = try #require(
            try Library.load(Plugin.product("Trace")).provider().manifest.settings.first { $0.name == "entries" }
        ).choices
        for number in 0..<UInt32(LAMINA_ENTRY_COUNT) {
            #expect(names.contains(String(cString: lamina_describe_entry(number).pointee.name)))
        }
        for number in 0..<UInt32(LAMINA_INDICATION_COUNT) {
            #expect(names.contains(String(cString: lamina_describe_indication(number).pointee.name)))
        }
        for name in names {
            let made = try chain(("trace:entries=\(name)", Plugin.product("Trace")), ("echo", echo))
            #expect(!made.instances[0].entryNames.isEmpty || !made.instances[0].indicationNames.isEmpty, "\(name)")
        }
    }

    @Test("Without a file, lines go to the framework's output and begin with lamina: and the label")
    func output() throws {
        LayerOutput.capture()
        let label = LayerOutput.label("trace")
        let chain = try chain(("trace=\(label):entries=connect", Plugin.product("Trace")), ("echo", echo))
        let socket = try chain.connect(to: Address(host: "host.example", port: 443))
        let lines = LayerOutput.lines(of: label)
        #expect(lines.count == 1)
        #expect(lines.first?.split(separator: " ").contains("host.example:443") == true)
        socket.close()
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Trace")
    }
}

/// Compares a plug-in's manifest file with what the plug-in itself says.
func expectManifest(of name: String, settings: String? = nil) throws {
    let file = "\(PackageTree.root)/Plugins/\(name)/manifest.json"
    let written = try Manifest(parsing: try readAll(file), file: "manifest.json")
    let provider = try Library.load(Plugin.product(name)).provider()
    var said = provider.manifest
    said.library = written.library
    said.entries = written.entries
    said.indications = written.indications
    said.name = written.name
    #expect(said == written)
    #expect(provider.name == name.lowercased())
    let echo = try Library.load(try Plugin.build("echo")).provider()
    let layer = try LayerSpecification(parsing: settings.map { "\(provider.name):\($0)" } ?? provider.name)
    let instance = try Chain([(layer, provider), (try LayerSpecification(parsing: "echo"), echo)]).instances[0]
    #expect(instance.entryNames == written.entries)
    #expect(instance.indicationNames == written.indications)
}
