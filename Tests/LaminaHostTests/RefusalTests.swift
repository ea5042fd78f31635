import Glibc
import TestSupport
import Testing

@Suite("What a run does not cover")
struct RefusalTests {
    @Test(
        "UDP beyond this machine, servers that others reach, raw sockets and io_uring are refused, each with a sentence",
        arguments: HostFixtures.Carrier.allCases
    )
    func calls(carrier: HostFixtures.Carrier) throws {
        let ending = try HostFixtures.run(.none, carrier, ["refused"])
        #expect(
            Array(ending.lines.prefix(12)) == [
                "send-to \(ENETUNREACH)", "send-message \(ENETUNREACH)", "send-messages \(ENETUNREACH)",
                "connect \(ENETUNREACH)", "loopback 0", "bind 0", "listen \(EACCES)", "accept \(EACCES)",
                "raw \(EPERM)", "packet \(EPERM)", "mptcp \(EPROTONOSUPPORT)", "io_uring \(ENOSYS)",
            ]
        )
        #if arch(x86_64)
            #expect(ending.lines.dropFirst(12) == ["i386 \(EPERM)", "x32 \(ENOSYS)"])
        #endif
        let sentences = ending.errors.split(separator: "\n")
        #expect(
            sentences.allSatisfy { $0.hasPrefix("lamina: \(carrier.client) (pid ") && $0.hasSuffix("; refused") }
        )
        for part in ["192.0.2.2:9", "192.0.2.1:54", "servers", "raw sockets", "family 17", "only TCP and UDP"] {
            #expect(sentences.filter { $0.contains(part) }.count == 1, "\(part): \(sentences)")
        }
    }

    @Test(
        "Children that the preload object is not in are carried by the guard",
        arguments: HostFixtures.Effect.allCases
    )
    func children(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let arguments = "connect 127.0.0.1 \(server.port)"
        let line = "\(HostFixtures.staticClient) \(arguments); env -i \(HostFixtures.client) \(arguments)"
        let ending = try HostFixtures.run(effect, ["/bin/sh", "-c", line])
        #expect(ending.lines.filter { $0 == "connect 0" }.count == 2)
        #expect(ending.lines.filter { $0 == "peer 127.0.0.1 \(server.port)" }.count == 2)
        #expect(ending.lines.filter { $0.hasPrefix("read 5 ") }.count == 2)
        #expect(ending.errors == "")
    }

    @Test("What is not covered goes on where that is allowed, and is said once")
    func allowed() throws {
        // The kernel sends nothing there, and says so in its own way.
        let line = "\(HostFixtures.client) datagram 255.255.255.255 9"
        let program = ["/bin/sh", "-c", "\(line); \(line)"]
        let refused = try HostFixtures.run(.none, program)
        #expect(refused.lines == ["datagram \(ENETUNREACH)", "datagram \(ENETUNREACH)"])
        let ending = try Child([HostFixtures.driver, "--allow-uncovered", "--"] + program).end()
        #expect(ending.lines == ["datagram \(EACCES)", "datagram \(EACCES)"])
        #expect(ending.errors.split(separator: "\n").count == 1, "\(ending.errors)")
        #expect(ending.errors.hasSuffix("it sends to 255.255.255.255:9; it goes on past the chain\n"))
    }

    @Test(
        "A layer that can't be loaded ends the run before its program starts",
        arguments: [
            "/nonexistent/libLayer.so", "/etc/passwd", "no-such-layer",
        ]
    )
    func missingLayer(layer: String) throws {
        let ending = try HostFixtures.run([layer], ["/bin/echo", "started"])
        #expect(ending.code == 125)
        #expect(ending.output == "")
        #expect(ending.errors.hasPrefix("lamina: ") && ending.errors.contains(layer))
        #expect(ending.errors.split(separator: "\n").count == 1, "\(ending.errors)")
    }

    @Test("A run inside a run is refused")
    func nested() throws {
        let ending = try HostFixtures.run(.none, [HostFixtures.driver, "--", "/bin/true"])
        #expect(ending.code == 125)
        #expect(ending.errors.contains("one run can't stand inside another"))
    }
}
