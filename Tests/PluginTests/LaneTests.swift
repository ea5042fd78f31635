import CLamina
import CLinux
import Glibc
import Lamina
import Testing

@Suite("Lanes: order, cancel, deadlines and close", .serialized)
struct LaneTests {
    @Test("Queued receives fill and complete in the order of the calls", arguments: BaseProvider.allCases)
    func receiveOrder(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        for _ in 0..<50 { #expect(calls.receive(pair.server, 4) == LAMINA_PENDING) }
        try pair.client.waiting.send((0..<200).map { UInt8($0) })
        let ends = calls.wait(for: 50)
        #expect(ends.map(\.number) == Array(0..<50))
        #expect(ends.allSatisfy { $0.status == 0 && $0.bytes == 4 })
        for number in 0..<50 {
            #expect(calls.bytes(number, 4) == (4 * number..<4 * number + 4).map { UInt8($0) })
        }
        try pair.close()
    }

    @Test("Queued sends leave and complete in the order of the calls", arguments: BaseProvider.allCases)
    func sendOrder(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        let size = 3_000_000
        for number in 0..<5 { calls.send(pair.client, [UInt8](repeating: UInt8(number), count: size)) }
        #expect(calls.endsNow.count < 5)
        for number in 0..<5 {
            let bytes = try pair.server.waiting.receive(upTo: size, all: true, deadline: soon())
            #expect(bytes.count == size && bytes.allSatisfy { $0 == UInt8(number) })
        }
        #expect(calls.wait(for: 5).map(\.number) == Array(0..<5))
        try pair.close()
    }

    @Test("The end of a stream completes every queued receive with nothing", arguments: BaseProvider.allCases)
    func end(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        for _ in 0..<4 { calls.receive(pair.server, 4) }
        try pair.client.waiting.send([1])
        try pair.client.waiting.disconnect()
        let ends = calls.wait(for: 4)
        #expect(ends.map(\.bytes) == [1, 0, 0, 0])
        #expect(ends.allSatisfy { $0.status == 0 })
        try pair.close()
    }

    @Test("A cancelled receive ends at once, and the next one gets the data", arguments: BaseProvider.allCases)
    func cancel(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        for _ in 0..<3 { calls.receive(pair.server, 4) }
        calls.cancel(0)
        #expect(calls.wait(for: 1) == [.init(number: 0, status: -ECANCELED, bytes: 0)])
        calls.cancel(2)
        #expect(calls.wait(for: 2).last == .init(number: 2, status: -ECANCELED, bytes: 0))
        try pair.client.waiting.send([9])
        #expect(calls.wait(for: 3).last == .init(number: 1, status: 0, bytes: 1))
        try pair.close()
    }

    @Test("A task's cancellation ends its receive", arguments: BaseProvider.allCases)
    func cancelTask(base: BaseProvider) async throws {
        let pair = try Pair(try base.chain())
        let server = pair.server
        let task = Task { try await server.receive(upTo: 4) }
        task.cancel()
        await #expect(throws: LaminaError.self) { try await task.value }
        try await pair.client.send([3])
        #expect(try await server.receive(upTo: 4) == [3])
        try pair.close()
    }

    @Test("A deadline ends a receive, and the connection goes on", arguments: BaseProvider.allCases)
    func deadline(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let expired = #expect(throws: LaminaError.self) {
            try pair.server.waiting.receive(upTo: 4, deadline: Deadline.after(seconds: 0.02))
        }
        #expect(expired?.code == .timedOut)
        try pair.client.waiting.send([3])
        #expect(try pair.server.waiting.receive(upTo: 4, deadline: soon()) == [3])
        try pair.close()
    }

    @Test("Close cancels what waits, in order, before it ends", arguments: BaseProvider.allCases)
    func close(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        for _ in 0..<3 { calls.receive(pair.server, 4) }
        try pair.server.waiting.close()
        #expect(calls.endsNow == (0..<3).map { .init(number: $0, status: -ECANCELED, bytes: 0) })
        let closed = #expect(throws: LaminaError.self) { try pair.server.waiting.send([1]) }
        #expect(closed?.code == .closed)
        #expect(try pair.client.waiting.receive(upTo: 1, deadline: soon()) == [])
        try pair.client.waiting.close()
        try pair.listener.waiting.close()
    }

    @Test("Sends of several threads on one connection don't mix", arguments: BaseProvider.allCases)
    func threads(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let size = 100_000
        let client = pair.client
        let senders = (1...3).map { number in
            Helper {
                for _ in 0..<10 {
                    try client.waiting.send([UInt8](repeating: UInt8(number), count: size), deadline: soon())
                }
            }
        }
        for _ in 0..<30 {
            let bytes = try pair.server.waiting.receive(upTo: size, all: true, deadline: soon())
            #expect(bytes.count == size && bytes.allSatisfy { $0 == bytes[0] })
        }
        for sender in senders { try sender.join() }
        try pair.close()
    }

    @Test("Waiting receives of several threads each get their share", arguments: BaseProvider.allCases)
    func waiters(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let server = pair.server
        let helpers = (0..<4).map { _ in
            Helper {
                for _ in 0..<100 {
                    let bytes = try server.waiting.receive(upTo: 2, all: true, deadline: soon())
                    guard bytes.count == 2, bytes[0] == bytes[1] else { throw TestFailure("got \(bytes)") }
                }
            }
        }
        for number in 0..<400 {
            try pair.client.waiting.send([UInt8(number & 0xFF)])
            try pair.client.waiting.send([UInt8(number & 0xFF)])
        }
        for helper in helpers { try helper.join() }
        try pair.close()
    }
}
