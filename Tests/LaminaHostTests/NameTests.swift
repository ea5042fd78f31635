import Glibc
import TestSupport
import Testing

/// What a program under `run` gets for names is what it gets without.
@Suite("Names of an unmodified program")
struct NameTests {
    /// Runs the same look-up bare and in a run.
    private func expectSame(_ words: [String], on layers: [String] = []) throws {
        let bare = try Child.run([HostFixtures.names] + words)
        let run = try HostFixtures.run(layers, [HostFixtures.names] + words)
        #expect(run.output == bare.output, "\(words)")
        #expect(bare.code == 0 && run.code == 0 && run.errors.isEmpty, "\(run.errors)")
    }

    private static let host: String = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    private static let questions: [[String]] = [
        ["localhost", "80"], ["localhost", "http", "0", "1", "0", "0x2"], ["localhost", "http", "2", "0", "0", "0"],
        ["localhost", "http", "10", "1", "0", "0x8"], ["localhost", "http", "10", "1", "0", "0x18"],
        ["localhost", "http", "0", "1", "0", "0x20"], ["localhost", "domain", "0", "0", "17", "0"],
        ["localhost", "nosuch", "0", "1", "0", "0"], ["localhost", "tftp", "0", "1", "0", "0"],
        ["localhost", "80", "99", "1", "0", "0"], ["localhost", "80", "0", "9", "0", "0"],
        ["localhost", "80", "0", "1", "0", "0x4"], ["-", "80", "0", "1", "0", "1"], ["-", "80", "0", "1", "0", "0"],
        ["-", "80", "2", "1", "0", "2"], ["127.1", "80", "0", "1", "0", "4"], ["fe80::1%lo", "80", "0", "1", "0", "0"],
        [host, "-", "0", "1", "0", "2"], [host, "-", "10", "1", "0", "0"], [host, "-", "10", "1", "0", "8"],
        ["nosuch.invalid", "-", "0", "0", "0", "0"],
    ]

    @Test("getaddrinfo gives the same list for every hint, flag and service", arguments: questions)
    func information(question: [String]) throws {
        try expectSame(["info"] + question)
    }

    @Test(
        "gethostbyname and its kin give the same answer, h_errno and ERANGE",
        arguments: [
            ["host", "localhost", "0"], ["host", "localhost", "10"], ["host", host, "0"], ["host", "10.1", "2"],
            ["host", "nosuch.invalid", "0"], ["host", "::1", "10"], ["host-r", "localhost", "0", "8"],
            ["host-r", "localhost", "2", "20"], ["host-r", "localhost", "2", "40"],
            ["host-r", "localhost", "2", "500"],
            ["host-r", "nosuch.invalid", "2", "500"],
        ]
    )
    func hosts(words: [String]) throws {
        try expectSame(words)
    }

    @Test(
        "gethostbyaddr and getnameinfo give the same names, numbers and errors",
        arguments: [
            ["address", "127.0.0.1", "0"], ["address", "127.0.0.1", "20"], ["address", "127.0.0.1", "500"],
            ["address", "192.0.2.77", "0"], ["address", "192.0.2.77", "500"], ["address", "::1", "0"],
            ["name", "127.0.0.1", "80", "0", "200", "60"], ["name", "127.0.0.1", "80", "1", "200", "60"],
            ["name", "127.0.0.1", "80", "2", "200", "60"], ["name", "127.0.0.1", "80", "3", "200", "60"],
            ["name", "127.0.0.1", "80", "8", "200", "60"], ["name", "127.0.0.1", "80", "0x1000", "200", "60"],
            ["name", "127.0.0.1", "80", "0", "4", "60"], ["name", "127.0.0.1", "80", "0", "200", "2"],
            ["name", "127.0.0.1", "80", "0", "0", "60"], ["name", "127.0.0.1", "80", "0", "200", "0"],
            ["name", "fe80::1%lo", "80", "0", "200", "60"], ["name", "192.0.2.9", "99", "0", "200", "60"],
            ["name", "192.0.2.9", "99", "8", "200", "60"],
        ]
    )
    func addresses(words: [String]) throws {
        try expectSame(words)
    }

    @Test("getaddrinfo_a answers before it returns, sends its signal, and refuses to start threads")
    func lists() throws {
        let words = [HostFixtures.names, "list", "localhost", "nosuch.invalid", "127.0.0.1"]
        let bare = try Child.run(words)
        let run = try HostFixtures.run([], words)
        #expect(run.lines.dropLast() == bare.lines.dropLast())
        #expect(run.lines.last == "thread 1")
    }

    private static let hosts = "\(PackageTree.products)/libLaminaHosts.so"

    @Test("Every one of them crosses the chain, and a layer's answer is what the program gets")
    func crosses() throws {
        let trace = "\(PackageTree.products)/libLaminaTrace.so:entries=[resolve,reverse_resolve]"
        let map = "\(Self.hosts):map=[a.test=192.0.2.1,a.test=2001:db8::1,bad.test=refuse,old.test=a.test]"
        func run(_ words: String...) throws -> Child.Ending {
            let ending = try HostFixtures.run([trace, map], [HostFixtures.names] + words)
            let crossed = ending.errors.split(separator: "\n").count { $0.contains("resolve ") }
            #expect(crossed == 1, "\(words): \(ending.errors)")
            return ending
        }
        let all = try run("info", "a.test", "80", "0", "1", "0", "2")
        #expect(all.lines == ["status 0", "2 1 6 16 192.0.2.1 80 0 a.test", "10 1 6 28 2001:db8::1 80 0 -"])
        #expect(try run("info", "OLD.test.", "80", "2", "1", "0", "0").lines.last == "2 1 6 16 192.0.2.1 80 0 -")
        #expect(try run("info", "bad.test", "80", "0", "1", "0", "0").lines == ["status \(EAI_NONAME)"])
        #expect(try run("host", "a.test", "0").lines == ["name a.test type 2 length 4 aliases 0 192.0.2.1"])
        #expect(try run("host", "a.test", "10").lines == ["name a.test type 10 length 16 aliases 0 2001:db8::1"])
        #expect(try run("host-r", "bad.test", "0", "500").lines == ["status 0 error \(HOST_NOT_FOUND)"])
        #expect(try run("address", "192.0.2.1", "0").lines == ["name a.test type 2 length 4 aliases 0 192.0.2.1"])
        #expect(
            try run("address", "2001:db8::1", "500").lines == ["name a.test type 10 length 16 aliases 0 2001:db8::1"]
        )
        #expect(try run("name", "192.0.2.1", "80", "0", "200", "60").lines == ["status 0 a.test http"])
        let list = try HostFixtures.run([map], [HostFixtures.names, "list", "a.test"])
        #expect(list.lines.prefix(3) == ["wait 0", "a.test 0", "2 1 6 16 192.0.2.1 80 0 -"])
    }

    @Test("A name without addresses of the family asked for is told apart from one that isn't there")
    func families() throws {
        let map = "\(Self.hosts):map=[four.test=192.0.2.1]"
        func run(_ words: String...) throws -> [String] {
            try HostFixtures.run([map], [HostFixtures.names] + words).lines
        }
        #expect(try run("info", "four.test", "80", "10", "1", "0", "0") == ["status -9"])
        #expect(
            try run("info", "four.test", "80", "10", "1", "0", "8") == [
                "status 0", "10 1 6 28 ::ffff:192.0.2.1 80 0 -",
            ]
        )
        #expect(try run("host", "four.test", "10") == ["error \(NO_DATA)"])
    }

    @Test("A condition by name holds for the question and for the connect, also of a child of who asked")
    func conditions() throws {
        let server = try TestServer()
        defer { server.stop() }
        let trace = "\(PackageTree.products)/libLaminaTrace.so:when=[name=*.in.test],entries=[resolve,connect]"
        let map = "\(Self.hosts):map=[a.in.test=127.0.0.1,a.out.test=127.0.0.1]"
        for (name, crosses) in [("a.in.test", true), ("a.out.test", false)] {
            let ending = try HostFixtures.run(
                [trace, map],
                [HostFixtures.names, "do", "resolve \(name)", "exec 0 \(server.port)"]
            )
            #expect(ending.lines.filter { $0 == "read hello" }.count == 2, "\(ending.errors)")
            let lines = ending.errors.split(separator: "\n")
            #expect(lines.count { $0.contains(" resolve ") } == (crosses ? 1 : 0), "\(ending.errors)")
            #expect(lines.count { $0.contains(" connect ") } == (crosses ? 2 : 0), "\(ending.errors)")
        }
    }
}
