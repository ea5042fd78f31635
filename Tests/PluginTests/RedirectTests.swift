import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// Where the layer `redirect` sends connections.
@Suite("The layer redirect")
struct RedirectTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func chain(_ settings: String, over base: BaseProvider = .kernel) throws -> Chain {
        try PluginTests.chain(
            ("redirect:\(settings)", Plugin.product("Redirect")),
            ("\(base)", "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    private func listener(_ base: BaseProvider, _ address: Address = Address(host: "127.0.0.1", port: 0)) throws
        -> (socket: Socket, port: UInt16)
    {
        let socket = try base.chain().listen(on: address)
        return (socket, try #require(try socket.waiting.localAddress().port))
    }

    private func origin(_ name: String?) -> OriginStorage {
        OriginStorage(process: getpid(), startTime: 0, user: 0, group: 0, executable: nil, name: name)
    }

    /// Where a connect to this destination arrives, or its errno.
    private func arrival(_ chain: Chain, _ destination: String, name: String? = nil) throws -> String {
        let address = try Address(parsing: destination)
        do {
            let socket = try chain.connect(to: address, origin: origin(name), deadline: soon())
            defer { socket.close() }
            return try socket.waiting.remoteAddress().description
        } catch {
            return "\(error.errno)"
        }
    }

    private func write(_ text: String, to name: String = "rules") throws -> String {
        try directory.write(text, to: name)
    }

    // MARK: - What matches

    @Test(
        "A rule is about a name, the names below it, an address, a network, everything, and a port or a range of them",
        arguments: [
            ("192.0.2.1", "192.0.2.1:80", true), ("192.0.2.1", "192.0.2.2:80", false),
            ("192.0.2.1:80", "192.0.2.1:80", true), ("192.0.2.1:443", "192.0.2.1:80", false),
            ("192.0.2.0/24:80", "192.0.2.200:80", true), ("192.0.2.0/25", "192.0.2.128:80", false),
            ("192.0.0.0/13", "192.7.255.1:80", true), ("192.0.0.0/13", "192.8.0.1:80", false),
            ("0.0.0.0/0", "192.0.2.1:80", true), ("0.0.0.0/0", "[2001:db8::1]:80", false),
            ("192.0.2.1", "[::ffff:192.0.2.1]:80", true), ("[::ffff:192.0.2.0]/120", "192.0.2.9:80", true),
            ("[::]/0", "192.0.2.1:80", false), ("[::]/0", "[2001:db8::1]:80", true),
            ("[2001:db8::]/32", "[2001:db8:1::1]:80", true), ("[2001:db8::]/32", "[2001:db9::1]:80", false),
            ("[2001:db8::1]:80", "[2001:db8::1]:80", true), ("[2001:db8::1]:81", "[2001:db8::1]:80", false),
            ("*", "192.0.2.1:80", true), ("*", "a.test:80", true), ("*:*", "[2001:db8::1]:80", true),
            (":80", "[2001:db8::1]:80", true), (":80", "a.test:81", false),
            ("*:8000-8099", "a.test:8000", true), ("*:8000-8099", "a.test:8099", true),
            ("*:8000-8099", "a.test:8100", false), ("*:8000-8099", "a.test:7999", false),
            ("a.test", "A.Test.:80", true), ("A.Test.:*", "a.test:80", true), ("a.test", "b.a.test:80", false),
            ("*.a.test", "b.a.test:80", true), ("*.a.test", "c.b.a.test:80", true), ("*.a.test", "a.test:80", false),
            ("*.a.test", "ba.test:80", false), ("a.test", "192.0.2.1:80", false),
        ]
    )
    func patterns(from: String, destination: String, matches: Bool) throws {
        let (socket, port) = try listener(.memory)
        let chain = try chain("rule=[\(from)=127.0.0.1:\(port)]", over: .memory)
        #expect(try arrival(chain, destination).hasSuffix(":\(port)") == matches)
        socket.close()
    }

    @Test("A rule with a name matches an address that was got for this name, and no other")
    func askedNames() throws {
        let (socket, port) = try listener(.kernel)
        let chain = try chain("rule=[a.test=127.0.0.1:\(port),*.b.test=127.0.0.1:\(port),*=refuse]")
        #expect(try arrival(chain, "192.0.2.1:80", name: "a.test") == "127.0.0.1:\(port)")
        #expect(try arrival(chain, "192.0.2.1:80", name: "X.B.test.") == "127.0.0.1:\(port)")
        #expect(try arrival(chain, "192.0.2.1:80", name: "c.test") == "\(ECONNREFUSED)")
        #expect(try arrival(chain, "192.0.2.1:80") == "\(ECONNREFUSED)")
        socket.close()
    }

    @Test("The first rule that matches decides, and what none matches goes on as it came")
    func order() throws {
        let (one, first) = try listener(.kernel)
        let (two, second) = try listener(.kernel)
        let chain = try chain(
            "rule=[192.0.2.1=127.0.0.1:\(first),192.0.2.0/24=127.0.0.1:\(second),192.0.2.1=refuse,127.0.0.1:1=refuse]"
        )
        #expect(try arrival(chain, "192.0.2.1:80") == "127.0.0.1:\(first)")
        #expect(try arrival(chain, "192.0.2.2:80") == "127.0.0.1:\(second)")
        #expect(try arrival(chain, "127.0.0.1:\(first)") == "127.0.0.1:\(first)")
        for socket in [one, two] { socket.close() }
    }

    // MARK: - Where it goes

    @Test("A target is another host, another port, both, a name, the same, or nothing")
    func targets() throws {
        let (socket, port) = try listener(.kernel)
        let chain = try chain(
            "rule=[192.0.2.1=127.0.0.1,127.0.0.1:7=:\(port),192.0.2.2=127.0.0.1:\(port),192.0.2.3=localhost:\(port),"
                + "localhost:7=:\(port),127.0.0.0/8:\(port)=pass,*=refuse]"
        )
        #expect(try arrival(chain, "192.0.2.1:\(port)") == "127.0.0.1:\(port)")
        #expect(try arrival(chain, "127.0.0.1:7") == "127.0.0.1:\(port)")
        #expect(try arrival(chain, "192.0.2.2:80") == "127.0.0.1:\(port)")
        #expect(try arrival(chain, "127.0.0.1:\(port)") == "127.0.0.1:\(port)")
        // A socket of any family, because a name has addresses of both.
        #expect(try arrival(chain, "localhost:7") == "127.0.0.1:\(port)")
        #expect(try arrival(chain, "192.0.2.3:80") == "127.0.0.1:\(port)")
        let refused = #expect(throws: LaminaError.self) { try chain.connect(to: Address(host: "192.0.2.9", port: 7)) }
        #expect(refused?.errno == ECONNREFUSED)
        #expect(refused?.level == "redirect")
        socket.close()
    }

    @Test("Where a target fails, the next is tried, to the second, to the third, and back to where it was going")
    func failOver() throws {
        let refusing = try [SilentPort(refuses: true), SilentPort(refuses: true)]
        let dead = refusing.map { "127.0.0.1:\($0.port)" }
        let (socket, port) = try listener(.kernel)
        let live = "127.0.0.1:\(port)"
        let chain = try chain(
            "rule=[192.0.2.1=\(dead[0])|\(live),"
                + "192.0.2.2=\(dead[0])|\(dead[1])|\(live),"
                + "192.0.2.3=\(live)|\(dead[0]),\(live)=\(dead[0])|pass,"
                + "192.0.2.4=\(dead[0])|\(dead[1])]"
        )
        #expect(try arrival(chain, "192.0.2.1:80") == live)
        #expect(try arrival(chain, "192.0.2.2:80") == live)
        #expect(try arrival(chain, "192.0.2.3:80") == live)
        #expect(try arrival(chain, live) == live)
        let failure = #expect(throws: LaminaError.self) { try chain.connect(to: Address(host: "192.0.2.4", port: 80)) }
        #expect(failure?.errno == ECONNREFUSED)
        #expect(failure?.level == "kernel")
        socket.close()
        for port in refusing { port.stop() }
    }

    @Test("A deadline that passes, and a cancel, end a connect without a further attempt")
    func givenUp() throws {
        let silent = try SilentPort(refuses: false)
        let (socket, port) = try listener(.kernel)
        let chain = try chain("rule=*=127.0.0.1:\(silent.port)|127.0.0.1:\(port)")
        let late = #expect(throws: LaminaError.self) {
            try chain.connect(to: Address(host: "192.0.2.1", port: 80), deadline: Deadline.after(seconds: 0.05))
        }
        #expect(late?.errno == ETIMEDOUT)
        let client = try chain.open(.connection())
        let calls = PendingCalls()
        #expect(calls.connect(client, to: Address(host: "192.0.2.1", port: 80)) == LAMINA_PENDING)
        calls.cancel(0)
        #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        // The first to reach the second target is who connects to it now.
        let direct = try BaseProvider.kernel.chain().connect(to: Address(host: "127.0.0.1", port: port))
        let first = try socket.waiting.accept(deadline: soon())
        #expect(try first.waiting.remoteAddress() == direct.waiting.localAddress())
        silent.stop()
        for socket in [client, direct, first, socket] { socket.close() }
    }

    @Test("A connect that only tries has no effect where there are two targets")
    func tries() throws {
        let (socket, port) = try listener(.memory)
        let chain = try chain("rule=*=127.0.0.1:1|127.0.0.1:\(port)", over: .memory)
        let client = try chain.open(.connection())
        var address = Address(host: "192.0.2.1", port: 80).c
        let tried = try client.perform { handle, request in
            request.pointee.flags |= UInt32(LAMINA_REQUEST_TRY)
            return lamina_socket_connect(handle, &address, 0, request)
        }
        #expect(tried.status == -EAGAIN)
        try client.waiting.connect(to: Address(host: "192.0.2.1", port: 80))
        #expect(try client.waiting.remoteAddress() == Address(host: "127.0.0.1", port: port))
        for socket in [client, socket] { socket.close() }
    }

    @Test("A target of the other family is reached by a socket that can, else the attempt fails with EAFNOSUPPORT")
    func families() throws {
        let (four, port4) = try listener(.kernel)
        let (six, port6) = try listener(.kernel, Address(host: "::1", port: 0))
        let chain = try chain(
            "rule=[192.0.2.1=[::1]:\(port6),192.0.2.2=[::1]:\(port6)|127.0.0.1:\(port4),"
                + "[2001:db8::1]=127.0.0.1:\(port4)]"
        )
        #expect(try arrival(chain, "192.0.2.1:80") == "\(EAFNOSUPPORT)")
        #expect(try arrival(chain, "192.0.2.2:80") == "127.0.0.1:\(port4)")
        #expect(try arrival(chain, "[2001:db8::1]:80") == "127.0.0.1:\(port4)")
        let any = try chain.open(.connection(AF_UNSPEC))
        try any.waiting.connect(to: Address(host: "192.0.2.1", port: 80))
        #expect(try any.waiting.remoteAddress() == Address(host: "::1", port: port6))
        for socket in [any, four, six] { socket.close() }
    }

    @Test("A connect that brings data is redirected with them", arguments: BaseProvider.allCases)
    func withData(base: BaseProvider) throws {
        let (listener, port) = try listener(base)
        let chain = try chain("rule=192.0.2.1=127.0.0.1:1|127.0.0.1:\(port)", over: base)
        let client = try chain.open(.connection())
        var address = Address(host: "192.0.2.1", port: 80).c
        var bytes = Array("hello".utf8)
        let ended = try bytes.withUnsafeMutableBytes { bytes in
            var buffer = lamina_buffer(base: bytes.baseAddress, length: bytes.count)
            return try client.perform { lamina_socket_connect_with_data($0, &address, &buffer, 1, 0, $1) }
        }
        #expect(ended.status == 0)
        let server = try listener.waiting.accept(deadline: soon())
        #expect(try server.waiting.receive(upTo: 10, deadline: soon()) == Array("hello".utf8))
        for socket in [client, server, listener] { socket.close() }
    }

    @Test("Data calls of a connection pass it by, and Unix sockets go where they were going")
    func passes() throws {
        let chain = try chain("rule=*=refuse", over: .memory)
        let pair = try Pair(try self.chain("rule=192.0.2.1=refuse", over: .memory))
        #expect(chain.effect == .none)
        #expect(pair.client.sendLink.levels == 2)
        try pair.close()
        let path = "\(directory.path)/socket"
        let listener = try self.chain("rule=*=refuse").listen(on: Address(unix: path))
        try self.chain("rule=*=refuse").connect(to: Address(unix: path)).close()
        listener.close()
    }

    // MARK: - Files

    @Test("Rules of the settings come before those of files, and files in the order given; a changed one is read again")
    func files() throws {
        let ports = try (0..<3).map { _ in try listener(.kernel) }
        func at(_ index: Int) -> String { "127.0.0.1:\(ports[index].port)" }
        let first = try write(
            "# rules\n\n192.0.2.1 \(at(1)) # one\n192.0.2.2\t127.0.0.1:1  \(at(1))\r\n192.0.2.3 refuse"
        )
        let second = try write("192.0.2.0/24 \(at(2))\n", to: "second")
        let chain = try chain("rule=192.0.2.1:443=\(at(0)),file=[\(first),\(second)]")
        #expect(try arrival(chain, "192.0.2.1:443") == at(0))
        #expect(try arrival(chain, "192.0.2.1:80") == at(1))
        #expect(try arrival(chain, "192.0.2.2:80") == at(1))
        #expect(try arrival(chain, "192.0.2.3:80") == "\(ECONNREFUSED)")
        #expect(try arrival(chain, "192.0.2.4:80") == at(2))
        func replace(_ text: String) throws {
            let next = try write(text, to: "next")
            #expect(rename(next, first) == 0)
        }
        try replace("192.0.2.1 \(at(2))\n")
        #expect(try arrival(chain, "192.0.2.1:80") == at(2))
        LayerOutput.capture()
        try replace("192.0.2.1 \(at(0))\n192.0.2.1 nowhere:\n")
        #expect(try arrival(chain, "192.0.2.1:80") == at(2))
        #expect(try arrival(chain, "192.0.2.1:80") == at(2))
        let warnings = LayerOutput.lines(of: "redirect").filter { $0.contains(first) }
        #expect(warnings.count == 1)
        #expect(warnings.first?.hasPrefix("\(first):2: ") == true)
        unlink(first)
        #expect(try arrival(chain, "192.0.2.1:80") == at(2))
        for (socket, _) in ports { socket.close() }
    }

    @Test("Rules and files change while the chain is in use, all of them or none, and are told in their order")
    func live() throws {
        let ports = try (0..<2).map { _ in try listener(.kernel) }
        func at(_ index: Int) -> String { "127.0.0.1:\(ports[index].port)" }
        let file = try write("192.0.2.0/24 \(at(1))\n")
        let chain = try chain("rule=192.0.2.1=\(at(0))")
        let redirect = chain.instances[0]
        #expect(try arrival(chain, "192.0.2.1:80") == at(0))
        try redirect.configure("rule", to: "[192.0.2.1:443=\(at(0)),192.0.2.1=refuse]")
        try redirect.configure("file", to: file)
        #expect(try arrival(chain, "192.0.2.1:443") == at(0))
        #expect(try arrival(chain, "192.0.2.1:80") == "\(ECONNREFUSED)")
        #expect(try arrival(chain, "192.0.2.2:80") == at(1))
        let table = [
            "1  192.0.2.1:443=\(at(0))  (rule)", "2  192.0.2.1=refuse  (rule)", "3  192.0.2.0/24=\(at(1))  (\(file))",
            "*  pass",
        ]
        #expect(redirect.rules == table)
        let wrong = #expect(throws: LaminaError.self) { try redirect.configure("rule", to: "[a.test=b,a.test]") }
        #expect(wrong?.description.contains("rule: \"a.test\": has no '='") == true, "\(wrong?.description ?? "")")
        #expect(redirect.rules == table)
        for (socket, _) in ports { socket.close() }
    }

    @Test("The rules of the documentation do what it says")
    func documented() throws {
        let page = "Sources/Lamina/Documentation.docc/Redirecting.md"
        let file = try write(try Documentation.block("text", with: "# FROM", in: page))
        let chain = try chain("file=\(file)", over: .memory)
        let places = ["127.0.0.1:8443", "127.0.0.1:3000", "127.0.0.1:8081", "[::1]:70", "198.51.100.7:81"]
        let listeners = try (places + ["203.0.113.1:9000"]).map { place in
            try BaseProvider.memory.chain().listen(on: try Address(parsing: place))
        }
        let expected = [
            ("www.test:443", places[0]), ("x.dev.test:3000", places[1]), ("192.0.2.5:80", places[2]),
            ("[2001:db8::5]:70", places[3]), ("198.51.100.7:81", places[4]), ("198.51.100.8:81", "\(ECONNREFUSED)"),
            ("203.0.113.1:8050", "203.0.113.1:9000"), ("203.0.113.1:9000", "203.0.113.1:9000"),
        ]
        for (destination, place) in expected { #expect(try arrival(chain, destination) == place) }
        for listener in listeners { listener.close() }
    }

    // MARK: - Mistakes

    @Test(
        "A rule that can't be read is named, with what to write",
        arguments: [
            ("a.test", "has no '='"), ("=a.test", "\"\" is no destination"), ("a.test=", "\"\" is no target"),
            ("a.test=b||c", "\"\" is no target"), ("a*b.test=c", "is no destination"), ("1.2.3=c", "is no destination"),
            ("10.0.0.0/33=c", "is no destination"), ("10.0.0.0/=c", "is no destination"),
            ("[10.0.0.1]=c", "is no destination"), ("[::1=c", "is no destination"), ("[::1]x=c", "is no destination"),
            ("2001:db8::1=c", "without brackets"), ("c=::1", "without brackets"), ("a.test/8=c", "is no destination"),
            ("a.test:0=c", "\"0\" is no port"), ("a.test:65536=c", "\"65536\" is no port"),
            ("a.test:9-8=c", "\"9-8\" is no port"), ("a.test:=c", "\"\" is no port"),
            ("a.test=c:*", "\"*\" is no port"),
            ("a.test=c:1-2", "\"1-2\" is no port"), ("a.test=10.0.0.0/8", "is no target"), ("a.test=*", "is no target"),
            ("a.test=1.2.3.4.5", "is no target"), ("a.test=b|refuse", "write it alone"),
        ]
    )
    func mistakes(rule: String, cause: String) throws {
        let failure = #expect(throws: LaminaError.self) { try chain("rule=[b.test=pass,\"\(rule)\"]", over: .memory) }
        let text = failure?.description ?? ""
        #expect(text.contains("rule: \"\(rule)\": ") && text.contains(cause) && text.contains("write"), "\(text)")
        #expect(!text.contains("\n"))
    }

    @Test(
        "A bad line is named by file and line, and so is a file that isn't there",
        arguments: ["a.test", "a.test:99999 b.test", "a.test b.test refuse", "10.0.0.0/8 2001:db8::1"]
    )
    func badLines(line: String) throws {
        let file = try write("a.test pass\n# fine\n\(line)\n")
        let failure = #expect(throws: LaminaError.self) { try chain("file=\(file)", over: .memory) }
        #expect(failure?.description.contains("\(file):3: ") == true, "\(failure?.description ?? "")")
        let absent = #expect(throws: LaminaError.self) { try chain("file=\(file).absent", over: .memory) }
        #expect(absent?.description.contains("\(file).absent: can't be opened") == true)
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Redirect")
    }
}
