import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The layer socks5")
struct Socks5Tests {
    private static let file = Plugin.product("Socks5")
    /// A server that asks for no login and lets everyone through.
    private static let welcome: [[UInt8]] = [[5, 0], [5, 0, 0, 1, 127, 0, 0, 1, 0, 80]]

    private func chain(_ settings: String) throws -> Chain {
        try PluginTests.chain(("socks5:\(settings)", Self.file), ("kernel", Plugin.product("Kernel")))
    }

    private func chain(to server: ScriptedServer, _ settings: String = "") throws -> Chain {
        try chain("server=127.0.0.1:\(server.port)\(settings)")
    }

    /// A connection, and its end at the other side.
    private func expectEcho(_ chain: Chain, to destination: Address, on listener: Socket) throws {
        let client = try chain.connect(to: destination)
        let server = try listener.waiting.accept(deadline: soon())
        try client.waiting.send(Array("question".utf8))
        #expect(try server.waiting.receive(upTo: 8, all: true, deadline: soon()) == Array("question".utf8))
        let answer = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 13) })
        let sender = Helper {
            try server.waiting.send(answer)
            try server.waiting.disconnect()
        }
        #expect(try client.waiting.receive(upTo: answer.count, all: true, deadline: soon()) == answer)
        #expect(try client.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
        try sender.join()
        #expect(try client.waiting.remoteAddress() == destination)
        for socket in [client, server] { try socket.waiting.close() }
    }

    private func failure(_ body: () throws -> Socket) -> LaminaError? {
        #expect(throws: LaminaError.self) { try body() }
    }

    // MARK: - Real servers

    @Test("Through a real server go connections to IPv4, IPv6 and names, which the server resolves")
    func carries() throws {
        let server = try Microsocks()
        let chain = try chain("server=127.0.0.1:\(server.port)")
        let base = try BaseProvider.kernel.chain()
        for host in ["127.0.0.1", "::1"] {
            let listener = try base.listen(on: Address(host: host, port: 0))
            try expectEcho(chain, to: try listener.waiting.localAddress(), on: listener)
            try listener.waiting.close()
        }
        let listener = try base.listen(on: Address(host: "127.0.0.1", port: 0))
        let port = try #require(try listener.waiting.localAddress().port)
        try expectEcho(chain, to: Address(host: "localhost", port: port), on: listener)
        try listener.waiting.close()
        // Nobody listens there any more, and the server says so.
        let error = failure { try chain.connect(to: Address(host: "127.0.0.1", port: port)) }
        #expect(error?.errno == ECONNREFUSED && error?.level == "socks5")
    }

    @Test("A server may want a login: the right one is let in, a wrong one or none is not")
    func login() throws {
        let server = try Microsocks(user: "anna", password: "pass word")
        let listener = try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let address = try listener.waiting.localAddress()
        let server5 = "server=127.0.0.1:\(server.port)"
        try expectEcho(try chain("\(server5),user=anna,password=\"pass word\""), to: address, on: listener)
        for login in [",user=anna,password=wrong", ",user=bert,password=\"pass word\"", ""] {
            let chain = try chain("\(server5)\(login)")
            let error = failure { try chain.connect(to: address) }
            #expect(error?.errno == EACCES && error?.level == "socks5", "\(login)")
        }
        try listener.waiting.close()
    }

    @Test("Servers behind servers are layers above layers: the one next to the program is reached through the others")
    func stacked() throws {
        let (near, far) = (try Microsocks(), try Microsocks())
        let chain = try PluginTests.chain(
            ("socks5=far:server=127.0.0.1:\(far.port)", Self.file),
            ("socks5=near:server=127.0.0.1:\(near.port)", Self.file),
            ("kernel", Plugin.product("Kernel"))
        )
        let listener = try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        try expectEcho(chain, to: try listener.waiting.localAddress(), on: listener)
        try listener.waiting.close()
    }

    // MARK: - What is said

    @Test("What is said is the protocol's, and what comes right behind the reply is the program's")
    func bytes() throws {
        let server = try ScriptedServer([
            [5, 2], [1, 0], [5, 0, 0, 3, 4] + Array("host".utf8) + [0, 80] + Array("hi".utf8),
        ])
        let chain = try chain(to: server, ",user=me,password=it")
        let socket = try chain.connect(to: Address(host: "only.test", port: 258))
        #expect(try socket.waiting.receive(upTo: 2, all: true, deadline: soon()) == Array("hi".utf8))
        #expect(
            server.heard == [
                [5, 2, 0, 2], [1, 2] + Array("me".utf8) + [2] + Array("it".utf8),
                [5, 1, 0, 3, 9] + Array("only.test".utf8) + [1, 2],
            ]
        )
        #expect(try socket.waiting.remoteAddress() == Address(host: "only.test", port: 258))
        try socket.waiting.close()
        for (host, bytes) in [
            ("192.0.2.7", [1, 192, 0, 2, 7]), ("::ffff:192.0.2.8", [1, 192, 0, 2, 8]),
            ("2001:db8::9", [4, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
        ] as [(String, [UInt8])] {
            let server = try ScriptedServer([[5, 0], [5, 0, 0, 4] + [UInt8](repeating: 0, count: 18)])
            let socket = try self.chain(to: server).connect(to: Address(host: host, port: 1))
            #expect(server.heard == [[5, 1, 0], [5, 1, 0] + bytes + [0, 1]])
            try socket.waiting.close()
        }
    }

    @Test(
        "A server that says no, or nothing sensible, ends the connect with an error that says what it was",
        arguments: [
            ([[5, 0], [5, 1, 0, 1, 0, 0, 0, 0, 0, 0]], ECONNREFUSED), ([[5, 0], [5, 2, 0, 1, 0]], EACCES),
            ([[5, 0], [5, 3, 0, 1, 0]], ENETUNREACH), ([[5, 0], [5, 4, 0, 1, 0]], EHOSTUNREACH),
            ([[5, 0], [5, 5, 0, 1, 0]], ECONNREFUSED), ([[5, 0], [5, 6, 0, 1, 0]], ETIMEDOUT),
            ([[5, 0], [5, 7, 0, 1, 0]], EOPNOTSUPP), ([[5, 0], [5, 8, 0, 1, 0]], EAFNOSUPPORT),
            ([[5, 0], [5, 9, 0, 1, 0]], EPROTO), ([[5, 0], [5, 0, 0, 7, 0]], EPROTO), ([[4, 0]], EPROTO),
            ([[5, 0], [4, 0, 0, 1, 0]], EPROTO), ([[5, 0xff]], EACCES), ([[5, 2]], EACCES), ([[5, 1]], EACCES),
            ([[5]], ECONNRESET), ([[5, 0], [5, 0, 0, 1, 127]], ECONNRESET), ([[]], ECONNRESET),
        ] as [([[UInt8]], Int32)]
    )
    func refusals(replies: [[UInt8]], errno: Int32) throws {
        let server = try ScriptedServer(replies, then: .close)
        let socket = try chain(to: server).open(.connection())
        let error = #expect(throws: LaminaError.self) {
            try socket.waiting.connect(to: Address(host: "192.0.2.1", port: 1), deadline: soon())
        }
        #expect(error?.errno == errno && error?.level == "socks5", "\(String(describing: error))")
        // Nothing of the program's own goes to such a server.
        #expect(throws: LaminaError.self) { try socket.waiting.send(Array("secret".utf8)) }
        #expect(throws: LaminaError.self) {
            try socket.waiting.connect(to: Address(host: "192.0.2.1", port: 1), deadline: soon())
        }
        #expect(!server.heard.contains { $0.contains(UInt8(ascii: "s")) })
        try socket.waiting.close()
    }

    // MARK: - While it connects

    @Test("While the server makes up its mind nothing of the program's own passes; cancel, deadline and close end it")
    func waiting() throws {
        let server = try ScriptedServer([[5, 0]], then: .stall)
        let chain = try chain(to: server)
        let destination = Address(host: "192.0.2.1", port: 1)
        let calls = PendingCalls()
        let first = try chain.open(.connection())
        #expect(calls.connect(first, to: destination) == LAMINA_PENDING)
        #expect(calls.connect(first, to: destination) == -EALREADY)
        #expect(calls.send(first, Array("secret".utf8)) == -ENOTCONN && calls.receive(first, 1) == -ENOTCONN)
        calls.cancel(0)
        #expect(calls.wait(for: 4).last?.status == -ECANCELED)
        try first.waiting.close()
        let second = try chain.open(.connection())
        calls.deadline = Deadline.after(milliseconds: 30)
        #expect(calls.connect(second, to: destination) == LAMINA_PENDING)
        #expect(calls.wait(for: 5).last?.status == -ETIMEDOUT)
        try second.waiting.close()
        calls.deadline = 0
        let third = try chain.open(.connection())
        #expect(calls.connect(third, to: destination) == LAMINA_PENDING)
        try third.waiting.close()
        #expect(calls.wait(for: 6).last?.status == -ECANCELED)
        let late = failure { try self.chain(to: server, ",timeout=30ms").connect(to: destination) }
        #expect(late?.errno == ETIMEDOUT && late?.level == "socks5")
        #expect(!server.heard.contains { $0.contains(UInt8(ascii: "s")) })
    }

    @Test("Connects that are cancelled and closed at any moment end once, and leave nothing behind")
    func races() throws {
        let server = try ScriptedServer(Self.welcome)
        let chain = try chain(to: server)
        for round in 0..<300 {
            let socket = try chain.open(.connection())
            let calls = PendingCalls()
            #expect(calls.connect(socket, to: Address(host: "192.0.2.1", port: 1)) == LAMINA_PENDING)
            for _ in 0..<(round % 50) { sched_yield() }
            let canceller = Helper { calls.cancel(0) }
            if round % 2 == 0 { try socket.waiting.close() }
            let status = try #require(calls.wait(for: 1).first?.status)
            #expect(status == 0 || status == -ECANCELED, "\(status)")
            try canceller.join()
            if round % 2 == 1 { try socket.waiting.close() }
            #expect(calls.endsNow.count == 1)
        }
    }

    @Test("Who enables indications before it connects hears of its own data alone")
    func indications() throws {
        let server = try ScriptedServer([[5, 0], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0] + Array("hello".utf8)])
        let socket = try chain(to: server).open(.connection())
        let client = EventClient()
        try client.attach(to: socket)
        try socket.enable([LAMINA_INDICATION_RECEIVE, LAMINA_INDICATION_DISCONNECT])
        try socket.waiting.connect(to: Address(host: "192.0.2.1", port: 1), deadline: soon())
        #expect(try client.bytes(5) == Array("hello".utf8))
        try socket.waiting.close()
    }

    // MARK: - Around it

    @Test("Names are the server's: look-ups give the name itself, but for numbers and this host's own")
    func names() throws {
        let remote = try chain("server=127.0.0.1:1")
        #expect(try remote.resolve("www.only.test", port: 80) == [Address(host: "www.only.test", port: 80)])
        #expect(try remote.resolve("192.0.2.1", port: 80) == [Address(host: "192.0.2.1", port: 80)])
        #expect(try remote.resolve("localhost", port: 80).allSatisfy { $0.network != nil })
        // The protocol has no question for an address's name, and nobody else is to hear of it.
        let nameless = #expect(throws: LaminaError.self) { try remote.name(of: Address(host: "127.0.0.1", port: 0)) }
        #expect(nameless?.errno == ENOENT)
        let local = try PluginTests.chain(
            ("socks5:server=127.0.0.1:1,names=local", Self.file),
            ("hosts:map=[www.only.test=192.0.2.9]", Plugin.product("Hosts")),
            ("memory", Plugin.product("Memory"))
        )
        #expect(try local.resolve("www.only.test", port: 80) == [Address(host: "192.0.2.9", port: 80)])
    }

    @Test("Datagrams don't pass the server by, accepted connections aren't its, and a condition lets others go direct")
    func others() throws {
        let server = try ScriptedServer(Self.welcome)
        let direct = try chain(to: server, ",except=[net=127.0.0.0/8]")
        let pair = try Pair(direct)
        try pair.client.waiting.send([1])
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [1])
        try pair.close()
        #expect(server.heard.isEmpty)
        // Whom the condition doesn't leave out goes through the server: the level comes in at the connect.
        try direct.connect(to: Address(host: "192.0.2.7", port: 1), deadline: soon()).waiting.close()
        #expect(server.heard.last == [5, 1, 0, 1, 192, 0, 2, 7, 0, 1])
        // A descriptor that comes alone is as connected as it will be.
        let plain = try Pair(BaseProvider.kernel.chain())
        let descriptor = fcntl(try plain.client.waiting.descriptor(), F_DUPFD_CLOEXEC, 0)
        let adopted = try Socket(adopting: descriptor, on: chain(to: server))
        try adopted.waiting.send([2])
        #expect(try plain.server.waiting.receive(upTo: 1, deadline: soon()) == [2])
        try adopted.waiting.close()
        try plain.close()
        let error = failure { try chain(to: server).open(.datagram()) }
        #expect(error?.errno == EOPNOTSUPP && error?.level == "socks5")
    }

    @Test("A connection through a server is handed over with where it went")
    func handoff() throws {
        let server = try ScriptedServer(Self.welcome)
        let socket = try chain(to: server).connect(to: Address(host: "only.test", port: 7))
        let info = try socket.duplicate(for: getpid())
        let other = try Socket(from: info, catalog: Catalog(directories: []), deadline: soon())
        #expect(try other.waiting.remoteAddress() == Address(host: "only.test", port: 7))
        try other.waiting.send(Array("echo".utf8))
        #expect(try socket.waiting.receive(upTo: 4, all: true, deadline: soon()) == Array("echo".utf8))
        for end in [socket, other] { try end.waiting.close() }
    }

    @Test(
        "A wrong setting is refused, and said with what to write",
        arguments: [
            ("server=:80", "server: \":80\" is no HOST:PORT"), ("server=\"[::1\"", "server: \"[::1\" is no HOST:PORT"),
            ("server=a:70000", "is no HOST:PORT"), ("server=\"a b\"", "is no HOST:PORT"),
            ("server=a:0", "is no HOST:PORT"),
            ("server=a,user=u", "user: is given without a password"),
            ("server=a,password=p", "password: is given without a user"),
            ("server=a,timeout=0s", "timeout: is 0"), ("user=a", "server"),
        ]
    )
    func wrongSettings(settings: String, complaint: String) {
        let error = #expect(throws: LaminaError.self) { try chain(settings) }
        #expect(error?.description.contains(complaint) == true, "\(String(describing: error))")
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Socks5", settings: "server=127.0.0.1")
    }
}
