import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The request contract of the base providers", .serialized)
struct ContractTests {
    /// An operation that waits for good, and what it needs to do so.
    enum Waiting: String, CaseIterable, Sendable {
        case accept, receive, receiveAll, drain, receiveFrom, send, sendTo, finalData

        /// Whether the base can be brought to wait in it.
        func waits(on base: BaseProvider) -> Bool { self != .sendTo || base == .kernel }

        /// Starts it, and perhaps others before it. Answers the sockets to close, the one that waits first.
        func start(_ chain: Chain, _ calls: PendingCalls, _ directory: TemporaryDirectory) throws -> [Socket] {
            switch self {
            case .accept:
                let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
                calls.accept(listener)
                return [listener]
            case .receiveFrom:
                let socket = try chain.open(.datagram())
                try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
                calls.receiveFrom(socket)
                return [socket]
            case .sendTo:
                let receiver = try chain.open(.datagram(AF_UNIX))
                try receiver.waiting.bind(to: Address(unix: "\(directory.path)/one"))
                let sender = try chain.open(.datagram(AF_UNIX))
                try sender.waiting.connect(to: Address(unix: "\(directory.path)/one"))
                // The receiver's queue is short.
                for _ in 0..<10_000 where calls.sendTo(sender, [1]) == LAMINA_PENDING { break }
                return [sender, receiver]
            default: break
            }
            let pair = try Pair(chain)
            switch self {
            case .receive: calls.receive(pair.server, 4)
            case .receiveAll: calls.receive(pair.server, 4, LAMINA_RECEIVE_WAIT_ALL)
            case .drain: calls.receive(pair.server, 0, LAMINA_RECEIVE_DRAIN)
            case .finalData: calls.disconnect(pair.server, after: [UInt8](repeating: 7, count: 30_000_000))
            default: calls.send(pair.server, [UInt8](repeating: 7, count: 30_000_000))
            }
            return [pair.server, pair.client, pair.listener]
        }
    }

    @Test("A deadline ends every operation that waits", arguments: BaseProvider.allCases, Waiting.allCases)
    func deadline(base: BaseProvider, operation: Waiting) throws {
        guard operation.waits(on: base) else { return }
        let calls = PendingCalls()
        calls.deadline = Deadline.after(seconds: 0.1)
        let directory = try TemporaryDirectory()
        let sockets = try operation.start(try base.chain(), calls, directory)
        #expect(calls.wait(for: calls.count).last?.status == -ETIMEDOUT)
        #expect(calls.endsNow.count == calls.count)
        for socket in sockets { try socket.waiting.close() }
    }

    @Test("A cancel ends every operation that waits", arguments: BaseProvider.allCases, Waiting.allCases)
    func cancel(base: BaseProvider, operation: Waiting) throws {
        guard operation.waits(on: base) else { return }
        let calls = PendingCalls()
        let directory = try TemporaryDirectory()
        let sockets = try operation.start(try base.chain(), calls, directory)
        #expect(calls.endsNow.count == calls.count - 1)
        calls.cancel(calls.count - 1)
        #expect(calls.wait(for: calls.count).last?.status == -ECANCELED)
        for socket in sockets { try socket.waiting.close() }
    }

    @Test("Close ends every operation that waits", arguments: BaseProvider.allCases, Waiting.allCases)
    func close(base: BaseProvider, operation: Waiting) throws {
        guard operation.waits(on: base) else { return }
        let calls = PendingCalls()
        let directory = try TemporaryDirectory()
        let sockets = try operation.start(try base.chain(), calls, directory)
        try sockets[0].waiting.close()
        #expect(calls.endsNow.count == calls.count)
        #expect(calls.endsNow.last?.status == -ECANCELED)
        for socket in sockets.dropFirst() { try socket.waiting.close() }
    }

    /// How a connect that nobody answers is ended.
    enum Ending: CaseIterable, Sendable {
        case close, cancel, deadline

        var status: Int32 { self == .deadline ? -ETIMEDOUT : -ECANCELED }
    }

    @Test(
        "A connect that nobody answers ends at once by close, cancel or deadline",
        arguments: Ending.allCases,
        [false, true]
    )
    func blackhole(ending: Ending, isUnix: Bool) throws {
        let chain = try BaseProvider.kernel.chain()
        let directory = try TemporaryDirectory()
        let address = isUnix ? Address(unix: "\(directory.path)/socket") : Address(host: "127.0.0.1", port: 0)
        // Linux drops what comes to a listener whose backlog is full: nobody answers.
        let listener = try chain.listen(on: address, backlog: 0)
        let place = try listener.waiting.localAddress()
        let first = try chain.connect(to: place)
        let socket = try chain.open(.connection(isUnix ? AF_UNIX : AF_INET))
        let calls = PendingCalls()
        if ending == .deadline { calls.deadline = Deadline.after(seconds: 0.1) }
        #expect(calls.connect(socket, to: place) == LAMINA_PENDING)
        if ending == .cancel { calls.cancel(0) }
        if ending == .close { try socket.waiting.close() }
        #expect(calls.wait(for: 1) == [.init(number: 0, status: ending.status, bytes: 0)])
        if ending != .close { try socket.waiting.close() }
        for socket in [first, listener] { try socket.waiting.close() }
    }

    @Test(
        "Under load with cancels and deadlines every receive ends once, in order, and no byte is lost",
        arguments: BaseProvider.allCases
    )
    func load(base: BaseProvider) throws {
        let chain = try base.chain()
        let connections = try (0..<4).map { _ in try Pair(chain) }
        let bytes = (0..<400_000).map { pattern($0, 3) }
        let workers = connections.enumerated().map { number, pair in
            [
                Helper { try Self.send(bytes, by: pair.client, seed: UInt64(number)) },
                Helper { try Self.receive(bytes, by: pair.server, seed: UInt64(number)) },
            ]
        }
        for worker in workers.joined() { try worker.join() }
        for socket in connections.flatMap({ [$0.client, $0.listener] }) { try socket.waiting.close() }
    }

    private static func send(_ bytes: [UInt8], by socket: Socket, seed: UInt64) throws {
        var random = Random(seed: seed)
        var sent = 0
        while sent < bytes.count {
            let count = min(bytes.count - sent, Int.random(in: 1...5000, using: &random))
            try socket.waiting.send(Array(bytes[sent..<sent + count]), deadline: soon())
            sent += count
        }
    }

    /// Keeps receives queued, some of which are cancelled or may be too late, and looks at what each brought.
    private static func receive(_ bytes: [UInt8], by socket: Socket, seed: UInt64) throws {
        var random = Random(seed: seed &+ 1000)
        let calls = PendingCalls()
        // Nothing pends any more when the calls' memory goes.
        defer { try? socket.waiting.close() }
        var received = 0
        var seen = 0
        var last = -1
        while received < bytes.count {
            while calls.count - seen < 8 {
                let isShort = Int.random(in: 0..<4, using: &random) == 0
                calls.deadline = isShort ? Deadline.after(milliseconds: 1) : soon()
                calls.receive(socket, Int.random(in: 1...3000, using: &random))
            }
            if Bool.random(using: &random) { calls.cancel(Int.random(in: seen..<calls.count, using: &random)) }
            let ends = calls.wait(for: seen + 1)
            guard ends.count > seen else { throw TestFailure("no receive has ended") }
            for end in ends[seen...] {
                if end.status != 0 {
                    guard [-ECANCELED, -ETIMEDOUT].contains(end.status), end.bytes == 0 else {
                        throw TestFailure("receive \(end.number) ended with \(end.status) and \(end.bytes) bytes")
                    }
                    continue
                }
                guard end.number > last else { throw TestFailure("receive \(end.number) ended behind \(last)") }
                last = end.number
                let expected = bytes[received..<min(received + end.bytes, bytes.count)]
                guard calls.bytes(end.number, end.bytes) == Array(expected) else {
                    throw TestFailure("receive \(end.number) brought other bytes from \(received) on")
                }
                received += end.bytes
            }
            seen = ends.count
        }
        try socket.waiting.close()
        let ends = calls.endsNow
        guard ends.count == calls.count, Set(ends.map(\.number)).count == ends.count else {
            throw TestFailure("\(calls.count) receives ended \(ends.count) times")
        }
    }
}

/// A repeatable sequence.
private struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
