import Glibc
import LaminaHost
import TestSupport
import Testing

@Suite("Programs with a resolver of their own")
struct NameServerTests {
    private static let hosts = "\(PackageTree.products)/libLaminaHosts.so"
    private static let layer = "\(hosts):map=[a.test=192.0.2.1,a.test=2001:db8::1,four.test=192.0.2.4,*=refuse]"
    typealias Carrier = HostFixtures.Carrier

    private func ask(_ carrier: Carrier, _ arguments: String...) throws -> Child.Ending {
        try Child([HostFixtures.driver] + carrier.options + [Self.layer, "--", carrier.resolver] + arguments).end()
    }

    @Test(
        "The chain answers what a program asks a name server, which seems to be the one that was asked",
        arguments: Carrier.allCases,
        ["connected", "named", "message", "several", "stream"]
    )
    func answers(carrier: Carrier, way: String) throws {
        let ending = try ask(carrier, way, "192.0.2.53", "a.test", "1")
        #expect(ending.lines == ["from 192.0.2.53 53", "code 0 cut 0", "192.0.2.1"])
        #expect(try ask(carrier, way, "192.0.2.53", "a.test", "28").lines.last == "2001:db8::1")
        #expect(ending.errors == "")
    }

    @Test(
        "Each of several name servers answers as itself, of IPv6 and on this machine too",
        arguments: Carrier.allCases
    )
    func several(carrier: Carrier) throws {
        for server in ["192.0.2.54", "127.0.0.53", "2001:db8::53", "::1", "::ffff:192.0.2.55"] {
            let ending = try ask(carrier, "named", server, "a.test", "1")
            #expect(ending.lines == ["from \(server) 53", "code 0 cut 0", "192.0.2.1"])
        }
    }

    @Test("A name without such addresses, no name, an address's name and other records are told apart")
    func outcomes() throws {
        func lines(_ name: String, _ type: String) throws -> [String] {
            Array(try ask(.preload, "connected", "192.0.2.53", name, type).lines.dropFirst())
        }
        #expect(try lines("four.test", "28") == ["code 0 cut 0"])
        #expect(try lines("gone.test", "1") == ["code 3 cut 0"])
        #expect(try lines("4.2.0.192.in-addr.arpa", "12") == ["code 0 cut 0", "name four.test"])
        let last = (["1"] + Array(repeating: "0", count: 23) + ["8", "b", "d", "0", "1", "0", "0", "2"])
        #expect(try lines(last.joined(separator: ".") + ".ip6.arpa", "12") == ["code 0 cut 0", "name a.test"])
        #expect(try lines("a.test", "65") == ["code 0 cut 0"])
        #expect(try lines("a.test", "15") == ["code 4 cut 0"])
    }

    @Test("An answer that is too long for a datagram is cut, and comes whole over a connection")
    func long() throws {
        let many = (1...40).map { "many.test=192.0.2.\($0)" }.joined(separator: ",")
        func lines(_ way: String) throws -> [String] {
            try Child(
                [HostFixtures.driver, "\(Self.hosts):map=[\(many)]", "--", Carrier.preload.resolver, way, "192.0.2.53"]
                    + ["many.test", "1"]
            ).end().lines
        }
        #expect(try lines("connected").dropFirst() == ["code 0 cut 1"])
        let whole = try lines("stream").dropFirst()
        #expect(whole.first == "code 0 cut 0" && whole.count == 41)
    }

    @Test("What is no question is answered by nobody, and the next one is", arguments: [UInt64](1...4))
    func rubbish(seed: UInt64) throws {
        let ending = try ask(.preload, "rubbish", "192.0.2.53", "a.test", "\(seed)")
        #expect(ending.lines == ["code 0 cut 0", "192.0.2.1"])
    }

    @Test("A name that a layer resolves elsewhere is connected by its name")
    func synthetic() throws {
        let server = try TestServer()
        defer { server.stop() }
        let layer = "\(HostFixtures.remote):port=\(server.port)"
        let ending = try HostFixtures.run(
            [layer],
            [Carrier.notifyStatic.resolver, "reach", "192.0.2.53", "somewhere.remote", "\(server.port)"]
        )
        #expect(ending.lines.last == "read hello", "\(ending.lines) \(ending.errors)")
    }

    @Test("A name server that a rule leaves out is asked itself")
    func bypassed() throws {
        let ending = try Child(
            [HostFixtures.driver, "--bypass=loopback", Self.layer, "--", Carrier.preload.resolver, "connected"]
                + ["127.0.0.1", "a.test", "1"]
        ).end()
        #expect(ending.lines.first != "code 0 cut 0")
        #expect(!ending.lines.contains("192.0.2.1"))
    }
}
