import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What the layer `meter` counts, and whom it tells.
@Suite("The layer meter")
struct MeterTests {
    private let directory: TemporaryDirectory
    private let label = LayerOutput.label("meter")

    init() throws {
        directory = try TemporaryDirectory()
        LayerOutput.capture()
    }

    private var path: String { "\(directory.path)/meter" }

    private func chain(_ settings: String, over base: BaseProvider = .memory) throws -> Chain {
        try PluginTests.chain(
            ("meter=\(label):\(settings)", Plugin.product("Meter")),
            ("\(base)", "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    private func origin(_ program: String, name: String? = nil) -> OriginStorage {
        OriginStorage(process: 1, startTime: 0, user: 0, group: 0, executable: program, name: name)
    }

    /// Connects to a Unix socket.
    private func dial() throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0, "errno \(errno)")
        return descriptor
    }

    /// What the server answers to these bytes.
    private func answer(_ request: String) throws -> String {
        let descriptor = try dial()
        defer { close(descriptor) }
        _ = send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL))
        return String(decoding: drain(descriptor), as: UTF8.self)
    }

    private func drain(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        return bytes
    }

    /// The numbers as they are now, by their names with labels, without the layer's.
    private func numbers() throws -> [String: Double] {
        let text = try answer("GET /metrics HTTP/1.0\r\n\r\n")
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"))
        return values(in: text)
    }

    private func values(in text: String) -> [String: Double] {
        var numbers: [String: Double] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("lamina_") {
            guard let space = line.lastIndex(of: " ") else { continue }
            var name = String(line[..<space])
            let layer = "layer=\"\(label)\","
            #expect(name.contains(layer))
            if let range = name.firstRange(of: layer) { name.removeSubrange(range) }
            numbers[name] = Double(line[line.index(after: space)...])
        }
        return numbers
    }

    // MARK: - Numbers

    @Test(
        "Sockets, bytes, calls and times are counted by program and peer, in both directions",
        arguments: BaseProvider.allCases
    )
    func counts(base: BaseProvider) throws {
        let chain = try chain("listen=unix:\(path)", over: base)
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let port = try #require(try listener.waiting.localAddress().port)
        let client = try chain.connect(
            to: Address(host: "127.0.0.1", port: port),
            origin: origin("/usr/bin/curl", name: "a.test")
        )
        let server = try listener.waiting.accept(deadline: soon())
        try client.waiting.send(Array("hello".utf8))
        try client.waiting.send(Array("again".utf8))
        try server.waiting.send([1, 2, 3])
        #expect(try client.waiting.receive(upTo: 10, deadline: soon()).count == 3)
        let labels = "program=\"curl\",peer=\"a.test:\(port)\""
        var numbers = try numbers()
        #expect(numbers["lamina_sockets_total{\(labels),direction=\"out\"}"] == 1)
        #expect(numbers["lamina_sockets_open{\(labels)}"] == 1)
        #expect(numbers["lamina_data_bytes_total{\(labels),direction=\"sent\"}"] == 10)
        #expect(numbers["lamina_data_bytes_total{\(labels),direction=\"received\"}"] == 3)
        #expect(numbers["lamina_calls_total{\(labels),call=\"connect\"}"] == 1)
        #expect(numbers["lamina_calls_total{\(labels),call=\"send\"}"] == 2)
        for call in ["connect", "send", "receive"] {
            let calls = numbers["lamina_call_duration_seconds_count{\(labels),call=\"\(call)\"}"]
            #expect(calls == numbers["lamina_calls_total{\(labels),call=\"\(call)\"}"])
            #expect(numbers["lamina_call_duration_seconds_bucket{\(labels),call=\"\(call)\",le=\"+Inf\"}"] == calls)
            #expect(try #require(numbers["lamina_call_duration_seconds_sum{\(labels),call=\"\(call)\"}"]) > 0)
        }
        for socket in [client, server] { try socket.waiting.close() }
        numbers = try self.numbers()
        #expect(numbers["lamina_sockets_open{\(labels)}"] == 0)
        listener.close()
    }

    @Test("A receive that waits is as long as its wait")
    func times() throws {
        let chain = try chain("listen=unix:\(path)")
        let pair = try Pair(chain)
        let start = clinux_monotonic()
        let late = #expect(throws: LaminaError.self) {
            try pair.client.waiting.receive(upTo: 1, deadline: Deadline.after(seconds: 0.05))
        }
        let most = Double(clinux_monotonic() - start) / 1e9
        #expect(late?.errno == ETIMEDOUT)
        let numbers = try numbers()
        let sums = numbers.filter { $0.key.contains("seconds_sum") && $0.key.contains("call=\"receive\"") }
        let sum = sums.values.reduce(0, +)
        #expect(sum >= 0.05 && sum <= most, "\(sum)")
        let short = numbers.filter {
            $0.key.contains("call=\"receive\",le=\"0.016384\"") || $0.key.contains("le=\"0.016\"")
        }
        #expect(short.values.reduce(0, +) == 0)
        #expect(numbers.filter { $0.key.contains("errno=\"ETIMEDOUT\"") }.values.reduce(0, +) == 1)
        try pair.close()
    }

    @Test("Accepted sockets are told apart by who connected, and errors by their names")
    func inbound() throws {
        let chain = try chain("listen=unix:\(path)", over: .kernel)
        let pair = try Pair(chain)
        let refusing = try SilentPort(refuses: true)
        _ = try? chain.connect(
            to: Address(host: "127.0.0.1", port: UInt16(refusing.port)),
            origin: origin("/bin/a\"b\\")
        )
        let numbers = try numbers()
        #expect(numbers.contains { $0.key.contains("peer=\"127.0.0.1\",direction=\"in\"") && $0.value == 1 })
        let labels = "program=\"a\\\"b\\\\\",peer=\"127.0.0.1:\(refusing.port)\""
        #expect(numbers["lamina_errors_total{\(labels),errno=\"ECONNREFUSED\"}"] == 1)
        refusing.stop()
        try pair.close()
    }

    @Test("Datagrams are counted by the peer of the connect, and else under none")
    func datagrams() throws {
        let chain = try chain("listen=unix:\(path)")
        let sockets = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        try sockets[0].waiting.send([1, 2, 3], to: try sockets[1].waiting.localAddress())
        #expect(try sockets[1].waiting.receiveDatagram(deadline: soon()).bytes.count == 3)
        let numbers = try numbers()
        for direction in ["sent", "received"] {
            let found = numbers.filter { $0.key.contains("peer=\"none\",direction=\"\(direction)\"") }
            #expect(found.values.reduce(0, +) == 3)
        }
        for socket in sockets { socket.close() }
    }

    @Test("Peers beyond the limit are counted as other, and programs far beyond it too; the limit is live")
    func cardinality() throws {
        let chain = try chain("listen=unix:\(path),peers=3")
        func connect(_ port: Int, _ program: String) {
            _ = try? chain.connect(to: Address(host: "192.0.2.1", port: UInt16(port)), origin: origin(program))
        }
        for port in 1...10 { connect(port, "/bin/a") }
        var open = try numbers().filter { $0.key.hasPrefix("lamina_calls_total") && $0.key.contains("connect") }
        #expect(open.count == 4)
        #expect(open["lamina_calls_total{program=\"a\",peer=\"other\",call=\"connect\"}"] == 7)
        for number in 1...100 { connect(1, "/bin/p\(number)") }
        open = try numbers().filter { $0.key.hasPrefix("lamina_calls_total") && $0.key.contains("connect") }
        #expect(open.count == 3 + 32 + 1)
        #expect(open.values.reduce(0, +) == 110)
        #expect(try #require(open["lamina_calls_total{program=\"other\",peer=\"other\",call=\"connect\"}"]) > 60)
        try chain.instances[0].configure("peers", to: "100")
        connect(77, "/bin/late")
        #expect(try numbers()["lamina_calls_total{program=\"late\",peer=\"192.0.2.1:77\",call=\"connect\"}"] == 1)
    }

    // MARK: - The server

    @Test(
        "What isn't a request for the numbers is answered as HTTP has it",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK"), ("GET /metrics?a=b HTTP/1.0\n\n", "200 OK"),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK"), ("GET /other HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"), ("nonsense\r\n\r\n", "400 Bad Request"),
            ("\r\n\r\n", "400 Bad Request"), (String(repeating: "x", count: 9000), "400 Bad Request"),
        ]
    )
    func requests(request: String, status: String) throws {
        let chain = try chain("listen=unix:\(path)")
        let text = try answer(request)
        #expect(text.hasPrefix("HTTP/1.1 \(status)\r\n"), "\(text.prefix(100))")
        #expect(request.hasPrefix("HEAD") == text.hasSuffix("\r\n\r\n") || status != "200 OK")
        #expect(chain.instances.count == 2)
    }

    @Test("Readers that never read, never ask or ask in drops hold up nobody, and the oldest gives way")
    func hostile() throws {
        let chain = try chain("listen=unix:\(path),peers=5000")
        for port in 1...300 {
            _ = try? chain.connect(to: Address(host: "192.0.2.1", port: UInt16(port)), origin: origin("/bin/a"))
        }
        var idle: [Int32] = []
        for number in 0..<24 {
            let descriptor = try dial()
            // It asks, and reads nothing of some hundred kilobytes; it asks for a part; it says nothing.
            let text = ["GET / HTTP/1.1\r\n\r\n", "GET /", ""][number % 3]
            if !text.isEmpty { _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }
            idle.append(descriptor)
            let pair = try Pair(chain)
            try pair.client.waiting.send([1])
            try pair.close()
            #expect(try numbers().count > 300)
        }
        // Those that gave way were closed.
        #expect(drain(idle[1]).isEmpty)
        for descriptor in idle { close(descriptor) }
    }

    @Test("A port is printed, and serves")
    func port() throws {
        let chain = try chain("listen=127.0.0.1:0")
        let line = try #require(LayerOutput.lines(of: label).first)
        #expect(line.hasPrefix("serves http://127.0.0.1:") && line.hasSuffix("/metrics"))
        let port = try #require(UInt16(line.dropFirst("serves http://127.0.0.1:".count).prefix { $0 != "/" }))
        let socket = try BaseProvider.kernel.chain().connect(to: Address(host: "127.0.0.1", port: port))
        try socket.waiting.send(Array("GET / HTTP/1.0\r\n\r\n".utf8))
        let answer = try socket.waiting.receive(upTo: 65536, deadline: soon())
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 200 OK\r\n"))
        socket.close()
        #expect(chain.instances.count == 2)
    }

    @Test("The socket's path goes with the chain; one that somebody left is taken over, one in use isn't")
    func paths() throws {
        do {
            let chain = try chain("listen=unix:\(path)")
            let taken = #expect(throws: LaminaError.self) { try self.chain("listen=unix:\(path)") }
            #expect(taken?.description.contains("unix:\(path): can't be listened at (Address already in use)") == true)
            #expect(try numbers().isEmpty)
            #expect(chain.instances.count == 2)
        }
        #expect(access(path, F_OK) != 0)
        // A socket that nobody listens at.
        let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                #expect(bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0)
            }
        }
        close(left)
        let chain = try chain("listen=unix:\(path)")
        #expect(try numbers().isEmpty)
        #expect(chain.instances.count == 2)
    }

    @Test("A file that is no socket is never taken for one that somebody left")
    func notASocket() throws {
        let file = "\(directory.path)/letters"
        #expect(try Child.run(["sh", "-c", "echo dear >\(file)"]).code == 0)
        let failure = #expect(throws: LaminaError.self) { try chain("listen=unix:\(file)") }
        #expect(failure?.description.contains("(Address already in use)") == true, "\(failure?.description ?? "")")
        #expect(try readAll(file) == Array("dear\n".utf8))
    }

    @Test(
        "A place that can't be listened at refuses the chain and says why",
        arguments: [
            ("nowhere", "is no place"), ("127.0.0.1", "is no place"), ("127.0.0.1:99999", "is no place"),
            ("192.0.2.1:0", "can't be listened at"), ("::1", "without brackets"), ("unix:", "a path has 1 to"),
            ("unix:/nowhere/at/all", "can't be listened at (No such file or directory)"),
        ]
    )
    func mistakes(place: String, cause: String) throws {
        let failure = #expect(throws: LaminaError.self) { try chain("listen=\(place)") }
        #expect(failure?.description.contains(cause) == true, "\(failure?.description ?? "")")
    }

    // MARK: - The file

    @Test("The numbers are written when the chain ends, and promtool finds nothing wrong with them")
    func file() throws {
        let file = "\(directory.path)/numbers.prom"
        do {
            let pair = try Pair(try chain("file=\(file)"))
            try pair.client.waiting.send([1, 2, 3])
            #expect(try pair.server.waiting.receive(upTo: 9, deadline: soon()).count == 3)
            try pair.close()
        }
        let text = String(decoding: try readAll(file), as: UTF8.self)
        #expect(values(in: text).contains { $0.key.contains("direction=\"sent\"") && $0.value == 3 })
        guard try Child.run(["sh", "-c", "command -v promtool"]).code == 0 else {
            print("promtool isn't installed: Debian's prometheus has it")
            return
        }
        let checked = try Child.run(["sh", "-c", "promtool check metrics <\(file)"])
        #expect(checked.code == 0 && checked.output.isEmpty && checked.errors.isEmpty, "\(checked)")
    }

    @Test("A file that can't be written refuses the chain, and nothing is left beside it")
    func badFile() throws {
        for file in ["/dev/full/numbers", directory.path] {
            let failure = #expect(throws: LaminaError.self) { try chain("file=\(file)") }
            #expect(failure?.description.contains("\(file): can't be written") == true, "\(failure?.description ?? "")")
        }
        #expect(try Child.run(["ls", directory.path]).lines.isEmpty)
    }

    @Test("A file that can't be written any more when the chain ends is named in the log")
    func lostFile() throws {
        let folder = "\(directory.path)/folder"
        #expect(mkdir(folder, 0o700) == 0)
        do {
            let chain = try chain("file=\(folder)/numbers")
            #expect(rmdir(folder) == 0 && chain.instances.count == 2)
        }
        let lines = LayerOutput.lines(of: label)
        #expect(lines.contains { $0.contains("\(folder)/numbers: can't be written") }, "\(lines)")
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Meter")
    }
}
