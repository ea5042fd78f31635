import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Layers that turn a stream's bytes into others")
struct StreamCodecTests {
    init() { LayerOutput.capture() }

    /// The example `Escape` over a base.
    private func escape(
        _ base: BaseProvider,
        _ settings: String = "",
        layer own: String = "escape",
        engine: Engine = .shared
    ) throws -> Chain {
        let layer = try Library.load(SwiftPlugin.build("Examples/Layers/Escape")).provider()
        let (own, below) = (
            try LayerSpecification(parsing: own), try LayerSpecification(parsing: base.description + settings)
        )
        return try Chain([(own, layer), (below, try base.provider())], engine: engine)
    }

    /// Bytes of which many are escaped.
    private func bytes(_ count: Int, _ seed: Int = 7) -> [UInt8] {
        (0..<count).map { $0 % 5 == 0 ? 0 : $0 % 7 == 0 ? UInt8(ascii: "}") : UInt8(truncatingIfNeeded: $0 &* seed) }
    }

    private func all(of socket: Lamina.Socket, part: Int = 4096) throws -> [UInt8] {
        var received: [UInt8] = []
        while case let more = try socket.waiting.receive(upTo: part, deadline: soon()), !more.isEmpty {
            received += more
        }
        return received
    }

    @Test("What passes below is encoded, and what comes is decoded", arguments: BaseProvider.allCases)
    func coded(base: BaseProvider) throws {
        let pair = try Pair(try base.chain(), client: try escape(base))
        try pair.client.waiting.send([1, 0, 2, 125, 3], deadline: soon())
        try pair.client.waiting.disconnect()
        #expect(try all(of: pair.server) == [1, 125, 62, 2, 125, 93, 3])
        try pair.server.waiting.send([125, 62, 9, 125], deadline: soon())
        #expect(try pair.client.waiting.receive(upTo: 2, all: true, deadline: soon()) == [0, 9])
        // A receive waits where what came makes no byte yet.
        let calls = PendingCalls()
        #expect(calls.receive(pair.client, 8) == LAMINA_PENDING)
        try pair.server.waiting.send([93], deadline: soon())
        #expect(calls.wait(for: 1) == [.init(number: 0, status: 0, bytes: 1)])
        try pair.close()
    }

    @Test("A condition may let the layer in at the connect", arguments: BaseProvider.allCases)
    func conditional(base: BaseProvider) throws {
        let pair = try Pair(try base.chain(), client: try escape(base, layer: "escape:when=[port=1-65535]"))
        let calls = PendingCalls()
        #expect(calls.receive(pair.client, 8) == LAMINA_PENDING)
        try pair.server.waiting.send([125, 93], deadline: soon())
        #expect(calls.wait(for: 1) == [.init(number: 0, status: 0, bytes: 1)])
        try pair.client.waiting.send([125], deadline: soon())
        #expect(try pair.server.waiting.receive(upTo: 2, all: true, deadline: soon()) == [125, 93])
        try pair.close()
    }

    @Test(
        "What comes is decoded where indications were enabled before the condition let the layer in",
        arguments: BaseProvider.allCases
    )
    func early(base: BaseProvider) throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let socket = try escape(base, layer: "escape:when=[port=1-65535]").open(.connection())
        let client = EventClient()
        try client.attach(to: socket)
        try socket.enable([LAMINA_INDICATION_RECEIVE, LAMINA_INDICATION_DISCONNECT])
        try socket.waiting.connect(to: listener.waiting.localAddress())
        let server = try listener.waiting.accept(deadline: soon())
        try server.waiting.send([1, 125, 62, 125, 93, 9], deadline: soon())
        #expect(try client.bytes(4) == [1, 0, 125, 9])
        try server.waiting.disconnect()
        #expect(try client.end().flags == 0)
        for socket in [socket, server, listener] { try socket.waiting.close() }
    }

    @Test("Both directions carry every byte at once, and their ends", arguments: BaseProvider.allCases)
    func bothWays(base: BaseProvider) throws {
        let pair = try Pair(try escape(base))
        let sent = [bytes(300_000), bytes(200_000, 11)]
        let senders = zip([pair.client, pair.server], sent).map { socket, bytes in
            Helper {
                for start in stride(from: 0, to: bytes.count, by: 7_777) {
                    try socket.waiting.send(Array(bytes[start..<min(start + 7_777, bytes.count)]), deadline: soon())
                }
                try socket.waiting.disconnect()
            }
        }
        let other = Locked<[UInt8]>([])
        let receiver = Helper {
            let received = try all(of: pair.client, part: 501)
            other.withLock { $0 = received }
        }
        #expect(try all(of: pair.server) == sent[0])
        try receiver.join()
        #expect(other.withLock { $0 } == sent[1])
        for sender in senders { try sender.join() }
        try pair.close()
    }

    @Test("Who sends to somebody that doesn't read is held up")
    func backPressure() throws {
        let pair = try Pair(try escape(.memory, ":buffer=4k"))
        let calls = PendingCalls()
        var accepted = 0
        while calls.send(pair.client, bytes(8192)) != LAMINA_PENDING {
            accepted += 8192
            try #require(accepted < 1_000_000, "nothing holds the sender up")
        }
        try pair.client.waiting.disconnect(.abortive)
        #expect(calls.wait(for: accepted / 8192 + 1).last?.status == -ECONNABORTED)
        try pair.close()
    }

    @Test("What was sent before a close arrives, however slowly it is read", arguments: BaseProvider.allCases)
    func closed(base: BaseProvider) throws {
        let pair = try Pair(try escape(base, base == .memory ? ":buffer=1k" : ""))
        let sent = bytes(40_000)
        try pair.client.waiting.send(sent, deadline: soon())
        let closer = Helper { try pair.client.waiting.close() }
        #expect(try all(of: pair.server, part: 333) == sent)
        try closer.join()
        for socket in [pair.server, pair.listener] { try socket.waiting.close() }
    }

    @Test("A close doesn't wait for ever for a peer that reads nothing")
    func stalled() throws {
        let pair = try Pair(try escape(.memory, ":buffer=1k"))
        try pair.client.waiting.send(bytes(40_000), deadline: soon())
        try pair.client.waiting.close()
        for socket in [pair.server, pair.listener] { try socket.waiting.close() }
    }

    @Test("A stream that ends where its coder can't end fails, after what came before")
    func wrongEnd() throws {
        let pair = try Pair(try BaseProvider.memory.chain(), client: try escape(.memory))
        try pair.server.waiting.send([5, 125], deadline: soon())
        try pair.server.waiting.disconnect()
        #expect(try pair.client.waiting.receive(upTo: 10, deadline: soon()) == [5])
        for _ in 0..<2 {
            #expect { try pair.client.waiting.receive(upTo: 10, deadline: soon()) } throws: {
                ($0 as? LaminaError)?.errno == EPROTO
            }
        }
        try pair.close()
    }

    @Test("Decoded data are indicated, and the end behind them", arguments: BaseProvider.allCases)
    func indicated(base: BaseProvider) throws {
        let pair = try Pair(try escape(base))
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.server.enable([LAMINA_INDICATION_RECEIVE, LAMINA_INDICATION_DISCONNECT])
        let sent = bytes(100_000)
        try pair.client.waiting.send(sent, deadline: soon())
        try pair.client.waiting.disconnect()
        #expect(try client.end().flags == 0)
        #expect(try client.bytes(sent.count) == sent)
        try pair.close()
    }

    @Test("Resets, peeks, and what only tries are as without it", arguments: BaseProvider.allCases)
    func others(base: BaseProvider) throws {
        let pair = try Pair(try escape(base))
        let calls = PendingCalls()
        #expect(calls.receive(pair.server, 4, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        try pair.client.waiting.send([0, 0, 7], deadline: soon())
        #expect(calls.receive(pair.server, 2, LAMINA_RECEIVE_PEEK) == LAMINA_PENDING || calls.endsNow.count == 2)
        #expect(calls.wait(for: 2).last?.bytes == 2)
        #expect(try pair.server.waiting.receive(upTo: 3, all: true, deadline: soon()) == [0, 0, 7])
        #expect(calls.receive(pair.server, 4) == LAMINA_PENDING)
        try pair.client.waiting.disconnect(.abortive)
        #expect(calls.wait(for: 3).last?.status == -ECONNRESET)
        try pair.close()
    }

    @Test("A reset passes below, also behind a graceful end", arguments: BaseProvider.allCases)
    func resetBehindEnd(base: BaseProvider) throws {
        let pair = try Pair(try escape(base))
        try pair.client.waiting.disconnect()
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [])
        try pair.client.waiting.disconnect(.abortive)
        // The server has seen the graceful end; what it sends has nobody.
        let deadline = soon()
        var hasFailed = false
        while !hasFailed {
            try #require(Deadline.after(seconds: 0) < deadline, "the reset never came")
            do { try pair.server.waiting.send([1], deadline: soon()) } catch { hasFailed = true }
        }
        try pair.close()
    }

    @Test("Many threads send, receive and close at once")
    func manyThreads() throws {
        let chain = try escape(.memory, ":buffer=2k")
        let helpers = (0..<4).map { number in
            Helper {
                for round in 0..<15 {
                    let pair = try Pair(chain)
                    let sent = bytes(3_000 + 100 * round, number + 3)
                    let sender = Helper {
                        try pair.client.waiting.send(sent, deadline: soon())
                        try pair.client.waiting.close()
                    }
                    #expect(try all(of: pair.server, part: 700) == sent)
                    try sender.join()
                    let calls = PendingCalls()
                    _ = calls.send(pair.server, [1, 2, 3])
                    try pair.server.waiting.close()
                    try pair.listener.waiting.close()
                    #expect(calls.wait(for: 1).count == 1)
                }
            }
        }
        for helper in helpers { try helper.join() }
    }
}
