import CLamina
import Glibc
import Lamina
import Testing

@Suite("The end of everything that is open on a chain", .serialized)
struct ChainClosingTests {
    @Test("Every socket is found and closed, with what pends on it", arguments: BaseProvider.allCases)
    func closes(base: BaseProvider) throws {
        let chain = try base.chain()
        let pair = try Pair(chain)
        let datagram = try chain.open(.datagram())
        let serials = chain.openSockets.map(\.serial)
        #expect(Set(serials) == Set([pair.listener, pair.client, pair.server, datagram].map(\.serial)))
        #expect(serials == serials.sorted())
        let calls = PendingCalls()
        #expect(calls.accept(pair.listener) == LAMINA_PENDING)
        try chain.closeSockets(deadline: soon())
        #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        #expect(chain.openSockets.isEmpty)
        let late = #expect(throws: LaminaError.self) { try pair.client.waiting.send([1]) }
        #expect(late?.code == .closed)
        try chain.closeSockets()
    }

    @Test("A socket that doesn't close in time is named with its number, its kind and its address")
    func names() throws {
        let chain = try chain(("stuck", try Plugin.build("stuck")), ("memory", Plugin.product("Memory")))
        let socket = try chain.open(.datagram())
        try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let address = try socket.waiting.localAddress()
        let error = #expect(throws: LaminaError.self) {
            try chain.closeSockets(deadline: Deadline.after(milliseconds: 20))
        }
        #expect(error?.code == .timedOut)
        #expect(error?.subject == "socket #\(socket.serial) (datagram socket at \(address))")
        // Another socket makes the layer let go.
        let other = try chain.open(.datagram())
        try other.waiting.setOption(0x5AFE, 1, to: 1)
        try chain.closeSockets(deadline: soon())
        #expect(chain.openSockets.isEmpty)
    }
}
