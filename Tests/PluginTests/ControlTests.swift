import CLamina
import CLinux
import Glibc
import Lamina
import Testing

@Suite("Options, names and descriptors of the base providers", .serialized)
struct ControlTests {
    @Test("Options are set and read", arguments: BaseProvider.allCases)
    func options(base: BaseProvider) throws {
        let pair = try Pair(try base.chain())
        let client = pair.client.waiting
        #expect(try client.option(SOL_SOCKET, SO_TYPE) == Int32(SOCK_STREAM.rawValue))
        #expect(try client.option(SOL_SOCKET, SO_ERROR) == 0)
        try client.setOption(SOL_SOCKET, SO_RCVBUF, to: 50_000)
        #expect(try client.option(SOL_SOCKET, SO_RCVBUF) >= 50_000)
        try client.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, to: 1)
        let unknown = #expect(throws: LaminaError.self) { try client.setOption(SOL_SOCKET, 30_000, to: 1) }
        #expect(unknown?.errno == ENOPROTOOPT)
        try pair.close()
    }

    @Test("The kernel base gives its descriptor; a listening socket of the memory base has none")
    func descriptor() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        let descriptor = try pair.server.waiting.descriptor()
        try pair.client.waiting.send([1, 2])
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 20_000) == 1)
        var room: [UInt8] = [0, 0]
        #expect(recv(descriptor, &room, 2, 0) == 2 && room == [1, 2])
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        try pair.close()
        let memory = try Pair(try BaseProvider.memory.chain())
        let none = #expect(throws: LaminaError.self) { try memory.listener.waiting.descriptor() }
        #expect(none?.code == .notSupported)
        try memory.close()
    }

    @Test("The setting nodelay reaches every socket, accepted ones too")
    func nodelay() throws {
        for (settings, expected) in [("nodelay=yes", true), ("", false)] {
            let pair = try Pair(try BaseProvider.kernel.chain(settings))
            for socket in [pair.client, pair.server] {
                #expect(try (socket.waiting.option(Int32(IPPROTO_TCP), TCP_NODELAY) != 0) == expected)
            }
            try pair.close()
        }
    }

    @Test("Names in numbers and localhost resolve; a connect takes a name", arguments: BaseProvider.allCases)
    func names(base: BaseProvider) throws {
        let chain = try base.chain()
        #expect(try chain.resolve("127.0.0.2", port: 80) == [Address(host: "127.0.0.2", port: 80)])
        #expect(try chain.resolve("::1", port: 81) == [Address(host: "::1", port: 81)])
        let found = try chain.resolve("localhost", port: 82, family: AF_INET, deadline: soon())
        #expect(found.contains(Address(host: "127.0.0.1", port: 82)))
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let port = try #require(try listener.waiting.localAddress().port)
        let client = try chain.connect(to: Address(host: "localhost", port: port), deadline: soon())
        let server = try listener.waiting.accept(deadline: soon())
        try client.waiting.send([1])
        #expect(try server.waiting.receive(upTo: 1, deadline: soon()) == [1])
        for socket in [client, server, listener] { try socket.waiting.close() }
        let missing = #expect(throws: LaminaError.self) {
            try chain.resolve("no such name", port: 1, deadline: soon())
        }
        #expect(missing?.errno == ENOENT)
    }

    @Test("A taken address is refused, and free again after close", arguments: BaseProvider.allCases)
    func taken(base: BaseProvider) throws {
        let chain = try base.chain()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let address = try listener.waiting.localAddress()
        let error = #expect(throws: LaminaError.self) { try chain.listen(on: address) }
        #expect(error?.errno == EADDRINUSE)
        try listener.waiting.close()
        try chain.listen(on: address).waiting.close()
    }

    @Test("Sockets of the memory base meet on the network that a setting names, across chains")
    func networks() throws {
        let listener = try BaseProvider.memory.chain("network=blue").listen(on: Address(host: "10.1.2.3", port: 80))
        let other = try BaseProvider.memory.chain("network=green")
        let refused = #expect(throws: LaminaError.self) { try other.connect(to: Address(host: "10.1.2.3", port: 80)) }
        #expect(refused?.errno == ECONNREFUSED)
        let client = try BaseProvider.memory.chain("network=blue").connect(to: Address(host: "10.1.2.3", port: 80))
        let server = try listener.waiting.accept(deadline: soon())
        #expect(try server.waiting.remoteAddress() == client.waiting.localAddress())
        for socket in [client, server, listener] { try socket.waiting.close() }
    }
}
