import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Generic layers in Swift")
struct GenericSwiftTests {
    /// Ioctls of the layer.
    private enum Word: UInt32 {
        case letGo = 950, fail, giveUp, complete
        case ends = 960, endedBytes, endedStatus, note, seen, seenSends, sentBytes
    }

    private func chain(_ settings: String, over base: BaseProvider = .memory) throws -> Chain {
        try genericChain(("warden:\(settings)", try GenericPlugin.warden()), over: base)
    }

    private func ask(_ word: Word, _ socket: Socket) throws -> Int {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(LAMINA_CONTROL_IOCTL)
        operation.code = word.rawValue
        let end = try socket.perform { lamina_socket_control($0, &operation, $1) }
        #expect(end.status == 0)
        return Int(end.bytes)
    }

    @Test("A handler sees the set of calls that it wants, and no level is linked for others")
    func wants() throws {
        let chain = try chain("wants=[send]")
        let names = chain.instances[0].entryNames
        #expect(names.contains("send") && !names.contains("receive") && !names.contains("connect"))
        let pair = try Pair(chain)
        try pair.client.waiting.send([1, 2])
        #expect(try pair.server.waiting.receive(upTo: 4, deadline: soon()) == [1, 2])
        #expect(try ask(.seenSends, pair.client) == 1)
        // Nothing but the sends, the level's own close and its control calls.
        #expect(try ask(.seen, pair.client) == 1)
        try pair.close()
    }

    @Test("A handler sees how a call that it watches has ended, with its note", arguments: BaseProvider.allCases)
    func watches(base: BaseProvider) throws {
        let pair = try Pair(try chain("watch=receive", over: base))
        try pair.server.waiting.send([1, 2, 3])
        #expect(try pair.client.waiting.receive(upTo: 8, deadline: soon()) == [1, 2, 3])
        #expect(try ask(.ends, pair.client) == 1)
        #expect(try (ask(.endedBytes, pair.client), ask(.note, pair.client)) == (3, 7))
        // One that waits, and fails.
        let calls = PendingCalls()
        #expect(calls.receive(pair.client, 4) == LAMINA_PENDING)
        calls.cancel(0)
        #expect(calls.wait(for: 1).first?.status == -ECANCELED)
        #expect(try (ask(.ends, pair.client), ask(.endedStatus, pair.client)) == (2, Int(ECANCELED)))
        try pair.close()
    }

    @Test("A handler keeps calls, and lets them go in their order, fails them, ends them or gives them up")
    func delays() throws {
        let pair = try Pair(try chain("delay=send"))
        let calls = PendingCalls()
        for byte in 1...4 as ClosedRange<UInt8> { #expect(calls.send(pair.client, [byte]) == LAMINA_PENDING) }
        #expect(calls.endsNow.isEmpty)
        #expect(try ask(.letGo, pair.client) == 4)
        #expect(try pair.server.waiting.receive(upTo: 4, all: true, deadline: soon()) == [1, 2, 3, 4])
        #expect(calls.wait(for: 4).map(\.status) == [0, 0, 0, 0])
        for (word, status, bytes) in [(Word.fail, -EIO, 0), (.giveUp, -ECANCELED, 0), (.complete, 0, 3)] {
            let calls = PendingCalls()
            #expect(calls.send(pair.client, [9, 9, 9, 9]) == LAMINA_PENDING)
            #expect(try ask(word, pair.client) == 1)
            #expect(calls.wait(for: 1) == [.init(number: 0, status: status, bytes: bytes)], "\(word)")
        }
        // None of these went down, and one that only tries can't wait.
        let tried = calls.send(pair.client, [5], flags: LAMINA_REQUEST_TRY)
        #expect(tried == 0)
        #expect(try pair.server.waiting.receive(upTo: 4, deadline: soon()) == [5])
        try pair.close()
    }

    @Test(
        "A call that can't wait ends with ENOTSUP where its handler delays it all the same, and one that only tries with EAGAIN"
    )
    func cannotWait() throws {
        let socket = try chain("delay=release,insists=yes").open(.connection())
        var node = lamina_data()
        #expect(try socket.perform { lamina_socket_release($0, &node, $1) }.status == -ENOTSUP)
        try socket.waiting.close()
        let pair = try Pair(try chain("delay=send,insists=yes"))
        #expect(PendingCalls().send(pair.client, [1], flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        try pair.close()
    }

    @Test(
        "Any number is an errno to a handler and to a layer that refuses",
        arguments: [(.min, .max), (-EACCES, EACCES), (0, EIO), (EACCES, EACCES), (.max, .max)] as [(Int32, Int32)]
    )
    func errors(given: Int32, expected: Int32) throws {
        let failing = try Pair(try chain("fail=send,error=\(given)"))
        let error = #expect(throws: LaminaError.self) { try failing.client.waiting.send([1]) }
        #expect(error?.errno == expected)
        try failing.close()
        let keeping = try Pair(try chain("delay=send,error=\(given)"))
        let calls = PendingCalls()
        #expect(calls.send(keeping.client, [1]) == LAMINA_PENDING)
        #expect(try ask(.fail, keeping.client) == 1)
        #expect(calls.wait(for: 1).map(\.status) == [-expected])
        try keeping.close()
        let refusal = #expect(throws: LaminaError.self) { _ = try chain("refuses=yes,error=\(given)") }
        #expect(refusal?.errno == expected && refusal?.description.contains("this one refuses") == true)
    }

    @Test("A handler sees how many bytes a call's buffers have, and the most there can be of buffers that have more")
    func bytes() throws {
        let pair = try Pair(try chain("fail=send"))
        func send(_ lengths: [Int]) throws -> Int {
            let buffers = lengths.map { lamina_buffer(base: nil, length: $0) }
            let end = try pair.client.perform { lamina_socket_send($0, buffers, UInt32(buffers.count), 0, $1) }
            #expect(end.status == -EIO)
            return try ask(.sentBytes, pair.client)
        }
        #expect(try send([3, 0, 4]) == 7)
        #expect(try send([.max, 1, 5]) == .max)
        try pair.close()
    }

    @Test("A close ends what a handler keeps")
    func closes() throws {
        let pair = try Pair(try chain("delay=send"))
        let calls = PendingCalls()
        #expect(calls.send(pair.client, [1]) == LAMINA_PENDING)
        try pair.close()
        #expect(calls.wait(for: 1).first?.status == -ECANCELED)
    }

    @Test("A handler changes what an extension's function answers, or answers in its place")
    func extensions() throws {
        let directory = try TemporaryDirectory()
        let (sent, changed) = (try answer("", directory), try answer(":answer=5", directory))
        #expect(sent == 30 && changed == 5)
    }

    /// What the function `sent` of the extension answers after 10 bytes, through the layer.
    private func answer(_ settings: String, _ directory: TemporaryDirectory) throws -> UInt64 {
        try directory.plugins("Memory")
        try directory.write(
            #"""
            {"format": 1, "name": "warden", "library": "\#(try GenericPlugin.warden())", "kind": "layered",
             "effect": "observe", "phase": "inspector", "generic": true}
            """#,
            to: "catalog.d/warden.json"
        )
        try directory.write(
            #"""
            {"format": 1, "name": "extension", "library": "\#(try Plugin.build("extension"))", "kind": "layered",
             "effect": "observe", "phase": "inspector", "extensions": [
               {"uuid": "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5", "name": "counter",
                "dispatch": ["uint64_t sent(void *context)"]}]}
            """#,
            to: "catalog.d/extension.json"
        )
        let chain = try Chain(
            layers: ["warden\(settings)", "extension"].map { try LayerSpecification(parsing: $0) },
            base: LayerSpecification(name: "memory"),
            catalog: Catalog(directories: [CatalogDirectory("\(directory.path)/catalog.d", origin: .given)])
        )
        let pair = try Pair(chain)
        try pair.client.waiting.send([UInt8](repeating: 0, count: 10))
        let offered = try pair.client.waiting.registerExtension(
            "6F1C2D3E-4A5B-4C6D-8E7F-90A1B2C3D4E5",
            own: lamina_extension()
        )
        typealias Sent = @convention(c) (UnsafeMutableRawPointer?) -> UInt64
        let table = try #require(offered.dispatch).assumingMemoryBound(to: Sent.self)
        let sent = table.pointee(offered.context)
        try pair.close()
        return sent
    }
}
