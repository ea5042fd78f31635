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
}
