import CLamina
import CLinux
import Glibc
import Lamina
import Testing

/// Two ends of a connection that send one byte back for each byte that comes, from their completion routines alone.
private final class InlineEcho: @unchecked Sendable {
    // One thread runs everything: the one that runs the engine.

    /// One end: a receive and a send, which run again and again.
    private struct End {
        var socket: lamina_socket
        var receive = lamina_request()
        var send = lamina_request()
        var byte: UInt8 = 0
        var echo: Unmanaged<InlineEcho>
    }

    private let goal: Int
    private(set) var echoes = 0
    private(set) var failure: Int32 = 0
    private(set) var deepest: UInt = 0
    private let ends = UnsafeMutablePointer<End>.allocate(capacity: 2)
    private var top: UInt = 0

    init(_ pair: Pair, goal: Int) {
        self.goal = goal
        for (index, socket) in [pair.client, pair.server].enumerated() {
            (ends + index).initialize(to: End(socket: socket.handle, echo: .passUnretained(self)))
        }
    }

    deinit { ends.deallocate() }

    func run(_ engine: Engine) {
        var here: UInt8 = 0
        top = withUnsafePointer(to: &here) { UInt(bitPattern: $0) }
        // The client's first receive follows its first send.
        receive(ends + 1)
        send(ends)
        while echoes < goal, failure == 0 { engine.run(timeout: 1_000_000_000) }
    }

    private func receive(_ end: UnsafeMutablePointer<End>) {
        lamina_request_prepare(&end.pointee.receive, Self.received, end)
        withUnsafeMutablePointer(to: &end.pointee.byte) { byte in
            var buffer = lamina_buffer(base: byte, length: 1)
            _ = lamina_socket_receive(end.pointee.socket, &buffer, 1, 0, &end.pointee.receive)
        }
    }

    private func send(_ end: UnsafeMutablePointer<End>) {
        lamina_request_prepare(&end.pointee.send, Self.sent, end)
        withUnsafeMutablePointer(to: &end.pointee.byte) { byte in
            var buffer = lamina_buffer(base: byte, length: 1)
            _ = lamina_socket_send(end.pointee.socket, &buffer, 1, 0, &end.pointee.send)
        }
    }

    private static let received: lamina_completion = { _, request, context in
        guard let end = context?.assumingMemoryBound(to: End.self) else { return 0 }
        let echo = end.pointee.echo.takeUnretainedValue()
        var here: UInt8 = 0
        let depth = echo.top &- withUnsafePointer(to: &here) { UInt(bitPattern: $0) }
        if depth < 1 << 30 { echo.deepest = max(echo.deepest, depth) }
        guard request.pointee.status == 0, request.pointee.bytes == 1 else {
            echo.failure = request.pointee.status == 0 ? -EPIPE : request.pointee.status
            return 0
        }
        echo.echoes += 1
        if echo.echoes < echo.goal { echo.send(end) }
        return 0
    }

    private static let sent: lamina_completion = { _, request, context in
        guard let end = context?.assumingMemoryBound(to: End.self) else { return 0 }
        let echo = end.pointee.echo.takeUnretainedValue()
        guard request.pointee.status == 0 else {
            echo.failure = request.pointee.status
            return 0
        }
        if echo.echoes < echo.goal { echo.receive(end) }
        return 0
    }
}

@Suite("Inline completions")
struct InlineEchoTests {
    @Test("A million echoes from completion routines stay within a small stack")
    func echoes() throws {
        let engine = try Engine()
        let provider = try BaseProvider.memory.provider()
        let chain = try Chain([(try LayerSpecification(parsing: "memory"), provider)], engine: engine)
        let pair = try Pair(chain)
        let echo = InlineEcho(pair, goal: 1_000_000)
        // 512 KB of stack, and no more.
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 512 * 1024)
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Work(echo, engine)).toOpaque()
        let status = pthread_create(
            &thread,
            &attributes,
            { context in
                guard let context else { return nil }
                let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                work.echo.run(work.engine)
                return nil
            },
            box
        )
        try #require(status == 0)
        pthread_join(thread, nil)
        #expect(echo.failure == 0)
        #expect(echo.echoes == 1_000_000)
        #expect(echo.deepest < 256 * 1024)
        try pair.close()
    }

    private final class Work {
        let echo: InlineEcho
        let engine: Engine

        init(_ echo: InlineEcho, _ engine: Engine) {
            self.echo = echo
            self.engine = engine
        }
    }
}
