import Glibc
import TestSupport
import Testing

@Suite("Connections of an unmodified program")
struct ConnectTests {
    typealias Effect = HostFixtures.Effect
    typealias Carrier = HostFixtures.Carrier
    static let effects = Effect.allCases
    static let carriers = Carrier.allCases

    @Test(
        "A blocking connect reaches the server, and getpeername answers the address that was asked for",
        arguments: effects,
        carriers
    )
    func blocking(effect: Effect, carrier: Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(effect, carrier, ["connect", "127.0.0.1", "\(server.port)"])
        #expect(ending.lines.first == "connect 0")
        #expect(ending.lines.contains("peer 127.0.0.1 \(server.port)"))
        // Without a layer on its data, the program's socket is connected to the server itself.
        #expect(ending.lines.contains("kernel \(server.port)") == (effect == .none))
        #expect(ending.lines.last?.hasPrefix("read 5 ") == true)
        #expect(ending.errors == "")
        #expect(ending.code == 0)
    }

    @Test("A connection that the layer's condition leaves out has no hop", arguments: carriers)
    func condition(carrier: Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let client = ["connect", "127.0.0.1", "\(server.port)"]
        let left = try HostFixtures.run(["\(HostFixtures.passing):except=[port=\(server.port)]"], carrier, client)
        #expect(left.lines.contains("kernel \(server.port)"))
        let taken = try HostFixtures.run(["\(HostFixtures.passing):when=[port=\(server.port)]"], carrier, client)
        #expect(!taken.lines.contains("kernel \(server.port)"))
        #expect(taken.lines.contains("peer 127.0.0.1 \(server.port)"))
    }

    @Test("A layer without data redirects the program's own socket, or a pumped one", arguments: carriers)
    func redirected(carrier: Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let dead = try SilentPort(refuses: true)
        let client = ["connect", "127.0.0.1", "\(dead.port)"]
        let redirect = "\(HostFixtures.redirect):port=\(server.port)"
        let direct = try HostFixtures.run([redirect], carrier, client)
        #expect(direct.lines.contains("kernel \(server.port)"))
        #expect(direct.lines.contains("peer 127.0.0.1 \(dead.port)"))
        #expect(direct.lines.last?.hasPrefix("read 5 ") == true)
        let pumped = try HostFixtures.run([redirect, HostFixtures.passing], carrier, client)
        #expect(pumped.lines.contains("peer 127.0.0.1 \(dead.port)"))
        #expect(pumped.lines.last?.hasPrefix("read 5 ") == true)
    }

    @Test("Connecting and sending in one call is done as by a kernel that has no cookie", arguments: effects)
    func fastOpen(effect: Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(effect, [HostFixtures.client, "fast", "127.0.0.1", "\(server.port)"])
        #expect(ending.lines.prefix(2) == ["sent 10", "peer 127.0.0.1 \(server.port)"])
        #expect(ending.lines.count == 4 && ending.lines[2].hasPrefix("read 5 "))
        #expect(ending.lines.last == "sent -1 \(EINPROGRESS)")
        #expect(ending.errors == "")
    }

    @Test("IPv6 is carried like IPv4", arguments: effects, carriers)
    func ipv6(effect: Effect, carrier: Carrier) throws {
        let server = try TestServer(isIPv6: true)
        defer { server.stop() }
        let ending = try HostFixtures.run(effect, carrier, ["connect", "::1", "\(server.port)"])
        #expect(ending.lines.contains("peer ::1 \(server.port)"))
        #expect(ending.lines.last?.hasPrefix("read 5 ") == true)
    }

    @Test("An IPv6 socket reaches an IPv4 server by its mapped address", arguments: effects, carriers)
    func mapped(effect: Effect, carrier: Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(
            effect,
            carrier,
            ["connect", "::ffff:127.0.0.1", "\(server.port)"]
        )
        #expect(ending.lines.contains("peer ::ffff:127.0.0.1 \(server.port)"))
        #expect(ending.lines.last?.hasPrefix("read 5 ") == true)
    }

    @Test(
        "A refused connect fails with the kernel's own errno, and the same socket can be connected afterwards",
        arguments: effects,
        carriers
    )
    func refused(effect: Effect, carrier: Carrier) throws {
        let dead = try SilentPort(refuses: true)
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(
            effect,
            carrier,
            ["again", "127.0.0.1", "\(dead.port)", "\(server.port)"]
        )
        #expect(ending.lines == ["first \(ECONNREFUSED)", "second 0"])
    }

    @Test(
        "A non-blocking connect keeps the epoll registration, flags and options that the socket had",
        arguments: effects,
        carriers
    )
    func nonblocking(effect: Effect, carrier: Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(effect, carrier, ["nonblocking", "127.0.0.1", "\(server.port)"])
        #expect(
            ending.lines == [
                "connect \(EINPROGRESS)", "events 1 1", "error 0", "second 0", "third \(EISCONN)", "flags 1 1 1",
                "read hello",
            ]
        )
    }

    @Test("A connect that gets no answer ends by the socket's time-out or a signal, as it does without a run")
    func slow() throws {
        let silent = try SilentPort(refuses: false)
        let native = try Child([HostFixtures.client, "slow", "127.0.0.1", "\(silent.port)"]).end()
        let ending = try HostFixtures.run(.observe, [HostFixtures.client, "slow", "127.0.0.1", "\(silent.port)"])
        #expect(ending.lines == ["timeout \(EINPROGRESS)", "signal \(EINTR)", "nonblocking \(EINPROGRESS)"])
        #expect(ending.lines == native.lines)
        #expect(ending.errors == "")
    }

    @Test("A non-blocking connect that fails late has the chain's errno in SO_ERROR", arguments: carriers)
    func late(carrier: Carrier) throws {
        let silent = try SilentPort(refuses: false)
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            carrier,
            ["late", "127.0.0.1", "\(silent.port)"]
        )
        try child.await("connect \(EINPROGRESS)")
        silent.stop()
        #expect(child.end().lines == ["connect \(EINPROGRESS)", "failed 1", "error \(ECONNREFUSED)"])
    }

    @Test("Children by fork, vfork and exec are on the chain too", arguments: effects, carriers)
    func children(effect: Effect, carrier: Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(effect, carrier, ["children", "127.0.0.1", "\(server.port)"])
        #expect(ending.lines.filter { $0 == "peer 127.0.0.1 \(server.port)" }.count == 2)
        #expect(ending.lines.filter { $0.hasPrefix("read 5 ") }.count == 2)
    }

    @Test("Names are resolved by the worker, and libc frees the answer", arguments: effects)
    func names(effect: Effect) throws {
        let native = try Child([HostFixtures.client, "names", "localhost", "80"]).end()
        let ending = try HostFixtures.run(effect, [HostFixtures.client, "names", "localhost", "80"])
        #expect(ending.lines.contains("address 127.0.0.1 80"))
        #expect(ending.output == native.output)
        #expect(ending.errors == "")
        let unknown = try HostFixtures.run(effect, [HostFixtures.client, "names", "nosuch.invalid", "80"])
        #expect(unknown.lines == ["status \(EAI_NONAME)"])
        let service = try HostFixtures.run(effect, [HostFixtures.client, "names", "localhost", "nosuch-service"])
        #expect(service.lines == ["status \(EAI_SERVICE)"])
    }

    @Test("Names that a program looks up cross the chain", arguments: ["names", "host"])
    func namesCross(mode: String) throws {
        let trace = "\(PackageTree.products)/libLaminaTrace.so:entries=resolve"
        let ending = try HostFixtures.run([trace], [HostFixtures.client, mode, "localhost", "80"])
        #expect(ending.errors.split(separator: "\n").count { $0.contains(" resolve ") } == 1, "\(ending.errors)")
        #expect(ending.errors.contains("localhost"))
    }

    @Test("gethostbyname is answered by the worker")
    func hosts() throws {
        let ending = try HostFixtures.run(.observe, [HostFixtures.client, "host", "localhost"])
        #expect(ending.lines == ["host localhost 127.0.0.1"])
        #expect(ending.errors == "")
        let unknown = try HostFixtures.run(.observe, [HostFixtures.client, "host", "nosuch.invalid"])
        #expect(unknown.lines == ["host error \(HOST_NOT_FOUND)"])
        #expect(unknown.errors == "")
    }

    @Test("Unix sockets are left alone", arguments: effects, carriers)
    func unix(effect: Effect, carrier: Carrier) throws {
        let path = HostFixtures.path("local-\(effect)-\(carrier)")
        let ending = try HostFixtures.run(effect, carrier, ["local", path])
        #expect(ending.lines == ["connect 0", "read local"])
        #expect(ending.errors == "")
        unlink(path)
    }
}
