import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Where datagrams go that name no destination", .serialized)
struct DestinationTests {
    private let scratch: TemporaryDirectory

    init() throws {
        scratch = try TemporaryDirectory()
    }

    /// A chain with the layer trace, which writes to a file, above a base.
    private func traced(_ base: BaseProvider) throws -> Chain {
        try chain(
            ("trace:file=\(scratch.path)/trace", Plugin.product("Trace")),
            (base.description, Plugin.product(base == .kernel ? "Kernel" : "Memory"))
        )
    }

    private func bound(_ chain: Chain, _ host: String) throws -> Socket {
        let address = Address(host: host, port: 0)
        let socket = try chain.open(.datagram(address.family ?? AF_INET))
        try socket.waiting.bind(to: address)
        return socket
    }

    @Test(
        "A destination is for sends alone, an address given goes first, and a layer sees what was set",
        arguments: BaseProvider.allCases,
        ["127.0.0.1", "::1"]
    )
    func sendOnly(base: BaseProvider, host: String) throws {
        let chain = try traced(base)
        let (socket, peer, stranger) = (try bound(chain, host), try bound(chain, host), try bound(chain, host))
        let own = try socket.waiting.localAddress()
        let nowhere = #expect(throws: LaminaError.self) { try socket.waiting.send([0], to: nil) }
        #expect(nowhere?.errno == EDESTADDRREQ)
        #expect(try socket.waiting.destination() == nil)
        try socket.waiting.setDestination(try peer.waiting.localAddress())
        #expect(try socket.waiting.destination() == peer.waiting.localAddress())
        try socket.waiting.send([1], to: nil)
        #expect(try peer.waiting.receiveDatagram(deadline: soon()).bytes == [1])
        try socket.waiting.send([2], to: try stranger.waiting.localAddress())
        #expect(try stranger.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        // What comes isn't filtered.
        try stranger.waiting.send([3], to: own)
        #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes == [3])
        try socket.waiting.setDestination(nil)
        #expect(throws: LaminaError.self) { try socket.waiting.send([4], to: nil) }
        let target = try peer.waiting.localAddress().description
        for socket in [socket, peer, stranger] { try socket.waiting.close() }
        #expect(try scratch.lines("trace").contains { $0.contains("connect") && $0.contains("\(target) send_only") })
    }

    @Test(
        "A fixed remote address filters, gives way to a destination, and can be forgotten without losing the port",
        arguments: BaseProvider.allCases,
        ["127.0.0.1", "0.0.0.0", "::1"]
    )
    func fixedRemote(base: BaseProvider, host: String) throws {
        let chain = try base.chain()
        let loopback = host.contains(":") ? "::1" : "127.0.0.1"
        let (socket, peer) = (try bound(chain, host), try bound(chain, loopback))
        let stranger = try bound(chain, loopback)
        let port = try #require(try socket.waiting.localAddress().port)
        let own = Address(host: loopback, port: port)
        try socket.waiting.connect(to: try peer.waiting.localAddress())
        try socket.waiting.setDestination(try stranger.waiting.localAddress())
        try socket.waiting.send([1], to: nil)
        #expect(try stranger.waiting.receiveDatagram(deadline: soon()).bytes == [1])
        try stranger.waiting.send([9], to: own)
        try peer.waiting.send([2], to: own)
        #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        try socket.waiting.setDestination(nil)
        try socket.waiting.send([3], to: nil)
        #expect(try peer.waiting.receiveDatagram(deadline: soon()).bytes == [3])
        try socket.waiting.forgetRemote()
        #expect(try socket.waiting.localAddress().port == port)
        #expect(throws: LaminaError.self) { try socket.waiting.remoteAddress() }
        let nowhere = #expect(throws: LaminaError.self) { try socket.waiting.send([4], to: nil) }
        #expect(nowhere?.errno == EDESTADDRREQ)
        try stranger.waiting.send([5], to: own)
        #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes == [5])
        for socket in [socket, peer, stranger] { try socket.waiting.close() }
    }

    @Test("Many datagrams without an address go to the destination", arguments: BaseProvider.allCases)
    func many(base: BaseProvider) throws {
        let chain = try base.chain()
        let (socket, peer) = (try bound(chain, "127.0.0.1"), try bound(chain, "127.0.0.1"))
        try socket.waiting.setDestination(try peer.waiting.localAddress())
        try withBuffers(["one", "two"]) { buffers, count in
            var messages = (0..<Int(count)).map { index in
                var message = lamina_message()
                message.buffers = UnsafePointer(buffers + index)
                message.buffer_count = 1
                return message
            }
            try socket.waiting.perform("send") { lamina_socket_send_messages(socket.handle, &messages, count, 0, $0) }
        }
        for text in ["one", "two"] {
            #expect(try peer.waiting.receiveDatagram(deadline: soon()).bytes == Array(text.utf8))
        }
        for socket in [socket, peer] { try socket.waiting.close() }
    }

    @Test("A condition on the destination isn't decided by undoing one", arguments: BaseProvider.allCases)
    func conditions(base: BaseProvider) throws {
        let target = try bound(try base.chain(), "127.0.0.1")
        let port = try #require(try target.waiting.localAddress().port)
        let chain = try chain(
            ("trace:file=\(scratch.path)/trace,when=[port=\(port)]", Plugin.product("Trace")),
            (base.description, Plugin.product(base == .kernel ? "Kernel" : "Memory"))
        )
        let socket = try bound(chain, "127.0.0.1")
        try socket.waiting.forgetRemote()
        try socket.waiting.setDestination(try target.waiting.localAddress())
        try socket.waiting.send([1], to: nil)
        #expect(try target.waiting.receiveDatagram(deadline: soon()).bytes == [1])
        for socket in [socket, target] { try socket.waiting.close() }
        #expect(try scratch.lines("trace").contains { $0.contains("send_to") })
    }
}
