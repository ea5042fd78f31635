import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

/// What the layer `hosts` answers, over a base that asks nobody.
@Suite("The layer hosts")
struct HostsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func chain(_ settings: String, above layer: (String, String)? = nil) throws -> Chain {
        let parts = [("hosts:\(settings)", Plugin.product("Hosts"))] + (layer.map { [$0] } ?? [])
        return try Chain(
            (parts + [("memory", Plugin.product("Memory"))]).map {
                (try LayerSpecification(parsing: $0.0), try Library.load($0.1).provider())
            }
        )
    }

    private func answers(_ chain: Chain, _ name: String, family: Int32 = AF_UNSPEC) -> [String] {
        do {
            return try chain.resolve(name, port: 7, family: family).map(\.description)
        } catch {
            return ["\(error.errno)"]
        }
    }

    private func write(_ text: String, to name: String = "hosts") throws -> String {
        let path = "\(directory.path)/\(name)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        try #require(descriptor >= 0)
        #expect(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
        return path
    }

    @Test(
        "Addresses of both families are answered in their order, by family, in either case, with a final dot or without"
    )
    func addresses() throws {
        let chain = try chain("map=[a.test=192.0.2.1,A.Test=2001:db8::1,a.test=192.0.2.2]")
        #expect(answers(chain, "a.test") == ["192.0.2.1:7", "[2001:db8::1]:7", "192.0.2.2:7"])
        #expect(answers(chain, "A.TEST.", family: AF_INET6) == ["[2001:db8::1]:7"])
        #expect(answers(chain, "a.test", family: AF_INET) == ["192.0.2.1:7", "192.0.2.2:7"])
        #expect(answers(chain, "other.test") == ["\(ENOENT)"])
        #expect(answers(chain, "localhost", family: AF_INET) == ["127.0.0.1:7"])
    }

    @Test("Names change while the chain is in use, all of them or none, and are told as they decide")
    func live() throws {
        let chain = try chain("map=[a.test=192.0.2.1]")
        let hosts = chain.instances[0]
        try hosts.configure("map", to: "[*.test=192.0.2.9,a.test=192.0.2.2|::1,b.a.test=refuse]")
        try hosts.configure("file", to: try write("192.0.2.3 c.test\n"))
        #expect(answers(chain, "a.test") == ["192.0.2.2:7", "[::1]:7"])
        let table = [
            "1  a.test=192.0.2.2|::1  (map)", "2  b.a.test=refuse  (map)", "3  *.test=192.0.2.9  (map)",
            "4  c.test=192.0.2.3  (\(directory.path)/hosts)", "*  pass",
        ]
        #expect(hosts.rules == table)
        let wrong = #expect(throws: LaminaError.self) { try hosts.configure("map", to: "[a.test=192.0.2.4,b.test]") }
        #expect(wrong?.description.contains("map: \"b.test\" has no '='") == true, "\(wrong?.description ?? "")")
        #expect(answers(chain, "a.test") == ["192.0.2.2:7", "[::1]:7"])
        try hosts.configure("map", to: "[]")
        #expect(answers(chain, "a.test") == ["\(ENOENT)"])
        #expect(answers(chain, "c.test") == ["192.0.2.3:7"])
    }

    @Test("A name without an address of the family is told apart from one that isn't there")
    func families() throws {
        let chain = try chain("map=[four.test=192.0.2.1]")
        #expect(answers(chain, "four.test", family: AF_INET6) == ["\(EADDRNOTAVAIL)"])
    }

    @Test("An exact name comes before a wildcard, and a longer wildcard before a shorter one")
    func wildcards() throws {
        let chain = try chain("map=[*=192.0.2.9,*.test=192.0.2.1,*.b.test=192.0.2.2,x.b.test=192.0.2.3]")
        #expect(answers(chain, "x.b.test") == ["192.0.2.3:7"])
        #expect(answers(chain, "y.z.b.test") == ["192.0.2.2:7"])
        #expect(answers(chain, "b.test") == ["192.0.2.1:7"])
        #expect(answers(chain, "test") == ["192.0.2.9:7"])
        #expect(answers(chain, "127.0.0.1") == ["127.0.0.1:7"], "numbers are no names")
    }

    @Test("A name can be refused, passed on, or asked for by another name, and one that leads to itself ends")
    func rules() throws {
        let chain = try chain(
            "map=[*=192.0.2.9,bad.test=refuse,localhost=pass,old.test=localhost,far.test=old.test,one.test=two.test,"
                + "two.test=one.test]"
        )
        #expect(answers(chain, "bad.test") == ["\(ENOENT)"])
        #expect(answers(chain, "localhost", family: AF_INET) == ["127.0.0.1:7"])
        #expect(answers(chain, "far.test", family: AF_INET) == ["127.0.0.1:7"])
        #expect(answers(chain, "one.test") == ["\(ELOOP)"])
    }

    @Test("The levels below see the name that a question goes on under, and the answer is the asker's")
    func renamed() throws {
        LayerOutput.capture()
        let label = LayerOutput.label("trace")
        let trace = ("trace=\(label):entries=resolve", Plugin.product("Trace"))
        let chain = try chain("map=[old.test=localhost]", above: trace)
        let answer = try chain.lookUp(NameQuestion("old.test", port: 5, options: .canonicalName))
        #expect(answer.addresses.first == Address(host: "127.0.0.1", port: 5))
        #expect(answer.canonicalName == "localhost")
        #expect(LayerOutput.lines(of: label).contains { $0.contains("localhost") })
        #expect(!LayerOutput.lines(of: label).contains { $0.contains("old.test") })
    }

    @Test("Static addresses have the first name that was given them; others are the levels' below")
    func reverse() throws {
        let file = try write("192.0.2.1 full.test short\n2001:db8::1 six.test\n")
        let chain = try chain("file=\(file)")
        #expect(try chain.name(of: Address(host: "192.0.2.1", port: 0)) == "full.test")
        #expect(try chain.name(of: Address(host: "2001:db8::1", port: 0)) == "six.test")
        #expect(try chain.name(of: Address(host: "127.0.0.1", port: 0)) == "localhost")
        #expect(try chain.name(of: Address(host: "192.0.2.1", port: 0), flags: NI_NUMERICHOST) == "192.0.2.1")
        let answer = try chain.lookUp(NameQuestion("short", options: .canonicalName))
        #expect(answer.canonicalName == "full.test")
    }

    @Test(
        "A file has hosts(5) lines, wildcards, refuse, pass and other names; settings come before it, it before others"
    )
    func files() throws {
        let first = try write(
            "# names\n192.0.2.1\ta.test  b.test # two\n\n::1 a.test\nrefuse *.bad.test\n=a.test c.test\n"
        )
        let second = try write("192.0.2.8 a.test d.test e.test\npass d.test\r\n", to: "second")
        #expect(throws: LaminaError.self, "two things at once") { try self.chain("file=[\(first),\(second)]") }
        let third = try write("192.0.2.8 a.test d.test e.test\n", to: "third")
        let chain = try chain("map=[e.test=192.0.2.7],file=[\(first),\(third)]")
        #expect(answers(chain, "a.test") == ["192.0.2.1:7", "[::1]:7"])
        #expect(answers(chain, "c.test", family: AF_INET) == ["192.0.2.1:7"])
        #expect(answers(chain, "x.bad.test") == ["\(ENOENT)"])
        #expect(answers(chain, "d.test") == ["192.0.2.8:7"])
        #expect(answers(chain, "e.test") == ["192.0.2.7:7"])
    }

    @Test("A changed file is read again; one that can't be read leaves what it said before")
    func changes() throws {
        let file = try write("192.0.2.1 a.test\n")
        let chain = try chain("file=\(file)")
        #expect(answers(chain, "a.test") == ["192.0.2.1:7"])
        _ = try write("192.0.2.22 a.test\n", to: "next")
        #expect(rename("\(directory.path)/next", file) == 0)
        #expect(answers(chain, "a.test") == ["192.0.2.22:7"])
        _ = try write("192.0.2.333 a.test\n", to: "next")
        #expect(rename("\(directory.path)/next", file) == 0)
        #expect(answers(chain, "a.test") == ["192.0.2.22:7"])
        unlink(file)
        #expect(answers(chain, "a.test") == ["192.0.2.22:7"])
    }

    @Test(
        "What can't be read is named: the setting, or the file and the line",
        arguments: [
            ("map=[a.test]", "map: \"a.test\" has no '='"), ("map=[a.test=1.2.3]", "names no address"),
            ("map=[a*b.test=::1]", "is no name"), ("map=[a.test=b.test|]", "names no address"),
            ("map=[a.test=::1|refuse]", "names no address"), ("map=[a.test=refuse,a.test=pass]", "two things at once"),
            ("file=/nonexistent/hosts", "/nonexistent/hosts: can't be opened"),
        ]
    )
    func mistakes(settings: String, cause: String) throws {
        let failure = #expect(throws: LaminaError.self) { try chain(settings) }
        #expect(failure?.description.contains(cause) == true, "\(failure?.description ?? "")")
    }

    @Test(
        "A bad line is named by file and line",
        arguments: ["192.0.2.300 a.test", "192.0.2.1", "=7 a.test", "::1 a*b"]
    )
    func badLines(line: String) throws {
        let file = try write("127.0.0.1 localhost\n# fine\n\(line)\n")
        let failure = #expect(throws: LaminaError.self) { try chain("file=\(file)") }
        #expect(failure?.description.contains("\(file):3: ") == true, "\(failure?.description ?? "")")
    }

    @Test("A connect to a name that came down unresolved tries its addresses in order; a refused one is refused")
    func connects() throws {
        let chain = try chain("map=[a.test=127.0.0.9,a.test=127.0.0.1,alias.test=a.test,bad.test=refuse]")
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let port = try #require(try listener.waiting.localAddress().port)
        for name in ["a.test", "alias.test", "localhost"] {
            let socket = try chain.connect(to: Address(host: name, port: port))
            #expect(try socket.waiting.remoteAddress() == Address(host: "127.0.0.1", port: port))
            socket.close()
        }
        let refused = #expect(throws: LaminaError.self) {
            try chain.connect(to: Address(host: "bad.test", port: port))
        }
        #expect(refused?.errno == ECONNREFUSED)
        #expect(refused?.level == "hosts")
        listener.close()
    }

    @Test("Over the kernel, a connect to a name falls back from an address that refuses to one that answers")
    func connectsOverKernel() throws {
        let dead = try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.2", port: 0))
        let port = try #require(try dead.waiting.localAddress().port)
        dead.close()
        let chain = try PluginTests.chain(
            ("hosts:map=[a.test=127.0.0.2,a.test=127.0.0.3]", Plugin.product("Hosts")),
            ("kernel", Plugin.product("Kernel"))
        )
        let listener = try chain.listen(on: Address(host: "127.0.0.3", port: port))
        let socket = try chain.connect(to: Address(host: "a.test", port: port))
        #expect(try socket.waiting.remoteAddress() == Address(host: "127.0.0.3", port: port))
        for socket in [socket, listener] { try socket.waiting.close() }
    }

    @Test("Data calls of a connection pass it by")
    func passesData() throws {
        let chain = try chain("map=[a.test=127.0.0.1]")
        let pair = try Pair(chain)
        #expect(chain.effect == .none)
        #expect(pair.client.sendLink.levels == 2)
        try pair.close()
    }

    @Test("The manifests say what the plug-ins say", arguments: ["Hosts", "Resolver"])
    func manifest(name: String) throws {
        try expectManifest(of: name)
    }
}
