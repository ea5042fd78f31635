import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// Descriptors of sockets, and sockets of descriptors.
@Suite struct DescriptorTests {
    private func layered(_ layers: String...) throws -> Chain {
        try Chain(
            layers: layers.map { try LayerSpecification(parsing: $0) },
            base: LayerSpecification(name: Plugin.product("Kernel"), label: "kernel"),
            catalog: Catalog(directories: [])
        )
    }

    /// Reads this many bytes, waiting by poll as any program does.
    private func read(_ count: Int, from descriptor: Int32) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&entry, 1, 20_000) == 1)
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let length = recv(descriptor, &part, part.count, 0)
            try #require(length > 0)
            bytes += part[..<length]
        }
        return bytes
    }

    @Test(
        "Where a layer changes data, or the base has none, the descriptor leads through the chain: bytes, end, poll, dup"
    )
    func stream() throws {
        let xor = try Plugin.build("xor")
        for chain in [try layered("\(xor)=x"), try BaseProvider.memory.chain()] {
            let pair = try Pair(chain)
            let descriptor = try pair.client.waiting.descriptor()
            #expect(try pair.client.waiting.descriptor() == descriptor)
            #expect(try pair.client.baseDescriptor != descriptor)
            let copy = dup(descriptor)
            #expect(send(copy, "question", 8, 0) == 8)
            #expect(try pair.server.waiting.receive(upTo: 8, all: true, deadline: soon()) == Array("question".utf8))
            try pair.server.waiting.send(Array("answer".utf8))
            #expect(try read(6, from: descriptor) == Array("answer".utf8))
            // More than any buffer holds, both sides in turn.
            let block = [UInt8]((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            let server = pair.server
            let echo = Helper {
                let got = try server.waiting.receive(upTo: block.count, all: true, deadline: soon())
                try server.waiting.send(got, deadline: soon())
            }
            var sent = 0
            while sent < block.count {
                var entry = pollfd(fd: copy, events: Int16(POLLOUT), revents: 0)
                try #require(poll(&entry, 1, 20_000) == 1)
                let count = block[sent...].withUnsafeBytes { send(copy, $0.baseAddress, $0.count, 0) }
                if count > 0 { sent += count }
            }
            #expect(try read(block.count, from: copy) == block)
            try echo.join()
            #expect(shutdown(copy, Int32(SHUT_WR)) == 0)
            #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
            try pair.server.waiting.disconnect()
            var entry = pollfd(fd: copy, events: Int16(POLLIN), revents: 0)
            var byte: UInt8 = 0
            #expect(poll(&entry, 1, 20_000) == 1 && recv(copy, &byte, 1, 0) == 0)
            close(copy)
            try pair.close()
        }
    }

    @Test("So do datagrams, to and from the fixed remote")
    func datagrams() throws {
        let chain = try layered("\(try Plugin.build("xor"))=x")
        let (one, two) = (try chain.open(.datagram()), try chain.open(.datagram()))
        for socket in [one, two] { try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0)) }
        try one.waiting.connect(to: try two.waiting.localAddress())
        let descriptor = try one.waiting.descriptor()
        #expect(send(descriptor, "datagram", 8, 0) == 8)
        let came = try two.waiting.receiveDatagram(deadline: soon())
        #expect(came.bytes == Array("datagram".utf8))
        try two.waiting.send(Array("back".utf8), to: try one.waiting.localAddress())
        #expect(try read(4, from: descriptor) == Array("back".utf8))
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("F9: the levels and the base's descriptor are told by the framework: no layer sees the question")
    func introspection() throws {
        let label = LayerOutput.label("trace")
        LayerOutput.capture()
        let socket = try layered("\(Plugin.product("Trace"))=\(label)").open(.connection())
        let before = LayerOutput.lines(of: label)
        #expect(try socket.levels.map(\.label) == [label, "kernel"])
        let descriptor = try #require(try socket.baseDescriptor)
        var kind: [Int32] = [0, 0, 0, 0]
        #expect(clinux_socket_kind(descriptor, &kind) == 0 && kind[0] == AF_INET)
        #expect(LayerOutput.lines(of: label) == before)
        try socket.waiting.close()
        #expect(throws: LaminaError.self) { try socket.baseDescriptor }
        #expect(throws: LaminaError.self) { try socket.levels }
    }

    @Test("A descriptor that came alone is adopted with fresh state; a level that moves, or can't, is named")
    func adoption() throws {
        let plain = try Pair(try BaseProvider.kernel.chain())
        let copy = dup(try #require(try plain.client.baseDescriptor))
        let keystream = try Plugin.build("keystream")
        let refused = #expect(throws: LaminaError.self) {
            try Socket(adopting: copy, on: try layered("\(keystream)=cipher"))
        }
        #expect(refused?.level == "cipher" && refused?.errno == EOPNOTSUPP)
        let memory = #expect(throws: LaminaError.self) {
            try Socket(adopting: copy, on: try BaseProvider.memory.chain())
        }
        #expect(memory?.level == "memory")
        let gate = try Plugin.build("gate")
        let closed = #expect(throws: LaminaError.self) {
            try Socket(adopting: copy, on: try layered("\(gate)=door:accept=refuse"))
        }
        #expect(closed?.level == "door", "\(String(describing: closed))")
        // It is still ours, and works.
        #expect(fcntl(copy, F_GETFD) >= 0)
        let adopted = try Socket(adopting: copy, on: try layered("\(Plugin.product("Count"))=n:each=no"))
        try adopted.waiting.send(Array("adopted".utf8))
        #expect(try plain.server.waiting.receive(upTo: 7, all: true, deadline: soon()) == Array("adopted".utf8))
        try plain.client.waiting.close()
        try plain.server.waiting.send(Array("yes".utf8))
        #expect(try adopted.waiting.receive(upTo: 3, all: true, deadline: soon()) == Array("yes".utf8))
        try adopted.waiting.close()
        #expect(try plain.server.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
        let listener = try Socket(
            adopting: dup(try #require(try plain.listener.baseDescriptor)),
            on: plain.listener.chain
        )
        let late = try plain.listener.chain.connect(to: try listener.waiting.localAddress())
        try listener.waiting.accept(deadline: soon()).waiting.close()
        for socket in [late, listener, plain.server, plain.listener] { try socket.waiting.close() }
        #expect(throws: LaminaError.self) { try Socket(adopting: -1, on: plain.listener.chain) }
    }

    @Test("An inheritable descriptor outlives exec, and the next program finds it under its number")
    func exec() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        let descriptor = try pair.client.setInheritable(true)
        let heir = try HandoffProcess()
        #expect(try heir.ask("adopt \(descriptor) \(Plugin.product("Kernel"))") == "ok")
        #expect(try heir.ask("send inherited") == "ok")
        #expect(try pair.server.waiting.receive(upTo: 9, all: true, deadline: soon()) == Array("inherited".utf8))
        heir.end()
        #expect(try pair.client.setInheritable(false) == descriptor)
        let stranger = try HandoffProcess()
        #expect(try stranger.ask("adopt \(descriptor) \(Plugin.product("Kernel"))").hasPrefix("error "))
        stranger.end()
        try pair.close()
    }
}
