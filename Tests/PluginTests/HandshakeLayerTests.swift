import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

/// Layers that speak for themselves before a connection is the program's.
@Suite("Handshakes of typed layers")
struct HandshakeLayerTests {
    private func chain(_ settings: String, over base: BaseProvider, _ source: String = "Examples/Layers/Login") throws
        -> Chain
    {
        try PluginTests.chain(
            (settings, try SwiftPlugin.build(source)),
            ("\(base)", "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    private func talker(_ way: String) throws -> Chain {
        try chain("talker:way=\(way)", over: .kernel, "Fixtures/layers/Talker")
    }

    /// A socket that has begun to connect, and the peer that has taken its connection.
    private func beginning(_ chain: Chain, _ base: BaseProvider, _ calls: PendingCalls) throws
        -> (client: Socket, peer: Socket)
    {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        defer { listener.close() }
        let client = try chain.open(.connection())
        #expect(calls.connect(client, to: try listener.waiting.localAddress()) == LAMINA_PENDING)
        return (client, try listener.waiting.accept(deadline: soon()))
    }

    @Test("The layer speaks first, and what comes behind its words is the program's", arguments: BaseProvider.allCases)
    func speaksFirst(base: BaseProvider) throws {
        let calls = PendingCalls()
        let (client, peer) = try beginning(chain("login:word=sesame", over: base), base, calls)
        #expect(try peer.waiting.receive(upTo: 6, all: true, deadline: soon()) == Array("sesame".utf8))
        #expect(calls.send(client, [1]) == -ENOTCONN && calls.disconnect(client, after: []) == -ENOTCONN)
        try peer.waiting.send(Array("+hello".utf8))
        #expect(calls.wait(for: 3).last?.status == 0)
        #expect(try client.waiting.receive(upTo: 5, all: true, deadline: soon()) == Array("hello".utf8))
        try client.waiting.send(Array("there".utf8))
        #expect(try peer.waiting.receive(upTo: 5, all: true, deadline: soon()) == Array("there".utf8))
        for socket in [client, peer] { try socket.waiting.close() }
    }

    @Test(
        "A peer that says no ends the connect, and the socket is of no use any more",
        arguments: BaseProvider.allCases
    )
    func refused(base: BaseProvider) throws {
        let calls = PendingCalls()
        let (client, peer) = try beginning(chain("login:word=x", over: base), base, calls)
        try peer.waiting.send(Array("-".utf8))
        #expect(calls.wait(for: 1).last?.status == -EACCES)
        #expect(calls.connect(client, to: Address(host: "127.0.0.1", port: 1)) == -ECONNABORTED)
        for socket in [client, peer] { try socket.waiting.close() }
    }

    @Test("A socket that reached nobody may try again", arguments: BaseProvider.allCases)
    func again(base: BaseProvider) throws {
        let client = try chain("login:word=x", over: base).open(.connection())
        for _ in 0..<2 {
            let error = #expect(throws: LaminaError.self) {
                try client.waiting.connect(to: Address(host: "127.0.0.1", port: 1), deadline: soon())
            }
            #expect(error?.errno == ECONNREFUSED)
        }
        try client.waiting.close()
    }

    @Test("A close in the middle of a conversation ends it first", arguments: BaseProvider.allCases)
    func closes(base: BaseProvider) throws {
        let calls = PendingCalls()
        let (client, peer) = try beginning(chain("login:word=x", over: base), base, calls)
        try client.waiting.close()
        #expect(calls.endsNow.map(\.status) == [-ECANCELED])
        try peer.waiting.close()
    }

    @Test("A conversation that nobody keeps fails, and steps of one conversation are one at a time")
    func rules() throws {
        let dropped = #expect(throws: LaminaError.self) {
            try talker("drop").connect(to: Address(host: "127.0.0.1", port: 1), deadline: soon())
        }
        #expect(dropped?.errno == EIO)
        for (way, errno) in [("twice", EALREADY), ("late", EPERM)] {
            let calls = PendingCalls()
            let (client, peer) = try beginning(talker(way), .kernel, calls)
            #expect(calls.wait(for: 1).last?.status == -errno, "\(way)")
            for socket in [client, peer] { try socket.waiting.close() }
        }
    }

    @Test("A conversation may try another place where one can't be reached")
    func another() throws {
        let calls = PendingCalls()
        let (client, peer) = try beginning(talker("another"), .kernel, calls)
        #expect(calls.wait(for: 1).last?.status == 0)
        try peer.waiting.send([7])
        #expect(try client.waiting.receive(upTo: 1, deadline: soon()) == [7])
        for socket in [client, peer] { try socket.waiting.close() }
    }

    @Test("The type says by itself that it touches data until a connection stands alone")
    func described() throws {
        let manifest = try Library.load(try SwiftPlugin.build("Examples/Layers/Login")).provider().manifest
        #expect(manifest.handshakes && manifest.effect == .transform && manifest.handoff == .share)
    }
}
