import Glibc
import TestSupport
import Testing

@Suite("An unmodified program over the layer redirect")
struct RedirectionTests {
    private static let redirect = "\(PackageTree.products)/libLaminaRedirect.so"
    private static let hosts = "\(PackageTree.products)/libLaminaHosts.so"

    /// Runs the client on the rules, with other layers below.
    private func run(_ rules: String, _ client: String..., over layers: [String] = []) throws -> Child.Ending {
        try HostFixtures.run(["\(Self.redirect):rule=[\(rules)]"] + layers, [HostFixtures.client] + client)
    }

    @Test("A blocking connect fails over to the second target and to the third", arguments: 1...2)
    func failOver(dead: Int) throws {
        let server = try TestServer()
        defer { server.stop() }
        let silent = try (0..<dead).map { _ in try SilentPort(refuses: true) }
        let targets = (silent.map(\.port) + [server.port]).map { "127.0.0.1:\($0)" }.joined(separator: "|")
        let direct = try run("192.0.2.1:80=\(targets)", "connect", "192.0.2.1", "80")
        #expect(direct.lines.prefix(3) == ["connect 0", "peer 192.0.2.1 80", "kernel \(server.port)"])
        #expect(direct.lines.last?.hasPrefix("read 5 ") == true)
        #expect(direct.errors == "")
        let pumped = try run(
            "192.0.2.1:80=\(targets)",
            "connect",
            "192.0.2.1",
            "80",
            over: [HostFixtures.passing]
        )
        #expect(pumped.lines.prefix(2) == ["connect 0", "peer 192.0.2.1 80"])
        #expect(pumped.lines.last?.hasPrefix("read 5 ") == true)
        for port in silent { port.stop() }
    }

    @Test("Where no target answers, the program has the last one's errno, and can connect again")
    func nobody() throws {
        let server = try TestServer()
        defer { server.stop() }
        let silent = try (0..<2).map { _ in try SilentPort(refuses: true) }
        let rules = "127.0.0.1:1=127.0.0.1:\(silent[0].port)|127.0.0.1:\(silent[1].port)"
        let refused = try run(rules, "again", "127.0.0.1", "1", "\(server.port)")
        #expect(refused.lines == ["first \(ECONNREFUSED)", "second 0"])
        let last = try run(
            "127.0.0.1:1=127.0.0.1:\(silent[0].port)|[::1]:1",
            "again",
            "127.0.0.1",
            "1",
            "\(server.port)"
        )
        #expect(last.lines == ["first \(EAFNOSUPPORT)", "second 0"])
        for port in silent { port.stop() }
    }

    @Test("A non-blocking connect that is under way counts as made, and no other target is tried")
    func nonBlocking() throws {
        let server = try TestServer()
        defer { server.stop() }
        let silent = try SilentPort(refuses: false)
        let child = try HostFixtures.start(
            ["\(Self.redirect):rule=192.0.2.1=127.0.0.1:\(silent.port)|127.0.0.1:\(server.port)"],
            [HostFixtures.client, "late", "192.0.2.1", "80"]
        )
        try child.await("connect \(EINPROGRESS)")
        silent.stop()
        #expect(child.end().lines == ["connect \(EINPROGRESS)", "failed 1", "error \(ECONNREFUSED)"])
    }

    @Test("An IPv6 program reaches an IPv4 target, with a hop and without; an IPv4 program no IPv6 target")
    func families() throws {
        let four = try TestServer()
        let six = try TestServer(isIPv6: true)
        defer { for server in [four, six] { server.stop() } }
        for below in [[], [HostFixtures.passing]] {
            let mapped = try run(
                "[2001:db8::]/32=127.0.0.1:\(four.port)",
                "connect",
                "2001:db8::1",
                "80",
                over: below
            )
            #expect(mapped.lines.prefix(2) == ["connect 0", "peer 2001:db8::1 80"])
            #expect(mapped.lines.last?.hasPrefix("read 5 ") == true)
            let none = try run("192.0.2.1=[::1]:\(six.port)", "connect", "192.0.2.1", "80", over: below)
            #expect(none.lines == ["connect \(EAFNOSUPPORT)"])
            let next = try run(
                "192.0.2.1=[::1]:\(six.port)|127.0.0.1:\(four.port)",
                "connect",
                "192.0.2.1",
                "80",
                over: below
            )
            #expect(next.lines.prefix(2) == ["connect 0", "peer 192.0.2.1 80"])
        }
    }

    @Test("A rule with a name matches what the program looked up; a target that is a name is resolved below")
    func names() throws {
        let server = try TestServer()
        defer { server.stop() }
        let dead = try SilentPort(refuses: true)
        let map = "\(Self.hosts):map=[a.test=192.0.2.1,b.test=192.0.2.1,c.test=127.0.0.1]"
        func read(_ name: String, _ targets: String) throws -> [String] {
            try HostFixtures.run(
                ["\(Self.redirect):rule=[\(name)=\(targets),*=refuse]", map],
                [HostFixtures.names, "do", "resolve a.test", "connect 0 80", "peer 0", "echo 0"]
            ).lines.dropFirst().map { $0 }
        }
        let found = ["connect 0", "peer 192.0.2.1 80", "read hello"]
        #expect(try read("a.test", "127.0.0.1:\(server.port)") == found)
        #expect(try read("b.test", "127.0.0.1:\(server.port)").first == "connect \(ECONNREFUSED)")
        #expect(try read("a.test", "127.0.0.1:\(dead.port)|c.test:\(server.port)") == found)
        dead.stop()
    }
}
