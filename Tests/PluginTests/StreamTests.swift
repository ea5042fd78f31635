import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Connections of the base providers", .serialized)
struct StreamTests {
    @Test(
        "A connection carries bytes both ways, and its ends know each other's names",
        arguments: BaseProvider.allCases,
        ["127.0.0.1:0", "[::1]:0", "unix"]
    )
    func echo(base: BaseProvider, place: String) throws {
        let directory = try TemporaryDirectory()
        let address = place == "unix" ? Address(unix: "\(directory.path)/socket") : try Address(parsing: place)
        let pair = try Pair(try base.chain(), on: address)
        try pair.client.waiting.send(Array("hello".utf8))
        #expect(try pair.server.waiting.receive(upTo: 100, deadline: soon()) == Array("hello".utf8))
        try pair.server.waiting.send(Array("world!".utf8))
        #expect(try pair.client.waiting.receive(upTo: 100, deadline: soon()) == Array("world!".utf8))
        #expect(try pair.client.waiting.localAddress() == pair.server.waiting.remoteAddress())
        #expect(try pair.client.waiting.remoteAddress() == pair.server.waiting.localAddress())
        #expect(try pair.listener.waiting.localAddress() == pair.client.waiting.remoteAddress())
        try pair.close()
    }

    @Test("A connect with data delivers them as the first bytes", arguments: BaseProvider.allCases)
    func connectWithData(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let client = try chain.open(.connection())
        var address = try listener.waiting.localAddress().c
        let count = try Array("first".utf8).withUnsafeBytes { bytes in
            var buffer = lamina_buffer(base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), length: bytes.count)
            return try client.waiting.perform("connect-with-data", deadline: soon()) {
                lamina_socket_connect_with_data(client.handle, &address, &buffer, 1, 0, $0)
            }
        }
        #expect(count == 5)
        let server = try listener.waiting.accept(deadline: soon())
        #expect(try server.waiting.receive(upTo: 10, deadline: soon()) == Array("first".utf8))
        for socket in [client, server, listener] { try socket.waiting.close() }
    }

    @Test("Megabytes pass both ways at once, byte for byte", arguments: BaseProvider.allCases)
    func transfer(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let count = 2_500_000
        func pass(_ from: Socket, _ to: Socket, _ seed: UInt8) -> [Helper] {
            let sender = Helper {
                var sent = 0
                // Pieces larger than any buffer, so that sends wait for room in their middle.
                while sent < count {
                    let size = min(700_001, count - sent)
                    try from.waiting.send((sent..<(sent + size)).map { pattern($0, seed) }, deadline: soon())
                    sent += size
                }
                try from.waiting.disconnect()
            }
            let receiver = Helper {
                var received = 0
                while true {
                    let bytes = try to.waiting.receive(upTo: 50_000, deadline: soon())
                    if bytes.isEmpty { break }
                    let start = received
                    let isRight = bytes.enumerated().allSatisfy { $0.element == pattern(start + $0.offset, seed) }
                    guard isRight else { throw TestFailure("a byte after \(received) is wrong") }
                    received += bytes.count
                }
                guard received == count else { throw TestFailure("\(received) bytes came") }
            }
            return [sender, receiver]
        }
        for helper in pass(pair.client, pair.server, 1) + pass(pair.server, pair.client, 77) { try helper.join() }
        try pair.close()
    }

    @Test("After half a close the other half goes on", arguments: BaseProvider.allCases)
    func halfClose(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        try pair.client.waiting.send([1, 2, 3])
        try pair.client.waiting.disconnect()
        #expect(throws: LaminaError.self) { try pair.client.waiting.send([4]) }
        #expect(try pair.server.waiting.receive(upTo: 10, all: true, deadline: soon()) == [1, 2, 3])
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()) == [])
        try pair.server.waiting.send([5])
        #expect(try pair.client.waiting.receive(upTo: 10, deadline: soon()) == [5])
        try pair.close()
    }

    @Test("Connecting where nobody listens is refused", arguments: BaseProvider.allCases)
    func refused(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let address = try listener.waiting.localAddress()
        try listener.waiting.close()
        let error = #expect(throws: LaminaError.self) { try chain.connect(to: address, deadline: soon()) }
        #expect(error?.errno == ECONNREFUSED)
        #expect(error?.level == base.description)
    }

    @Test("A reset ends both ends with an error, and it stays one", arguments: BaseProvider.allCases)
    func reset(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        for _ in 0..<3 { calls.receive(pair.server, 10) }
        try pair.client.waiting.disconnect(.abortive)
        #expect(calls.wait(for: 3).map(\.status) == [-ECONNRESET, -ECONNRESET, -ECONNRESET])
        let later = #expect(throws: LaminaError.self) { try pair.server.waiting.receive(upTo: 1, deadline: soon()) }
        #expect(later?.errno == ECONNRESET)
        #expect(throws: LaminaError.self) { try pair.client.waiting.send([1]) }
        try pair.close()
    }

    @Test("A receive that waits for all gets all, whatever the pieces", arguments: BaseProvider.allCases)
    func waitAll(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        calls.receive(pair.server, 6, LAMINA_RECEIVE_WAIT_ALL)
        for piece in [[1, 2], [3], [4, 5, 6, 7]] as [[UInt8]] { try pair.client.waiting.send(piece) }
        #expect(calls.wait(for: 1) == [.init(number: 0, status: 0, bytes: 6)])
        #expect(calls.bytes(0, 6) == [1, 2, 3, 4, 5, 6])
        calls.receive(pair.server, 6, LAMINA_RECEIVE_WAIT_ALL)
        try pair.client.waiting.disconnect()
        #expect(calls.wait(for: 2).last == .init(number: 1, status: 0, bytes: 1))
        try pair.close()
    }

    @Test("A peek leaves what it saw; a drain discards up to the end", arguments: BaseProvider.allCases)
    func peekAndDrain(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        calls.receive(pair.server, 4, LAMINA_RECEIVE_PEEK)
        try pair.client.waiting.send([7, 8, 9])
        #expect(calls.wait(for: 1).map(\.bytes) == [3])
        #expect(try pair.server.waiting.receive(upTo: 2, deadline: soon()) == [7, 8])
        calls.receive(pair.server, 0, LAMINA_RECEIVE_DRAIN)
        try pair.client.waiting.send(Array(repeating: 0, count: 9))
        try pair.client.waiting.disconnect()
        #expect(calls.wait(for: 2).last == .init(number: 1, status: 0, bytes: 10))
        #expect(calls.receive(pair.server, 0) == 0)
        #expect(calls.receive(pair.server, 1, LAMINA_RECEIVE_DRAIN) == -EINVAL)
        #expect(calls.receive(pair.server, 1, 1 << 20) == -EINVAL)
        try pair.close()
    }

    @Test("A call that only tries says so, without effect", arguments: BaseProvider.allCases)
    func tries(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let calls = PendingCalls()
        #expect(calls.receive(pair.server, 4, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        try pair.client.waiting.send([1, 2])
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [1])
        #expect(calls.receive(pair.server, 4, LAMINA_RECEIVE_WAIT_ALL, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        #expect(calls.receive(pair.server, 4, flags: LAMINA_REQUEST_TRY) == 0)
        #expect(calls.bytes(2, 1) == [2])
        // In the end the peer's buffer is full, and a try sends a part or nothing.
        let piece = [UInt8](repeating: 5, count: 1 << 20)
        var sent = 0
        var status: lamina_status = 0
        for number in 3..<100 {
            status = calls.send(pair.client, piece, flags: LAMINA_REQUEST_TRY)
            guard status == 0 else { break }
            sent += calls.wait(for: number + 1)[number].bytes
        }
        #expect(status == -EAGAIN)
        let server = pair.server
        #expect(try server.waiting.receive(upTo: sent, all: true, deadline: soon()).count == sent)
        #expect(calls.receive(pair.server, 1, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        try pair.close()
    }

    @Test("A listener that closes ends what waits for it", arguments: BaseProvider.allCases)
    func closeListener(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let expired = #expect(throws: LaminaError.self) {
            try listener.waiting.accept(deadline: Deadline.after(seconds: 0.02))
        }
        #expect(expired?.code == .timedOut)
        let client = try chain.connect(to: try listener.waiting.localAddress())
        try listener.waiting.close()
        let lost = #expect(throws: LaminaError.self) { try client.waiting.receive(upTo: 1, deadline: soon()) }
        #expect(lost?.errno == ECONNRESET)
        try client.waiting.close()
    }

    @Test("An accept that waits gets the next connection", arguments: BaseProvider.allCases)
    func acceptLater(base: BaseProvider) async throws {
        let chain = try base.chain()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        async let accepted = [listener.accept(), listener.accept()]
        let address = try listener.waiting.localAddress()
        let clients = [try chain.connect(to: address), try chain.connect(to: address)]
        for client in clients { try await client.send([42]) }
        for server in try await accepted {
            #expect(try await server.receive(upTo: 5) == [42])
            try await server.closed()
        }
        for socket in clients + [listener] { try await socket.closed() }
    }
}

func pattern(_ index: Int, _ seed: UInt8) -> UInt8 {
    UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8) &+ seed
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
