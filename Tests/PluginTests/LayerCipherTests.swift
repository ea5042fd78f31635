import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("A cipher that fills the plain data entries alone")
struct LayerCipherTests {
    let cipher: Chain
    let bare: Chain

    init() throws {
        let file = try Plugin.build("xor")
        cipher = try chain(("xor", file), ("kernel", Plugin.product("Kernel")))
        bare = try chain(("kernel", Plugin.product("Kernel")))
    }

    private func turned(_ text: String) -> [UInt8] { text.utf8.map { $0 ^ 0x5A } }

    @Test("Nothing leaves a connection in the clear, by any entry")
    func connection() throws {
        let listener = try bare.listen(on: Address(host: "127.0.0.1", port: 0))
        var address = try listener.waiting.localAddress().c
        let client = try cipher.open(.connection())
        try withBuffers(["first ", "words"]) { buffers, count in
            let connected = try client.perform {
                lamina_socket_connect_with_data($0, &address, buffers, count, 0, $1)
            }
            #expect(connected.status == 0 && connected.bytes == 11)
        }
        let server = try listener.waiting.accept(deadline: soon())
        try client.waiting.send(Array(", then".utf8))
        try withBuffers([" the last"]) { buffers, count in
            let ended = try client.perform { lamina_socket_disconnect($0, buffers, count, 0, $1) }
            #expect(ended.status == 0)
        }
        let wire = try server.waiting.receive(upTo: 100, all: true, deadline: soon())
        #expect(wire == turned("first words, then the last"))
        for socket in [client, server, listener] { try socket.waiting.close() }
    }

    @Test("Two ends with the cipher understand each other")
    func bothEnds() throws {
        let pair = try Pair(cipher)
        try pair.client.waiting.send(Array("secret".utf8))
        #expect(try pair.server.waiting.receive(upTo: 100, deadline: soon()) == Array("secret".utf8))
        try pair.server.waiting.send(Array("answer".utf8))
        #expect(try pair.client.waiting.receive(upTo: 100, deadline: soon()) == Array("answer".utf8))
        try pair.close()
    }

    @Test("Nothing leaves a datagram socket in the clear, one by one or as a list")
    func datagrams() throws {
        let receiver = try bare.open(.datagram())
        try receiver.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let target = try receiver.waiting.localAddress()
        let sender = try cipher.open(.datagram())
        try sender.waiting.send(Array("zero".utf8), to: target)
        try withBuffers(["one", "three"]) { buffers, _ in
            var address = target.c
            try withUnsafeMutablePointer(to: &address) { address in
                var messages = [lamina_message(), lamina_message()]
                for index in 0..<2 {
                    messages[index].buffers = UnsafePointer(buffers + index)
                    messages[index].buffer_count = 1
                    messages[index].address = address
                }
                let sent = try sender.perform { lamina_socket_send_messages($0, &messages, 2, 0, $1) }
                #expect(sent.status == 0 && sent.bytes == 8)
                #expect(messages.map(\.bytes) == [3, 5])
            }
        }
        let wire = try (0..<3).map { _ in try receiver.waiting.receiveDatagram(deadline: soon()).bytes }
        #expect(wire == [turned("zero"), turned("one"), turned("three")])
        for socket in [receiver, sender] { try socket.waiting.close() }
    }
}

@Suite("A base that raises indications")
struct LayerIndicationTests {
    /// What the client of the indications saw; its address is slot 0's context.
    private final class Seen {
        var texts: [String] = []
        var kept: UnsafeMutablePointer<lamina_data>?
        var keeps = false
        var disconnects = 0
    }

    private static func seen(_ slot: UnsafeMutablePointer<lamina_slot>) -> Seen? {
        slot.pointee.context.map { Unmanaged<Seen>.fromOpaque($0).takeUnretainedValue() }
    }

    @Test("Events reach the program through the layers that watch them, and retained data goes back to its owner")
    func events() throws {
        let scratch = try TemporaryDirectory()
        LayerOutput.capture()
        let label = LayerOutput.label("count")
        let chain = try chain(
            ("trace:file=\(scratch.path)/trace,entries=events,data=text", Plugin.product("Trace")),
            ("count=\(label)", Plugin.product("Count")),
            ("indicator", try Plugin.build("indicator"))
        )
        let seen = Seen()
        let client = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        defer { client.deallocate() }
        client.initialize(to: lamina_indications())
        client.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        client.pointee.version = LAMINA_ABI_VERSION
        client.pointee.receive = { slot, event in
            guard let seen = LayerIndicationTests.seen(slot), let node = event.pointee.data else { return -EAGAIN }
            let bytes = UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length)
            seen.texts.append(String(decoding: bytes, as: UTF8.self))
            guard seen.keeps else { return 0 }
            seen.kept = node
            return LAMINA_PENDING
        }
        client.pointee.disconnect = { slot, _ in
            LayerIndicationTests.seen(slot)?.disconnects += 1
            return 0
        }
        let socket = try chain.open(.connection())
        socket.handle.slot.pointee.context = Unmanaged.passUnretained(seen).toOpaque()
        socket.handle.slot.pointee.column.pointee.client = UnsafePointer(client)
        try socket.waiting.connect(to: Address(host: "127.0.0.1", port: 1))
        try socket.waiting.send(Array("too early".utf8))
        let wanted: UInt32 = 1 << UInt32(LAMINA_INDICATION_RECEIVE) | 1 << UInt32(LAMINA_INDICATION_DISCONNECT)
        #expect(try socket.perform { lamina_socket_enable_indications($0, wanted, 0, $1) }.status == 0)
        try socket.waiting.send(Array("taken".utf8))
        seen.keeps = true
        try socket.waiting.send(Array("kept".utf8))
        try socket.waiting.disconnect()
        #expect(seen.texts == ["taken", "kept"])
        #expect(seen.disconnects == 1)
        let kept = try #require(seen.kept)
        #expect(try socket.perform { lamina_socket_release($0, kept, $1) }.status == 0)
        try socket.waiting.close()
        let events = try scratch.lines("trace").map { line in
            line.split(separator: " ").drop { $0 != "event" }.joined(separator: " ")
        }
        #expect(events.count == 3)
        #expect(events[0].hasPrefix("event receive 5 bytes = 0 in ") && events[0].hasSuffix(" \"taken\""))
        #expect(events[1].hasPrefix("event receive 4 bytes = kept in ") && events[1].hasSuffix(" \"kept\""))
        #expect(events[2].hasPrefix("event disconnect graceful = 0 in "))
        let line = try #require(LayerOutput.lines(of: label).first)
        #expect(line.contains("in 9 bytes (event receive 2)"))
        withExtendedLifetime(seen) {}
    }
}
