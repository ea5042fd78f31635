import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Bases in Swift over the SDK")
struct TypedBaseTests {
    let label = LayerOutput.label("slow")

    init() { LayerOutput.capture() }

    private func echo() throws -> Chain { try chain(("echo", try SwiftPlugin.build("Examples/Bases/Echo"))) }

    private func slow(_ settings: String = "") throws -> Chain {
        try chain(("slow=\(label)\(settings)", try SwiftPlugin.build("Fixtures/bases/Slow")))
    }

    /// The base that `lamina new --base --swift` writes.
    private func hub(_ settings: String = "") throws -> Chain {
        try chain(("hub\(settings)", try SwiftPlugin.build(template: "swift-base")))
    }

    private let place = Address(host: "127.0.0.1", port: 9)

    @Test("A base is the lines that say what it does", arguments: [("Echo", 50)])
    func length(name: String, limit: Int) throws {
        let source = try readAll("\(PackageTree.root)/Tests/Examples/Bases/\(name).swift")
        #expect(source.count { $0 == UInt8(ascii: "\n") } <= limit)
        #expect(source.split(separator: UInt8(ascii: "\n")).allSatisfy { $0.count <= 120 })
    }

    @Test("A table has what the type has a protocol for, and nothing else")
    func table() throws {
        let some = ["open", "close", "connect", "local_address", "remote_address", "send", "receive"]
        #expect(Set(try slow().instances[0].entryNames) == Set(some + ["enable_indications", "release"]))
        #expect(Set(try echo().instances[0].entryNames) == Set(some + ["enable_indications", "release", "disconnect"]))
        let all = try hub().instances[0].entryNames
        #expect(Set(all).isSuperset(of: ["bind", "listen", "accept"]))
    }

    // MARK: - Streams

    @Test("What is sent comes back, and the end behind it")
    func comesBack() throws {
        let socket = try echo().connect(to: place)
        try socket.waiting.send(Array("there and back".utf8), deadline: soon())
        #expect(try socket.waiting.receive(upTo: 5, deadline: soon()) == Array("there".utf8))
        try socket.waiting.disconnect()
        #expect(try socket.waiting.receive(upTo: 50, deadline: soon()) == Array(" and back".utf8))
        #expect(try socket.waiting.receive(upTo: 50, deadline: soon()) == [])
        #expect(throws: LaminaError.self) { try socket.waiting.send([1], deadline: soon()) }
        try socket.waiting.close()
    }

    @Test("A peek leaves what it saw, and a receive for all waits for all")
    func peeks() throws {
        let socket = try echo().connect(to: place)
        try socket.waiting.send(Array("abc".utf8), deadline: soon())
        for _ in 0..<2 {
            #expect(try receive(socket, 2, LAMINA_RECEIVE_PEEK).text == "ab")
        }
        #expect(try receive(socket, 8, LAMINA_RECEIVE_PEEK).text == "abc")
        let all = Helper {
            let text = try receive(socket, 6, LAMINA_RECEIVE_WAIT_ALL).text
            #expect(text == "abcdef")
        }
        try socket.waiting.send(Array("def".utf8), deadline: soon())
        try all.join()
        let end = try socket.perform { handle, request in
            request.pointee.flags = UInt32(LAMINA_REQUEST_TRY)
            return withBuffers(["12345678"]) { lamina_socket_receive(handle, $0, $1, 0, request) }
        }
        #expect(end.status == -EAGAIN)
        try socket.waiting.close()
    }

    /// Receives with flags.
    private func receive(_ socket: Lamina.Socket, _ count: Int, _ flags: Int) throws -> (status: Int32, text: String) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        let buffer = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 1)
        defer {
            room.deallocate()
            buffer.deallocate()
        }
        buffer.initialize(to: lamina_buffer(base: room.baseAddress, length: count))
        let end = try socket.perform { lamina_socket_receive($0, buffer, 1, UInt32(flags), $1) }
        return (end.status, String(decoding: room.prefix(Int(end.bytes)), as: UTF8.self))
    }

    @Test("A base that takes and gives a few bytes at once gets them all, in order, however it hesitates")
    func slowly() throws {
        let socket = try slow().connect(to: place)
        let sent = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let calls = PendingCalls()
        for start in stride(from: 0, to: sent.count, by: 250) {
            _ = calls.send(socket, Array(sent[start..<start + 250]))
        }
        var received: [UInt8] = []
        while received.count < sent.count { received += try socket.waiting.receive(upTo: 100, deadline: soon()) }
        #expect(received == sent)
        #expect(calls.wait(for: 20).allSatisfy { $0.status == 0 && $0.bytes == 250 })
        try socket.waiting.close()
    }

    @Test("What a base has no protocol for is not supported")
    func missing() throws {
        let socket = try slow().connect(to: place)
        let end = try socket.perform { lamina_socket_disconnect($0, nil, 0, 0, $1) }
        #expect(end.status == -EOPNOTSUPP)
        try socket.waiting.close()
    }

    // MARK: - Connects

    @Test("A connect that a base refuses fails with its errno, and the next one is tried")
    func refused() throws {
        let socket = try slow().open(.connection())
        #expect(try connect(socket, port: 1) == -ECONNREFUSED)
        #expect(try connect(socket, port: 2) == 0)
        #expect(try connect(socket, port: 2) == -EISCONN)
        try socket.waiting.close()
    }

    private func connect(
        _ socket: Lamina.Socket,
        port: UInt16,
        within seconds: Double? = nil,
        flags: Int = 0
    ) throws -> Int32 {
        var address = Address(host: "127.0.0.1", port: port).c
        return try socket.perform { handle, request in
            request.pointee.flags |= UInt32(flags)
            if let seconds { request.pointee.deadline = Deadline.after(seconds: seconds) }
            return lamina_socket_connect(handle, &address, 0, request)
        }.status
    }

    @Test("A connect that is under way for ever ends by its deadline, and then the socket can only be closed")
    func abandoned() throws {
        let socket = try slow(":after=0").open(.connection())
        #expect(try connect(socket, port: 2, within: 0.02) == -ETIMEDOUT)
        #expect(try connect(socket, port: 2) == -ECONNABORTED)
        try socket.waiting.close()
        #expect(LayerOutput.lines(of: label) == ["a state has ended"])
    }

    @Test("A connect that only tries begins nothing that takes its time, and the socket connects later")
    func tried() throws {
        let socket = try slow().open(.connection())
        #expect(try connect(socket, port: 2, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        #expect(try connect(socket, port: 2, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        #expect(try connect(socket, port: 2) == 0)
        #expect(try connect(socket, port: 2, flags: LAMINA_REQUEST_TRY) == -EISCONN)
        try socket.waiting.close()
        let atOnce = try echo().open(.connection())
        #expect(try connect(atOnce, port: 2, flags: LAMINA_REQUEST_TRY) == 0)
        try atOnce.waiting.close()
    }

    @Test("A base's timer takes any number of nanoseconds")
    func late() throws {
        let socket = try slow(":after=9223372036s").open(.connection())
        #expect(try connect(socket, port: 2, within: 0.02) == -ETIMEDOUT)
        try socket.waiting.close()
    }

    @Test("A close ends a connect that is under way, and the state ends once")
    func closedMeanwhile() throws {
        let socket = try slow(":after=0").open(.connection())
        let calls = PendingCalls()
        _ = calls.connect(socket, to: place)
        try socket.waiting.close()
        #expect(calls.wait(for: 1).map(\.status) == [-ECANCELED])
        #expect(LayerOutput.lines(of: label) == ["a state has ended"])
    }

    // MARK: - Sockets and settings

    @Test("A socket that the base can't make isn't opened, and a live setting changes that")
    func refusedOpen() throws {
        let chain = try slow(":opens=no")
        #expect { try chain.open(.connection()) } throws: { ($0 as? LaminaError)?.errno == EMFILE }
        try chain.instances[0].configure("opens", to: "yes")
        try chain.open(.connection()).waiting.close()
        #expect(LayerOutput.lines(of: label) == ["no sockets are left", "opens is true", "a state has ended"])
    }

    @Test("Connections that nobody accepted are reset, and a connect to nobody is refused")
    func listeners() throws {
        let chain = try hub()
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let address = try listener.waiting.localAddress()
        let client = try chain.connect(to: address)
        #expect(try client.waiting.remoteAddress() == address)
        try listener.waiting.close()
        #expect { try client.waiting.receive(upTo: 1, deadline: soon()) } throws: {
            ($0 as? LaminaError)?.errno == ECONNRESET
        }
        try client.waiting.close()
        // Where nobody ever listens: another test may have the port again.
        let nobody = Address(host: "127.0.0.1", port: 1)
        #expect { try chain.connect(to: nobody) } throws: { ($0 as? LaminaError)?.errno == ECONNREFUSED }
    }

    @Test("While only the stream's end is wanted, data cost nothing, and the end is told behind them")
    func indicatedEnd() throws {
        let engine = try Engine()
        let parts = [
            (try LayerSpecification(parsing: "hub"), try Library.load(SwiftPlugin.build(template: "swift-base")))
        ]
        let pair = try Pair(try Chain(parts.map { ($0.0, try $0.1.provider()) }, engine: engine))
        let client = EventClient()
        try client.attach(to: pair.server)
        try pair.client.waiting.send([1, 2, 3], deadline: soon())
        try pair.server.enable([LAMINA_INDICATION_DISCONNECT])
        #expect((0..<1000).prefix { _ in engine.run() > 0 }.count < 10)
        try pair.client.waiting.disconnect()
        #expect(try pair.server.waiting.receive(upTo: 3, all: true, deadline: soon()) == [1, 2, 3])
        #expect((0..<1000).prefix { _ in engine.run() > 0 }.count < 10)
        #expect(try client.end().flags == 0)
        try pair.close()
    }

    @Test("Many threads connect, send, receive and close at once, and every byte comes")
    func manyThreads() throws {
        let chain = try hub(":room=1k")
        let helpers = (0..<4).map { number in
            Helper {
                for round in 0..<20 {
                    let pair = try Pair(chain)
                    let bytes = (0..<4000).map { UInt8(truncatingIfNeeded: $0 &* (number + round + 1)) }
                    let sender = Helper {
                        try pair.client.waiting.send(bytes, deadline: soon())
                        try pair.client.waiting.disconnect()
                    }
                    var received: [UInt8] = []
                    while case let part = try pair.server.waiting.receive(upTo: 700, deadline: soon()), !part.isEmpty {
                        received += part
                    }
                    #expect(received == bytes)
                    try sender.join()
                    let calls = PendingCalls()
                    _ = calls.receive(pair.client, 10)
                    let closer = Helper { try pair.server.waiting.close() }
                    try pair.client.waiting.close()
                    try closer.join()
                    try pair.listener.waiting.close()
                    #expect(calls.wait(for: 1).count == 1)
                }
            }
        }
        for helper in helpers { try helper.join() }
    }
}
