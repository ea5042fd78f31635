import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("A layer over the SDK that transforms a stream")
struct StreamTransformTests {
    let cipher: Chain
    let bare: Chain

    init() throws {
        let file = try SwiftPlugin.build("Examples/Layers/Keystream")
        cipher = try chain(("keystream:key=12345678", file), ("kernel", Plugin.product("Kernel")))
        bare = try chain(("kernel", Plugin.product("Kernel")))
    }

    /// Bytes that tell their positions.
    private func text(_ count: Int, from start: Int = 0) -> [UInt8] {
        (start..<(start + count)).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 8) }
    }

    /// A client whose bytes are encoded and a server that sees them as they are on the wire, or decoded.
    private func pair(server: Chain) throws -> (client: Socket, server: Socket) {
        let listener = try server.listen(on: Address(host: "127.0.0.1", port: 0))
        defer { listener.close() }
        let client = try cipher.connect(to: try listener.waiting.localAddress(), deadline: soon())
        return (client, try listener.waiting.accept(deadline: soon()))
    }

    @Test("On the wire are other bytes, as many")
    func wire() throws {
        let (client, server) = try pair(server: bare)
        try client.waiting.send(text(1000))
        try client.waiting.disconnect()
        let wire = try server.waiting.receive(upTo: 2000, all: true, deadline: soon())
        #expect(wire.count == 1000)
        #expect(zip(wire, text(1000)).count { $0 == $1 } < 50)
        for socket in [client, server] { try socket.waiting.close() }
    }

    @Test("What is sent in any pieces arrives byte for byte, both ways at once, and each end may stop first")
    func pieces() async throws {
        let (client, server) = try pair(server: cipher)
        let total = 3_000_000
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (near, far, step) in [(client, server, 70_001), (server, client, 977)] {
                group.addTask {
                    let all = text(total)
                    var sent = 0
                    while sent < total {
                        let count = min(1 + (sent * 7) % step, total - sent)
                        try near.waiting.send(all[sent..<(sent + count)].map { $0 }, deadline: soon())
                        sent += count
                    }
                    try near.waiting.disconnect()
                }
                group.addTask {
                    var received: [UInt8] = []
                    while case let bytes = try far.waiting.receive(upTo: 1 + received.count % 50_000, deadline: soon()),
                        !bytes.isEmpty
                    {
                        received += bytes
                    }
                    #expect(received == text(total))
                }
            }
            try await group.waitForAll()
        }
        for socket in [client, server] { try socket.waiting.close() }
    }

    @Test("Several buffers, a look and a wait for all find the bytes where they belong")
    func rooms() throws {
        let (client, server) = try pair(server: cipher)
        try withBuffers(["first ", "", "words"]) { buffers, count in
            let sent = try client.perform { lamina_socket_send($0, buffers, count, 0, $1) }
            #expect(sent.status == 0 && sent.bytes == 11)
        }
        for flags in [LAMINA_RECEIVE_PEEK, LAMINA_RECEIVE_PEEK, LAMINA_RECEIVE_WAIT_ALL] {
            try withBuffers(["....", "......."]) { buffers, count in
                let received = try server.perform { lamina_socket_receive($0, buffers, count, UInt32(flags), $1) }
                #expect(received.status == 0 && received.bytes == 11)
                let words = (0..<2).map { index in
                    String(
                        decoding: UnsafeRawBufferPointer(start: buffers[index].base, count: buffers[index].length),
                        as: UTF8.self
                    )
                }
                #expect(words == ["firs", "t words"])
            }
        }
        for socket in [client, server] { try socket.waiting.close() }
    }

    @Test("Where only a part of a send is taken, the next one goes on there")
    func partialSends() throws {
        let (client, server) = try pair(server: cipher)
        var sent = 0
        var ends: [Int32] = []
        while ends.count < 3 {
            let moved = try text(300_007, from: sent).withUnsafeBytes { bytes in
                var buffer = lamina_buffer(
                    base: UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                    length: bytes.count
                )
                return try client.perform { handle, request in
                    request.pointee.flags |= UInt32(LAMINA_REQUEST_TRY)
                    return lamina_socket_send(handle, &buffer, 1, 0, request)
                }
            }
            if moved.status < 0 { ends.append(moved.status) }
            sent += Int(moved.bytes)
            guard moved.status < 0 else { continue }
            // Room for a part of the next one.
            let start = ends.count == 1 ? 0 : 100_000 * (ends.count - 1)
            #expect(
                try server.waiting.receive(upTo: 100_000, all: true, deadline: soon()) == text(100_000, from: start)
            )
        }
        #expect(ends == [-EAGAIN, -EAGAIN, -EAGAIN])
        try client.waiting.disconnect()
        let rest = try server.waiting.receive(upTo: sent, all: true, deadline: soon())
        #expect(rest == text(sent - 300_000, from: 300_000))
        for socket in [client, server] { try socket.waiting.close() }
    }

    @Test("Sends of several threads leave as they were encoded")
    func threads() async throws {
        let (client, server) = try pair(server: cipher)
        let (count, size) = (500, 131)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    let record = [UInt8](repeating: UInt8(thread), count: size)
                    for _ in 0..<count { try client.waiting.send(record, deadline: soon()) }
                }
            }
            group.addTask {
                var found = [Int](repeating: 0, count: 4)
                for _ in 0..<(4 * count) {
                    let record = try server.waiting.receive(upTo: size, all: true, deadline: soon())
                    let thread = Int(try #require(record.first))
                    try #require(record == [UInt8](repeating: UInt8(thread), count: size) && thread < 4)
                    found[thread] += 1
                }
                #expect(found == [count, count, count, count])
            }
            try await group.waitForAll()
        }
        for socket in [client, server] { try socket.waiting.close() }
    }

    @Test("Urgent data and a key that is too short are refused")
    func refused() throws {
        let (client, server) = try pair(server: cipher)
        try withBuffers(["!"]) { buffers, count in
            let sent = try client.perform { lamina_socket_send($0, buffers, count, UInt32(LAMINA_SEND_URGENT), $1) }
            #expect(sent.status == -EOPNOTSUPP)
        }
        for socket in [client, server] { try socket.waiting.close() }
        let file = try SwiftPlugin.build("Examples/Layers/Keystream")
        let error = #expect(throws: LaminaError.self) {
            try chain(("keystream:key=short", file), ("kernel", Plugin.product("Kernel")))
        }
        #expect(error?.description.contains("key is shorter than 8 bytes: take a longer one") == true)
    }
}
