import Glibc
import Lamina
import LaminaHost
import TestSupport
import Testing

@Suite("What a run carries")
struct CoverageTests {
    @Test(
        "A rule is a network, ports, a name, loopback, or a condition's terms",
        arguments: [
            ("10.0.0.0/8", ["[net=10.0.0.0/8]"]), ("192.0.2.1", ["[net=192.0.2.1/32]"]),
            ("192.0.2.0/24:80-90", ["[net=192.0.2.0/24,port=80-90]"]), ("[fd00::]/8", ["[net=fd00::/8]"]),
            ("fd00::/8", ["[net=fd00::/8]"]), ("[::1]:443", ["[net=::1/128,port=443]"]), (":443", ["[port=443]"]),
            ("*.example.org", ["[name=*.example.org]"]), ("port=1-2,direction=in", ["[port=1-2,direction=in]"]),
            ("loopback:80", ["[net=127.0.0.0/8,port=80]", "[net=::1/128,port=80]"]),
        ]
    )
    func rules(text: String, conditions: [String]) throws {
        #expect(try Coverage(only: [text]).only.map(\.description) == conditions)
        #expect(try Coverage(bypass: [text]).bypass.map(\.description) == conditions)
    }

    @Test(
        "A rule that can't be read is refused, with what to write",
        arguments: [
            "", ":", ":x", ":90-80", ":65536", "10.0.0.0/33", "300.0.0.1", "[fd00::", "[10.0.0.0]/8", "a b", "port=x",
            "example.org:443", "name=a,port=1", "program=curl", "10.0.0.0/8/9",
        ]
    )
    func unreadable(text: String) throws {
        let error = #expect(throws: LaminaError.self) { try Coverage(bypass: [text]) }
        #expect(error?.description.contains("\"\(text)\"") == true)
    }

    @Test("There is room for sixty rules, and loopback is two")
    func room() throws {
        _ = try Coverage(only: (1...58).map { ":\($0)" }, bypass: ["loopback"])
        #expect(throws: LaminaError.self) { try Coverage(only: (1...59).map { ":\($0)" }, bypass: ["loopback"]) }
    }

    /// Whether the program's own socket was connected to the server, under these options and a layer on data.
    private func isOwn(_ options: [String], _ server: TestServer, host: String = "127.0.0.1") throws -> Bool {
        let ending = try HostFixtures.run(
            options + [HostFixtures.passing],
            [HostFixtures.edges, "by-name", host, "\(server.port)"]
        )
        #expect(ending.lines.first == "connect 0", "\(ending.output)\(ending.errors)")
        #expect(ending.errors == "")
        return ending.lines.last == "own 1"
    }

    @Test("A connection is carried unless a rule leaves it out, and bypass stands above only")
    func connections() throws {
        let server = try TestServer()
        defer { server.stop() }
        #expect(try !isOwn([], server))
        #expect(try isOwn(["--bypass=loopback"], server))
        #expect(try isOwn(["--bypass=127.0.0.0/24:\(server.port)"], server))
        #expect(try !isOwn(["--bypass=127.0.0.0/24:1-2"], server))
        #expect(try !isOwn(["--bypass=0.0.0.0/0,direction=in".replacing("0.0.0.0/0", with: "net=0.0.0.0/0")], server))
        #expect(try !isOwn(["--bypass=[::]/0"], server))
        #expect(try !isOwn(["--only=:\(server.port)"], server))
        #expect(try isOwn(["--only=10.0.0.0/8"], server))
        #expect(try isOwn(["--only=:\(server.port)", "--bypass=127.0.0.1"], server))
    }

    @Test("The worker is asked about connections that a level has to do with", arguments: ["preload", "notify"])
    func asked(backEnd: String) throws {
        func questions(_ layer: String) throws -> Int64? {
            let scene = try ControlScene(["--backend=\(backEnd)", "\(PackageTree.products)/libLamina\(layer)"])
            let sockets = try scene.run().status().json["sockets"]
            #expect(scene.end() == 0)
            return sockets?["direct"]?.integerValue
        }
        let redirect = "Redirect.so:rule=192.0.2.1=127.0.0.1"
        #expect(try questions(redirect) == 1)
        #expect(try questions("\(redirect),when=[net=10.0.0.0/8]") == 0)
        #expect(try questions("\(redirect),when=[net=10.0.0.0/8],when=[net=127.0.0.1]") == 1)
        #expect(try questions("\(redirect),when=[name=*.test]") == 1)
        #expect(try questions("\(redirect),when=[direction=in]") == 0)
        #expect(try questions("Hosts.so:map=nobody.test=127.0.0.1") == 0)
        #expect(try questions("Resolver.so") == 0)
    }

    @Test("A rule by name is about connections to the addresses of that name")
    func names() throws {
        let server = try TestServer()
        defer { server.stop() }
        #expect(try isOwn(["--bypass=LOCAL*"], server, host: "localhost"))
        #expect(try !isOwn(["--bypass=local*"], server))
        #expect(try !isOwn(["--only=localhost"], server, host: "localhost"))
        #expect(try isOwn(["--only=localhost"], server))
    }

    @Test("A name that is left out isn't asked of the layers")
    func bareNames() throws {
        let server = try TestServer()
        defer { server.stop() }
        let trace = "\(PackageTree.products)/libLaminaTrace.so:entries=resolve"
        let client = [HostFixtures.edges, "by-name", "localhost", "\(server.port)"]
        #expect(try HostFixtures.run([trace], client).errors.contains("localhost"))
        #expect(try HostFixtures.run(["--bypass=localhost", trace], client).errors == "")
        #expect(try HostFixtures.run(["--only=*.org", trace], client).errors == "")
    }

    @Test("A bypassed connect that fails has the kernel's errno", arguments: ["127.0.0.1", "localhost"])
    func refused(host: String) throws {
        let dead = try SilentPort(refuses: true)
        let ending = try HostFixtures.run(
            ["--bypass=127.0.0.1", "--bypass=localhost", HostFixtures.passing],
            [HostFixtures.edges, "by-name", host, "\(dead.port)"]
        )
        #expect(ending.lines.first == "connect \(ECONNREFUSED)")
    }

    private static let served = [
        "bind 0", "listen 0", "connect 0", "read 1 x", "same 1", "bind 0", "send 0", "receive 1 y",
    ]

    @Test("Servers and datagrams that stay on loopback work, and the client's connection is carried")
    func loopback() throws {
        for options in [[], ["--bypass=loopback"], [HostFixtures.passing]] {
            let ending = try HostFixtures.run(options, [HostFixtures.edges, "serve", "127.0.0.1"])
            #expect(ending.lines == Self.served, "\(ending.errors)")
            #expect(ending.errors == "")
        }
    }

    @Test("Servers that others can reach are refused unless a rule leaves them out")
    func servers() throws {
        let refused = try HostFixtures.run(.none, [HostFixtures.edges, "serve", "0.0.0.0"])
        #expect(refused.lines.prefix(2) == ["bind 0", "listen \(EACCES)"])
        #expect(refused.errors.contains("it listens at 0.0.0.0:"))
        for rule in ["--bypass=direction=in", "--bypass=0.0.0.0", "--only=10.0.0.0/8"] {
            let ending = try HostFixtures.run([rule], [HostFixtures.edges, "serve", "0.0.0.0"])
            #expect(ending.lines == Self.served, "\(rule): \(ending.errors)")
            #expect(ending.errors == "")
        }
    }

    @Test("A program that goes around libc is let to what is left out")
    func aroundLibc() throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(
            ["--bypass=:\(server.port)"],
            ["/bin/sh", "-c", "\(HostFixtures.staticClient) connect 127.0.0.1 \(server.port)"]
        )
        #expect(ending.lines.first == "connect 0")
        #expect(ending.errors == "")
    }
}
