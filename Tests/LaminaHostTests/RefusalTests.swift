import Glibc
import TestSupport
import Testing

@Suite("What a run does not cover")
struct RefusalTests {
    @Test("UDP beyond this machine, servers that others reach, raw sockets and io_uring are refused, each with a sentence")
    func calls() throws {
        let ending = try HostFixtures.run(.none, [HostFixtures.client, "refused"])
        #expect(
            Array(ending.lines.prefix(12)) == [
                "send-to \(ENETUNREACH)", "send-message \(ENETUNREACH)", "send-messages \(ENETUNREACH)",
                "connect \(ENETUNREACH)", "name-server 0", "bind 0", "listen \(EACCES)", "accept \(EACCES)",
                "raw \(EPERM)", "packet \(EPERM)", "mptcp \(EPROTONOSUPPORT)", "io_uring \(ENOSYS)",
            ]
        )
        #if arch(x86_64)
            #expect(ending.lines.dropFirst(12) == ["i386 \(EPERM)", "x32 \(ENOSYS)"])
        #endif
        let sentences = ending.errors.split(separator: "\n")
        #expect(
            sentences.allSatisfy { $0.hasPrefix("lamina: \(HostFixtures.client) (pid ") && $0.hasSuffix("; refused") }
        )
        for part in ["192.0.2.2:9", "192.0.2.1:53", "servers", "raw sockets", "family 17", "only TCP and UDP"] {
            #expect(sentences.filter { $0.contains(part) }.count == 1, "\(part): \(sentences)")
        }
    }

    @Test("A connect of a statically linked child is refused at the call, and said once")
    func staticChild() throws {
        let server = try TestServer()
        defer { server.stop() }
        let line = "\(HostFixtures.staticClient) connect 127.0.0.1 \(server.port)"
        let ending = try HostFixtures.run(.none, ["/bin/sh", "-c", "\(line); \(line)"])
        #expect(ending.lines == ["connect \(EACCES)", "connect \(EACCES)"])
        #expect(ending.errors.split(separator: "\n").count == 1)
        #expect(ending.errors.contains("it connects to 127.0.0.1:\(server.port) by a system call of its own"))
    }

    @Test("A child without the run's environment is refused at the call")
    func bareChild() throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(
            .none,
            ["/usr/bin/env", "-i", HostFixtures.client, "connect", "127.0.0.1", "\(server.port)"]
        )
        #expect(ending.lines == ["connect \(EACCES)"])
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
