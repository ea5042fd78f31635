import CLamina
import Glibc
import Lamina
import Testing

@Suite("Indications of the base providers", .serialized)
struct IndicationTests {
    private static let data = [LAMINA_INDICATION_RECEIVE, LAMINA_INDICATION_DISCONNECT]

    @Test("Data that come are indicated in order, and then the end of the stream", arguments: BaseProvider.allCases)
    func data(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.client.waiting.send(Array("before ".utf8))
        try pair.server.enable(Self.data)
        try pair.client.waiting.send(Array("after".utf8))
        #expect(try client.bytes(12) == Array("before after".utf8))
        let count = 3_000_000
        let sent = (0..<count).map { pattern($0, 5) }
        try pair.client.waiting.send(sent, deadline: soon())
        try pair.client.waiting.disconnect()
        #expect(try client.end().flags == 0)
        #expect(try client.bytes(12 + count) == Array("before after".utf8) + sent)
        #expect(client.overlap == 1)
        // The other direction goes on.
        try pair.server.waiting.send(Array("bye".utf8))
        #expect(try pair.client.waiting.receive(upTo: 10, all: false, deadline: soon()) == Array("bye".utf8))
        try pair.close()
    }

    @Test("Indications that were enabled before the connection stood begin with it", arguments: BaseProvider.allCases)
    func early(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let socket = try chain.open(.connection())
        let client = EventClient()
        try client.attach(to: socket)
        try socket.enable(Self.data)
        try socket.waiting.connect(to: listener.waiting.localAddress())
        let server = try listener.waiting.accept(deadline: soon())
        try server.waiting.send(Array("welcome".utf8))
        #expect(try client.bytes(7) == Array("welcome".utf8))
        for socket in [socket, server, listener] { try socket.waiting.close() }
    }

    @Test(
        "While only the stream's end is wanted, data that nobody receives cost nothing",
        arguments: BaseProvider.allCases
    )
    func unwantedData(base: BaseProvider) throws {
        let engine = try Engine()
        let pair = try Pair(try base.chain(engine: engine))
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.client.waiting.send([1, 2, 3], deadline: soon())
        try pair.server.enable([LAMINA_INDICATION_DISCONNECT])
        let runs = (0..<1000).prefix { _ in engine.run() > 0 }.count
        #expect(runs < 10)
        try pair.close()
    }

    @Test("Data that are not taken wait for a receive, which gets them first", arguments: BaseProvider.allCases)
    func refused(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        client.takeData = { _ in (-EAGAIN, 0) }
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        try pair.client.waiting.send(Array("abcdef".utf8))
        try client.calls(atLeast: 1)
        try pair.client.waiting.send(Array("ghi".utf8))
        client.takeData = { (0, $0) }
        #expect(try pair.server.waiting.receive(upTo: 3, deadline: soon()) == Array("abc".utf8))
        // That receive has completed: the rest is indicated.
        #expect(try client.bytes(6) == Array("defghi".utf8))
        try pair.close()
    }

    @Test("What is left of data taken in part is received, and indications go on", arguments: BaseProvider.allCases)
    func part(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        client.takeData = { _ in (0, 2) }
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        try pair.client.waiting.send(Array("abcdef".utf8))
        #expect(try client.bytes(2) == Array("ab".utf8))
        #expect(client.callCount == 1)
        client.takeData = { (0, $0) }
        let rest = try pair.server.waiting.receive(upTo: 100, deadline: soon())
        #expect(rest == Array("cdef".utf8))
        try pair.client.waiting.send(Array("gh".utf8))
        #expect(try client.bytes(4) == Array("abgh".utf8))
        try pair.close()
    }

    @Test("A receive that waits goes before the indications", arguments: BaseProvider.allCases)
    func waitingReceive(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        let calls = PendingCalls()
        #expect(calls.receive(pair.server, 4, LAMINA_RECEIVE_WAIT_ALL) == LAMINA_PENDING)
        try pair.client.waiting.send(Array("ab".utf8))
        try pair.client.waiting.send(Array("cdef".utf8))
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: 0, bytes: 4)])
        #expect(calls.bytes(0, 4) == Array("abcd".utf8))
        #expect(try client.bytes(2) == Array("ef".utf8))
        try pair.close()
    }

    @Test(
        "What a client retains stays until it is released, also after close, and a budget holds more back",
        arguments: BaseProvider.allCases
    )
    func retained(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        client.takeData = { _ in (LAMINA_PENDING, 0) }
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        let count = 8_000_000
        let sent = (0..<count).map { pattern($0, 9) }
        let sender = Helper { try pair.client.waiting.send(sent, deadline: soon()) }
        // With the budget used up, nothing more comes until something is released.
        _ = try client.bytes(1_048_576)
        let calls = client.callCount
        while try client.bytes(0).count < count {
            try client.release(through: pair.server)
            sched_yield()
        }
        try sender.join()
        #expect(client.callCount > calls)
        #expect(try client.bytes(count) == sent)
        try client.release(through: pair.server)
        try pair.client.waiting.send(Array("last".utf8))
        _ = try client.bytes(count + 4)
        try pair.close()
        try client.release(through: nil)
    }

    @Test("An end that came while only data were wanted is told once that is wanted", arguments: BaseProvider.allCases)
    func lateEnd(base: BaseProvider) throws {
        let chain = try base.chain()
        for _ in 0..<100 {
            let pair = try Pair(chain)
            let client = EventClient()
            try client.attach(to: pair.server)
            try pair.server.enable([LAMINA_INDICATION_RECEIVE])
            try pair.client.waiting.send(Array("bye".utf8))
            try pair.client.waiting.disconnect()
            #expect(try client.bytes(3) == Array("bye".utf8))
            try pair.server.enable([LAMINA_INDICATION_DISCONNECT])
            #expect(try client.end().flags == 0)
            try pair.close()
        }
    }

    @Test("A reset is indicated as an abortive end", arguments: BaseProvider.allCases, [true, false])
    func reset(base: BaseProvider, withData: Bool) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.server.enable(withData ? Self.data : [LAMINA_INDICATION_DISCONNECT])
        try pair.client.waiting.disconnect(.abortive)
        let end = try client.end()
        #expect(end.flags == UInt32(LAMINA_DISCONNECT_ABORTIVE))
        #expect(end.reason == -ECONNRESET)
        try pair.close()
    }

    @Test("The end is indicated while nobody wants the data, which stay", arguments: BaseProvider.allCases)
    func endAlone(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.server.enable([LAMINA_INDICATION_DISCONNECT])
        try pair.client.waiting.send(Array("left".utf8))
        try pair.client.waiting.disconnect()
        #expect(try client.end().flags == 0)
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()) == Array("left".utf8))
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()).isEmpty)
        try pair.close()
    }

    @Test("Clearing an indication completes when the last one has returned", arguments: BaseProvider.allCases)
    func clear(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        let gate = Latch()
        let entered = Latch()
        client.insideReceive = {
            entered.open()
            gate.wait()
        }
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        try pair.client.waiting.send([1])
        entered.wait()
        let calls = PendingCalls()
        #expect(calls.enable(pair.server, 0, clear: 1 << UInt32(LAMINA_INDICATION_RECEIVE)) == LAMINA_PENDING)
        #expect(calls.endsNow.isEmpty)
        gate.open()
        #expect(calls.wait(for: 1).map(\.status) == [0])
        let count = client.callCount
        try pair.client.waiting.send([2])
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()) == [2])
        #expect(client.callCount == count)
        try pair.close()
    }

    @Test("A client may close the socket from inside an indication", arguments: BaseProvider.allCases)
    func closeInside(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        let closed = Latch()
        let server = pair.server
        client.insideReceive = {
            server.chain.close(server.handle) { _ in closed.open() }
        }
        try client.attach(to: server)
        try server.enable(Self.data)
        try pair.client.waiting.send([1])
        closed.wait()
        #expect(client.callCount == 1)
        try pair.client.waiting.close()
        try pair.listener.waiting.close()
    }

    @Test("Connections are indicated, taken with a client of their own, or refused", arguments: BaseProvider.allCases)
    func accept(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.open(.listen())
        let owner = EventClient()
        let data = EventClient()
        owner.takeConnection = { handle in
            guard let socket = try? Socket(handle: handle), (try? data.attach(to: socket)) != nil else {
                return -EAGAIN
            }
            return 0
        }
        try owner.attach(to: listener)
        try listener.enable([LAMINA_INDICATION_ACCEPT])
        try listener.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try listener.waiting.listen()
        let address = try listener.waiting.localAddress()
        let first = try chain.connect(to: address)
        let server = try Socket(handle: try owner.connection())
        try server.enable(Self.data)
        try first.waiting.send(Array("one".utf8))
        #expect(try data.bytes(3) == Array("one".utf8))
        #expect(try server.waiting.remoteAddress() == first.waiting.localAddress())
        owner.takeConnection = { _ in -EAGAIN }
        let refused = try chain.connect(to: address)
        // Closed, or reset, by the framework.
        #expect(((try? refused.waiting.receive(upTo: 1, deadline: soon())) ?? []).isEmpty)
        // Without the indication, a program accepts by itself.
        try listener.enable([], clear: [LAMINA_INDICATION_ACCEPT])
        let second = try chain.connect(to: address)
        let taken = try listener.waiting.accept(deadline: soon())
        try second.waiting.send([7])
        #expect(try taken.waiting.receive(upTo: 1, deadline: soon()) == [7])
        for socket in [first, server, refused, second, taken, listener] { try socket.waiting.close() }
    }

    @Test("Datagrams are indicated with their senders", arguments: BaseProvider.allCases, [0, LAMINA_PENDING])
    func datagrams(base: BaseProvider, answer: lamina_status) throws {
        let chain = try base.chain()
        let receiver = try chain.open(.datagram())
        let sender = try chain.open(.datagram())
        try receiver.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try sender.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let client = EventClient()
        client.takeDatagrams = answer
        try client.attach(to: receiver)
        try receiver.enable([LAMINA_INDICATION_RECEIVE_FROM])
        let target = try receiver.waiting.localAddress()
        for number in 0..<40 {
            try sender.waiting.send([UInt8](repeating: UInt8(number), count: number * 100), to: target)
            _ = try client.datagrams(number + 1)
        }
        let all = try client.datagrams(40)
        let source = try sender.waiting.localAddress()
        for (number, datagram) in all.enumerated() {
            #expect(datagram.bytes == [UInt8](repeating: UInt8(number), count: number * 100))
            #expect(datagram.sender == source)
        }
        try client.release(through: receiver)
        for socket in [receiver, sender] { try socket.waiting.close() }
    }

    @Test("Datagrams that are refused stop the indication until a receive", arguments: BaseProvider.allCases)
    func refusedDatagrams(base: BaseProvider) throws {
        let chain = try base.chain()
        let receiver = try chain.open(.datagram())
        let sender = try chain.open(.datagram())
        try receiver.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let client = EventClient()
        client.takeDatagrams = -EAGAIN
        try client.attach(to: receiver)
        try receiver.enable([LAMINA_INDICATION_RECEIVE_FROM])
        let target = try receiver.waiting.localAddress()
        try sender.waiting.send([1], to: target)
        try client.calls(atLeast: 1)
        client.takeDatagrams = 0
        try sender.waiting.send([2], to: target)
        #expect(try receiver.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        try sender.waiting.send([3], to: target)
        #expect(try client.datagrams(2).last?.bytes == [3])
        for socket in [receiver, sender] { try socket.waiting.close() }
    }

    @Test("The ideal backlog is told when that is enabled", arguments: BaseProvider.allCases)
    func backlog(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        try client.attach(to: pair.client)
        try pair.client.enable([LAMINA_INDICATION_SEND_BACKLOG])
        let first = try #require(try client.backlogs(1).first)
        #expect(first >= 4096)
        // Enabled anew, it is told anew.
        try pair.client.enable([], clear: [LAMINA_INDICATION_SEND_BACKLOG])
        try pair.client.enable([LAMINA_INDICATION_SEND_BACKLOG])
        _ = try client.backlogs(2)
        try pair.close()
    }

    @Test("A socket answers what its category can't indicate", arguments: BaseProvider.allCases)
    func unsupported(base: BaseProvider) throws {
        let chain = try base.chain()
        let socket = try chain.open(.datagram())
        let error = #expect(throws: LaminaError.self) { try socket.enable([LAMINA_INDICATION_RECEIVE]) }
        #expect(error?.code == .notSupported)
        let both = #expect(throws: LaminaError.self) {
            try socket.enable([LAMINA_INDICATION_RECEIVE_FROM], clear: [LAMINA_INDICATION_RECEIVE_FROM])
        }
        #expect(both?.code == .invalidArgument)
        try socket.waiting.close()
    }

    @Test(
        "Closing while data come neither loses a close nor calls a client afterwards",
        arguments: BaseProvider.allCases
    )
    func closeRace(base: BaseProvider) throws {
        let chain = try base.chain()
        for _ in 0..<200 {
            let pair = try Pair(chain)
            let client = EventClient()
            try client.attach(to: pair.server)
            try pair.server.enable(Self.data)
            let sender = Helper { for _ in 0..<20 { try? pair.client.waiting.send([1, 2, 3]) } }
            try client.calls(atLeast: 1)
            try pair.server.waiting.close()
            let count = client.callCount
            try sender.join()
            try pair.client.waiting.close()
            try pair.listener.waiting.close()
            #expect(client.callCount == count)
        }
    }
}
