import CLamina
import CLinux
import Glibc
import Lamina
import Testing

@Suite("Sockets on the engine's threads", .serialized)
struct EngineTests {
    private static let data = [LAMINA_INDICATION_RECEIVE, LAMINA_INDICATION_DISCONNECT]

    @Test(
        "Many sockets indicate, receive, cancel and close at once; each hears of its own, in order and one by one",
        arguments: BaseProvider.allCases
    )
    func many(base: BaseProvider) throws {
        let chain = try base.chain()
        let workers = (0..<8).map { worker in
            Helper {
                for round in 0..<12 {
                    let pair = try Pair(chain)
                    let client = EventClient()
                    try client.attach(to: pair.server)
                    try pair.server.enable(Self.data)
                    let count = 20_000 + 1_000 * worker
                    let sent = (0..<count).map { pattern($0, UInt8(worker + round)) }
                    // What pends on the other side is cancelled in the end, by close or by hand.
                    let calls = PendingCalls()
                    #expect(calls.receive(pair.client, 1) == LAMINA_PENDING)
                    #expect(calls.receive(pair.client, 1) == LAMINA_PENDING)
                    try pair.client.waiting.send(sent, deadline: soon())
                    if round % 3 == 0 { calls.cancel(1) }
                    // Every other round closes in the middle of it.
                    if round % 2 == 0 {
                        try pair.client.waiting.disconnect()
                        #expect(try client.end().flags == 0)
                        #expect(try client.bytes(count) == sent)
                    }
                    #expect(client.overlap <= 1)
                    try pair.close()
                    let ends = calls.wait(for: 2).map(\.status)
                    #expect(ends == [-ECANCELED, -ECANCELED])
                    #expect(Array(sent.prefix(try client.bytes(0).count)) == (try client.bytes(0)))
                }
            }
        }
        for worker in workers { try worker.join() }
    }

    @Test("Receives that pend again and again get every byte, however it comes", arguments: BaseProvider.allCases)
    func pendingAgain(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let count = 40_000
        let sent = (0..<count).map { pattern($0, 3) }
        let sender = Helper {
            // In pieces of 1 to 7 bytes, so that some end a receive, and some come between two.
            var next = 0
            while next < count {
                let end = min(next + 1 + next % 7, count)
                try pair.client.waiting.send(Array(sent[next..<end]), deadline: soon())
                next = end
            }
        }
        var got: [UInt8] = []
        while got.count < count {
            let calls = PendingCalls()
            calls.receive(pair.server, 5)
            let end = try #require(calls.wait(for: 1).first)
            try #require(end.status == 0 && end.bytes > 0)
            got += calls.bytes(0, end.bytes)
        }
        try sender.join()
        #expect(got == sent)
        try pair.close()
    }

    @Test("What is released late lets indications go on, though nothing new comes", arguments: BaseProvider.allCases)
    func lateRelease(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = EventClient()
        client.takeData = { _ in (LAMINA_PENDING, 0) }
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        // More than the budget, but all of it leaves the sender.
        let count = 1_500_000
        let sent = (0..<count).map { pattern($0, 11) }
        let sender = Helper { try pair.client.waiting.send(sent, deadline: soon()) }
        _ = try client.bytes(1_048_576)
        if base == .kernel { try sender.join() }
        while try client.bytes(0).count < count {
            try client.release(through: pair.server)
            sched_yield()
        }
        if base == .memory { try sender.join() }
        #expect(try client.bytes(count) == sent)
        try client.release(through: pair.server)
        try pair.close()
    }

    @Test("A receive beside urgent data gets what stands before and behind them")
    func urgent() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.server.enable(Self.data)
        for round in 1...200 {
            let out = try pair.client.waiting.descriptor()
            #expect(Glibc.send(out, "abc", 3, 0) == 3)
            #expect(Glibc.send(out, "!", 1, Int32(MSG_OOB)) == 1)
            #expect(Glibc.send(out, "def", 3, 0) == 3)
            let bytes = try client.bytes(round * 6)
            #expect(bytes.suffix(6) == Array("abcdef".utf8))
        }
        try pair.close()
    }

    @Test("A thread that waits and the engine share a socket: whichever is asked gets the bytes")
    func mixed() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        for round in 0..<3_000 {
            let byte = UInt8(truncatingIfNeeded: round)
            let sender = pair.client.waiting
            if round % 2 == 0 {
                let calls = PendingCalls()
                calls.receive(pair.server, 1)
                try sender.send([byte])
                #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: 0, bytes: 1)])
                #expect(calls.bytes(0, 1) == [byte])
            } else {
                if round % 3 == 0 { try sender.send([byte]) }
                let late = round % 3 == 0 ? nil : Helper { try sender.send([byte]) }
                #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [byte])
                try late?.join()
            }
        }
        try pair.close()
    }

    @Test("A thread that waits gets its bytes while the engine's thread is busy with another socket")
    func busyEngine() throws {
        let engine = try Engine()
        let kernel = (layer: try LayerSpecification(parsing: "kernel"), provider: try BaseProvider.kernel.provider())
        let chain = try Chain([kernel], engine: engine)
        let (busy, pair) = (try Pair(chain), try Pair(chain))
        let (isInside, isOver) = (Latch(), Latch())
        let client = EventClient()
        client.insideReceive = {
            isInside.open()
            isOver.wait()
        }
        try client.attach(to: busy.server)
        try busy.server.enable([LAMINA_INDICATION_RECEIVE])
        // From this receive on the engine watches the connection.
        let calls = PendingCalls()
        #expect(calls.receive(pair.server, 8) == LAMINA_PENDING)
        let runner = Helper {
            while calls.endsNow.isEmpty || client.callCount == 0 { engine.run(timeout: 10_000_000) }
        }
        try pair.client.waiting.send([1])
        #expect(calls.wait(for: 1).count == 1)
        try busy.client.waiting.send([2])
        isInside.wait()
        try pair.client.waiting.send([3])
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [3])
        isOver.open()
        try runner.join()
        try pair.close()
        try busy.close()
    }

    @Test("Sends that wait for room go on with it, and receives that wait with what then comes")
    func bothWays() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        let count = 4_000_000
        let sent = (0..<count).map { pattern($0, 17) }
        for _ in 0..<3 {
            let calls = PendingCalls()
            calls.send(pair.client, sent)
            calls.send(pair.server, sent)
            let others = PendingCalls()
            others.receive(pair.client, count, LAMINA_RECEIVE_WAIT_ALL)
            others.receive(pair.server, count, LAMINA_RECEIVE_WAIT_ALL)
            #expect(calls.wait(for: 2).allSatisfy { $0.status == 0 && $0.bytes == count })
            #expect(others.wait(for: 2).allSatisfy { $0.status == 0 && $0.bytes == count })
            #expect(others.bytes(0, count) == sent)
            #expect(others.bytes(1, count) == sent)
        }
        try pair.close()
    }

    @Test("Connections that came while a listener had no room are inspected once it has")
    func inspectedLater() throws {
        let chain = try BaseProvider.kernel.chain()
        let listener = try chain.open(.listen())
        let client = EventClient()
        try client.attach(to: listener)
        try listener.enable([LAMINA_INDICATION_INSPECT])
        try listener.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try listener.waiting.listen(backlog: 3)
        let address = try listener.waiting.localAddress()
        // Three stand inspected, the others in the kernel.
        let clients = try (0..<5).map { _ in try chain.connect(to: address) }
        for socket in clients { try socket.waiting.send([9]) }
        for _ in clients {
            let accepted = try listener.waiting.accept(deadline: soon())
            #expect(try accepted.waiting.receive(upTo: 1, deadline: soon()) == [9])
            try accepted.waiting.close()
        }
        for socket in clients + [listener] { try socket.waiting.close() }
    }
}
