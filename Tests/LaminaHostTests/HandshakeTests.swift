import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What a proxy is asked for on a blocking program's own socket, which is connected to the proxy afterwards.
@Suite("A handshake on an unmodified program's own socket")
struct HandshakeTests {
    private static let layer = "\(PackageTree.products)/libLaminaSocks5.so"

    private func socks(_ port: some BinaryInteger, _ settings: String = "", label: String = "socks5") -> String {
        "\(Self.layer)=\(label):server=127.0.0.1:\(port)\(settings)"
    }

    private func run(_ layers: [String], _ arguments: [String]) throws -> Child.Ending {
        try HostFixtures.run(layers, .preload, arguments)
    }

    /// The same through a proxy that stands still until the client has written this line.
    private func run(_ arguments: [String], through proxy: Microsocks, pausedUntil line: String) throws -> Child.Ending
    {
        proxy.pause()
        let client = try HostFixtures.start([socks(proxy.port)], .preload, arguments)
        try client.awaitOutput(line)
        proxy.resume()
        return client.end()
    }

    @Test("A blocking connect through a proxy has no hop, whether one proxy stands behind another or not")
    func lent() throws {
        let (near, far) = (try Microsocks(), try Microsocks())
        let server = try TestServer()
        defer { server.stop() }
        for layers in [[socks(near.port)], [socks(far.port, label: "far"), socks(near.port, label: "near")]] {
            let ending = try run(layers, ["open", "127.0.0.1", "\(server.port)"])
            let lines = [
                "connect 0", "flags 0, error 0", "peer 127.0.0.1 \(server.port)", "kernel \(near.port)", "read hello",
            ]
            #expect(ending.lines == lines, "\(ending.errors)")
        }
    }

    @Test("So has a connect that doesn't block, whose socket is ready when it returns")
    func nonblocking() throws {
        let proxy = try Microsocks()
        let dead = try SilentPort(refuses: true)
        let server = try TestServer()
        defer { server.stop() }
        let ending = try run([socks(proxy.port)], ["unblocked", "127.0.0.1", "\(server.port)", "1"])
        let lines = [
            "connect \(EINPROGRESS)", "connected 1", "flags 0, error 0", "peer 127.0.0.1 \(server.port)",
            "kernel \(proxy.port)", "read hello",
        ]
        #expect(ending.lines == lines, "\(ending.errors)")
        let watched = try run([socks(proxy.port)], ["nonblocking", "127.0.0.1", "\(server.port)"])
        #expect(watched.lines.prefix(3) == ["connect \(EINPROGRESS)", "events 1 1", "error 0"])
        let refused = try run([socks(proxy.port)], ["nonblocking", "127.0.0.1", "\(dead.port)"])
        #expect(refused.lines.first == "connect \(ECONNREFUSED)")
    }

    @Test("A connect that doesn't block is held up for a moment at most, and then pumped, as those that follow are")
    func late() throws {
        let proxy = try Microsocks()
        let server = try TestServer()
        defer { server.stop() }
        let ending = try run(
            ["unblocked", "127.0.0.1", "\(server.port)", "2"],
            through: proxy,
            pausedUntil: "connect \(EINPROGRESS)"
        )
        #expect(ending.lines.count { $0 == "connected 1" } == 2, "\(ending.lines)")
        #expect(ending.lines.count { $0 == "read hello" } == 2)
        #expect(!ending.lines.contains("kernel \(proxy.port)"))
    }

    @Test("Pumped are a socket with a send time-out, and one whose data another layer sees")
    func pumped() throws {
        let proxy = try Microsocks()
        let server = try TestServer()
        defer { server.stop() }
        let seen = try run(
            [HostFixtures.passing, socks(proxy.port)],
            ["open", "127.0.0.1", "\(server.port)"]
        )
        #expect(seen.lines.contains("peer 127.0.0.1 \(server.port)"))
        #expect(!seen.lines.contains("kernel \(proxy.port)"))
        #expect(seen.lines.last == "read hello")
        let deferred = try run([socks(proxy.port)], ["deferred", "127.0.0.1", "\(server.port)"])
        #expect(deferred.lines.first == "connect 0" && deferred.lines.last == "read hello")
        // The proxy says nothing until the time-out is over.
        proxy.pause()
        defer { proxy.resume() }
        let slow = try run([socks(proxy.port)], ["slow", "127.0.0.1", "\(server.port)"])
        #expect(slow.lines == ["timeout \(EINPROGRESS)", "signal \(EINTR)", "nonblocking \(EINPROGRESS)"])
    }

    @Test("A proxy of the other family is reached, with a hop where the program's socket can't go there")
    func families() throws {
        let (four, six) = (try Microsocks(), try Microsocks(isIPv6: true))
        let (server, server6) = (try TestServer(), try TestServer(isIPv6: true))
        defer { for server in [server, server6] { server.stop() } }
        let up = try run([socks(four.port)], ["open", "::1", "\(server6.port)"])
        #expect(up.lines.contains("kernel \(four.port)") && up.lines.last == "read hello", "\(up.errors)")
        let layer = "\(Self.layer):server=\"[::1]:\(six.port)\""
        let down = try run([layer], ["open", "127.0.0.1", "\(server.port)"])
        #expect(!down.lines.contains("kernel \(six.port)") && down.lines.last == "read hello", "\(down.errors)")
        let alone = try run([socks(four.port)], ["open", "::1", "\(server6.port)", "only"])
        #expect(!alone.lines.contains("kernel \(four.port)") && alone.lines.last == "read hello", "\(alone.errors)")
    }

    @Test("What the proxy refuses fails with its errno, and leaves the socket as it was")
    func refused() throws {
        let proxy = try Microsocks()
        let dead = try SilentPort(refuses: true)
        let server = try TestServer()
        defer { server.stop() }
        let ending = try run([socks(proxy.port)], ["recover", "127.0.0.1", "\(dead.port)", "\(server.port)"])
        #expect(
            ending.lines == [
                "first \(ECONNREFUSED)", "flags 0, error 0", "second 0", "flags 0, error 0",
                "peer 127.0.0.1 \(server.port)", "kernel \(proxy.port)",
                "read hello",
            ]
        )
    }

    @Test("A proxy that hangs up, wants a login or isn't there fails the connect; the program hears none of its words")
    func broken() throws {
        let secret = try Microsocks(user: "anna", password: "word")
        let silent = try ScriptedServer([], then: .close)
        let absent = try SilentPort(refuses: true)
        for (port, error) in [
            (Int(secret.port), EACCES), (Int(silent.port), ECONNRESET), (Int(absent.port), ECONNREFUSED),
        ] {
            let ending = try run([socks(port)], ["connect", "127.0.0.1", "9"])
            #expect(ending.lines == ["connect \(error)"], "\(port): \(ending.code) \(ending.errors)")
        }
        let server = try TestServer()
        defer { server.stop() }
        let login = try run(
            [socks(secret.port, ",user=anna,password=word")],
            ["open", "127.0.0.1", "\(server.port)"]
        )
        #expect(login.lines.contains("kernel \(secret.port)"))
    }

    @Test("A signal interrupts the connect, and the connection is made nevertheless, with a hop")
    func interrupted() throws {
        let proxy = try Microsocks()
        let server = try TestServer()
        defer { server.stop() }
        let ending = try run(
            ["interrupted", "127.0.0.1", "\(server.port)"],
            through: proxy,
            pausedUntil: "signal \(EINTR)"
        )
        #expect(ending.lines.contains("flags 0, error 0"), "\(ending.lines)")
        #expect(ending.lines.contains("peer 127.0.0.1 \(server.port)"))
        #expect(!ending.lines.contains("kernel \(proxy.port)"))
        #expect(ending.lines.last == "read hello")
    }

    @Test("A program that is killed while the proxy is asked leaves nothing behind")
    func killed() throws {
        let proxy = try ScriptedServer([[5, 0]], then: .stall)
        let driver = try HostFixtures.start(
            [socks(proxy.port)],
            ["/bin/sh", "-c", "\"$@\" & echo $!; wait $!; echo killed $?", "sh", HostFixtures.client]
                + ["connect", "127.0.0.1", "9"]
        )
        let client = try #require(pid_t(try driver.firstLine()))
        let deadline = Deadline.after(seconds: 20)
        // The greeting has been answered, and what is asked for not.
        while proxy.heard.count < 2, clinux_monotonic() < deadline { sched_yield() }
        #expect(proxy.heard.count == 2)
        kill(client, SIGKILL)
        let ending = driver.end()
        #expect(ending.lines.last == "killed \(128 + SIGKILL)")
        #expect(ending.code == 0, "\(ending.errors)")
    }
}
