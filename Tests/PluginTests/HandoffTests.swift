import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// A socket goes from one place to another. Here both are this process, which is enough to see what each level gets.
@Suite struct HandoffTests {
    private static let kernel = ("kernel", Plugin.product("Kernel"))

    /// A chain of the kernel's sockets below `layers`.
    private func chain(_ layers: String...) throws -> Chain {
        try Lamina.Chain(
            layers: layers.map { try LayerSpecification(parsing: $0) },
            base: LayerSpecification(name: Plugin.product("Kernel"), label: "kernel"),
            catalog: Catalog(directories: [])
        )
    }

    private func redeem(_ info: ProtocolInfo) throws -> Socket {
        try Socket(
            from: try ProtocolInfo(parsing: info.bytes),
            catalog: Catalog(directories: []),
            deadline: soon()
        )
    }

    @Test("A shared connection is used through either socket, and closing one leaves the other working")
    func share() throws {
        let trace = Plugin.product("Trace")
        let chain = try chain(
            "\(trace)=a:data=none",
            "\(Plugin.product("Count"))=c:each=no",
            "\(trace)=b:data=sizes,errors"
        )
        let pair = try Pair(chain)
        try pair.client.waiting.send(Array("one".utf8))
        let info = try pair.client.duplicate(for: getpid())
        #expect(info.bytes.count == 256 && info.mode == .share && info.levelCount == 4)
        #expect(info.chainName == "a/c/b/kernel" && info.source == .own && info.target == .own)
        let other = try redeem(info)
        #expect(other.chain.labels == ["a", "c", "b", "kernel"] && other.serial != pair.client.serial)
        try other.waiting.send(Array("two".utf8))
        try pair.client.waiting.send(Array("three".utf8))
        #expect(try pair.server.waiting.receive(upTo: 11, all: true, deadline: soon()) == Array("onetwothree".utf8))
        try pair.server.waiting.send(Array("four".utf8))
        #expect(try other.waiting.receive(upTo: 4, all: true, deadline: soon()) == Array("four".utf8))
        try pair.client.waiting.close()
        try other.waiting.send(Array("five".utf8))
        #expect(try pair.server.waiting.receive(upTo: 4, all: true, deadline: soon()) == Array("five".utf8))
        try other.waiting.close()
        #expect(try pair.server.waiting.receive(upTo: 4, deadline: soon()).isEmpty)
        try pair.server.waiting.close()
        try pair.listener.waiting.close()
    }

    @Test("A layer with a position in the stream moves: its state goes along, and the source is stale")
    func move() throws {
        let keystream = try Plugin.build("keystream")
        let chain = try chain("\(keystream)=cipher")
        let pair = try Pair(chain)
        try pair.client.waiting.send(Array("the first".utf8))
        #expect(try pair.server.waiting.receive(upTo: 9, all: true, deadline: soon()) == Array("the first".utf8))
        let calls = PendingCalls()
        #expect(calls.receive(pair.client, 10) == LAMINA_PENDING)
        let info = try pair.client.duplicate(for: getpid())
        #expect(info.mode == .move)
        let other = try redeem(info)
        #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        #expect(throws: LaminaError.self) { try pair.client.waiting.send(Array("x".utf8)) }
        #expect(calls.receive(pair.client, 10) == -ESTALE)
        try other.waiting.send(Array(" and the second".utf8))
        #expect(
            try pair.server.waiting.receive(upTo: 15, all: true, deadline: soon()) == Array(" and the second".utf8)
        )
        try pair.server.waiting.send(Array("answer".utf8))
        #expect(try other.waiting.receive(upTo: 6, all: true, deadline: soon()) == Array("answer".utf8))
        try pair.client.waiting.close()
        try other.waiting.send(Array("third".utf8))
        #expect(try pair.server.waiting.receive(upTo: 5, all: true, deadline: soon()) == Array("third".utf8))
        try other.waiting.close()
        try pair.server.waiting.close()
        try pair.listener.waiting.close()
    }

    @Test("A task redeems without holding a thread of the pool, and an engine that the program runs serves the source")
    func engines() async throws {
        let engine = try Engine()
        let pair = try await Self.off {
            try Pair(try BaseProvider.kernel.chain(engine: engine))
        }
        let info = try pair.client.duplicate(for: getpid(), validFor: 600_000)
        let isOver = Latch()
        let running = Helper { while !isOver.isOpen { engine.run(timeout: 1_000_000) } }
        let other = try await Socket.redeeming(info, catalog: Catalog(directories: []), deadline: soon())
        isOver.open()
        try running.join()
        try await other.send(Array("task".utf8))
        // The target's engine may be one that its program runs, too.
        let back = try other.duplicate(for: getpid())
        try await Self.off {
            #expect(try pair.server.waiting.receive(upTo: 4, all: true, deadline: soon()) == Array("task".utf8))
            let third = try Socket(from: back, catalog: Catalog(directories: []), engine: engine, deadline: soon())
            try third.waiting.send(Array("engine".utf8))
            #expect(try pair.server.waiting.receive(upTo: 6, all: true, deadline: soon()) == Array("engine".utf8))
            for socket in [third, other] { try socket.waiting.close() }
            try pair.close()
        }
        let late = try await #require(throws: LaminaError.self) {
            try await Socket.redeeming(info, catalog: Catalog(directories: []), deadline: soon())
        }
        #expect(late.errno == ECONNREFUSED)
    }

    /// Runs what blocks on a thread of its own.
    private static func off<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            detach { continuation.resume(with: Result { try body() }) }
        }
    }
}
