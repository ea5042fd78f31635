import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Inspection of connections by the base providers, and by one over the SDK", .serialized)
struct InspectionTests {
    /// Who listens.
    enum Listening: CaseIterable, Sendable {
        case kernel, memory
        /// What `lamina new --base --swift` writes.
        case typed

        func chain() throws -> Chain {
            switch self {
            case .kernel: try BaseProvider.kernel.chain()
            case .memory: try BaseProvider.memory.chain()
            case .typed: try PluginTests.chain(("hub", try SwiftPlugin.build(template: "swift-base")))
            }
        }
    }

    private func listener(_ chain: Chain, _ client: EventClient) throws -> Socket {
        let listener = try chain.open(.listen())
        try client.attach(to: listener)
        try listener.enable([LAMINA_INDICATION_INSPECT, LAMINA_INDICATION_ABORT])
        try listener.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try listener.waiting.listen()
        return listener
    }

    private func complete(_ listener: Socket, _ id: lamina_inspect_id, _ action: Int) throws {
        var id = id
        try listener.waiting.perform("inspect-complete") {
            lamina_socket_inspect_complete(listener.handle, &id, UInt32(action), $0)
        }
    }

    @Test("A connection is accepted, rejected, or decided later", arguments: Listening.allCases)
    func decisions(base: Listening) throws {
        let chain = try base.chain()
        let client = EventClient()
        let listener = try listener(chain, client)
        let address = try listener.waiting.localAddress()
        let accepted = try chain.connect(to: address)
        _ = try client.inspection()
        let first = try listener.waiting.accept(deadline: soon())
        #expect(try first.waiting.remoteAddress() == accepted.waiting.localAddress())
        client.inspect = { _ in LAMINA_INSPECT_REJECT }
        // The reset comes after the handshake, or so soon that the connect sees it.
        let reset = #expect(throws: LaminaError.self) {
            let rejected = try chain.connect(to: address)
            defer { rejected.close() }
            _ = try rejected.waiting.receive(upTo: 1, deadline: soon())
        }
        #expect(reset?.errno == ECONNRESET)
        _ = try client.inspection()
        client.inspect = { _ in LAMINA_INSPECT_PEND }
        let calls = PendingCalls()
        #expect(calls.accept(listener) == LAMINA_PENDING)
        let pended = try chain.connect(to: address)
        let id = try client.inspection()
        #expect(calls.endsNow.isEmpty)
        try complete(listener, id, LAMINA_INSPECT_ACCEPT)
        #expect(calls.wait(for: 1).map(\.status) == [0])
        let second = try Socket(handle: calls.socket(0))
        #expect(try second.waiting.inspection().serial == id.serial)
        try pended.waiting.send([5])
        #expect(try second.waiting.receive(upTo: 1, deadline: soon()) == [5])
        let late = try chain.connect(to: address)
        try complete(listener, try client.inspection(), LAMINA_INSPECT_REJECT)
        #expect(throws: LaminaError.self) { try late.waiting.receive(upTo: 1, deadline: soon()) }
        for socket in [accepted, first, pended, second, late, listener] { try socket.waiting.close() }
    }

    @Test("A pending connection that is reset is indicated as gone", arguments: Listening.allCases)
    func abort(base: Listening) throws {
        let chain = try base.chain()
        let client = EventClient()
        client.inspect = { _ in LAMINA_INSPECT_PEND }
        let listener = try listener(chain, client)
        let peer = try chain.connect(to: try listener.waiting.localAddress())
        let id = try client.inspection()
        try peer.waiting.disconnect(.abortive)
        let gone = try client.abort()
        #expect(gone.key == id.key && gone.serial == id.serial)
        let error = #expect(throws: LaminaError.self) { try complete(listener, id, LAMINA_INSPECT_ACCEPT) }
        #expect(error?.code == .invalidArgument)
        for socket in [peer, listener] { try socket.waiting.close() }
    }

    @Test("Connections beyond the backlog wait for their inspection", arguments: Listening.allCases)
    func backlog(base: Listening) throws {
        let chain = try base.chain()
        let client = EventClient()
        client.inspect = { _ in LAMINA_INSPECT_PEND }
        let listener = try listener(chain, client)
        let address = try listener.waiting.localAddress()
        let peers = try (0..<40).map { _ in try chain.connect(to: address) }
        for _ in peers { try complete(listener, try client.inspection(), LAMINA_INSPECT_ACCEPT) }
        let servers = try peers.map { _ in try listener.waiting.accept(deadline: soon()) }
        for socket in peers + servers + [listener] { try socket.waiting.close() }
    }

    @Test("Inspection can't begin after listen, nor end", arguments: Listening.allCases)
    func timing(base: Listening) throws {
        let chain = try base.chain()
        let plain = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        #expect(throws: LaminaError.self) { try plain.enable([LAMINA_INDICATION_INSPECT]) }
        let inspecting = try listener(chain, EventClient())
        #expect(throws: LaminaError.self) { try inspecting.enable([], clear: [LAMINA_INDICATION_INSPECT]) }
        for socket in [plain, inspecting] { try socket.waiting.close() }
    }
}
