import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Calls that a typed layer delays")
struct DelayedCallTests {
    private func delayed(_ settings: String, over base: BaseProvider) throws -> Chain {
        let file = try SwiftPlugin.build("Examples/Layers/Delay")
        return try chain(("delay:\(settings)", file), (base.description, "\(PackageTree.products)/\(base.rawValue)"))
    }

    private func patient(_ label: String = "patient") throws -> Chain {
        let file = try SwiftPlugin.build("Fixtures/layers/Patient")
        return try chain(("patient=\(label)", file), ("kernel", Plugin.product("Kernel")))
    }

    private let text = Array("what a delayed call carries goes on whole and in its order".utf8)

    @Test("What waits goes on in its order and in pieces, and arrives byte for byte", arguments: BaseProvider.allCases)
    func order(base: BaseProvider) throws {
        let pair = try Pair(try delayed("by=2ms,piece=7", over: base))
        let calls = PendingCalls()
        for start in stride(from: 0, to: text.count, by: 20) {
            #expect(calls.send(pair.client, Array(text[start..<min(start + 20, text.count)])) == LAMINA_PENDING)
        }
        #expect(try pair.server.waiting.receive(upTo: text.count, all: true, deadline: soon()) == text)
        #expect(calls.wait(for: 3).map(\.bytes) == [20, 20, text.count - 40])
        #expect(calls.wait(for: 3).map(\.number) == [0, 1, 2])
        try pair.close()
    }

    @Test("A receive takes at most a piece, and one that waits for all is filled", arguments: BaseProvider.allCases)
    func receives(base: BaseProvider) throws {
        let pair = try Pair(try delayed("by=1ms,piece=7", over: base))
        try pair.client.waiting.send(text)
        #expect(try pair.server.waiting.receive(upTo: 100, deadline: soon()) == Array(text[..<7]))
        let calls = PendingCalls()
        _ = calls.receive(pair.server, 20, LAMINA_RECEIVE_WAIT_ALL)
        _ = calls.receive(pair.server, 5, LAMINA_RECEIVE_PEEK)
        _ = calls.receive(pair.server, 5)
        #expect(calls.wait(for: 3).map(\.bytes) == [20, 5, 5])
        #expect(calls.bytes(0, 20) == Array(text[7..<27]))
        #expect(calls.bytes(1, 5) == Array(text[27..<32]))
        #expect(calls.bytes(2, 5) == Array(text[27..<32]))
        try pair.close()
    }

    @Test("A connect and what was received are held back for as long as the layer says")
    func time() throws {
        let by: Int64 = 30_000_000
        let begin = clinux_monotonic()
        let chain = try delayed("by=30ms", over: .kernel)
        let pair = try Pair(chain)
        #expect(clinux_monotonic() - begin >= by)
        try chain.instances[0].configure("by", to: "0")
        let calls = PendingCalls()
        #expect(calls.receive(pair.server, 10) == LAMINA_PENDING)
        try chain.instances[0].configure("by", to: "30ms")
        let sent = clinux_monotonic()
        try pair.client.waiting.send([1])
        // The send is held once, and what came of it once more.
        #expect(calls.wait(for: 1).map(\.bytes) == [1])
        #expect(clinux_monotonic() - sent >= 2 * by)
        try pair.close()
    }

    @Test("The end of the sending direction comes behind what was sent before it", arguments: BaseProvider.allCases)
    func disconnect(base: BaseProvider) throws {
        let pair = try Pair(try delayed("by=2ms,piece=7", over: base))
        let calls = PendingCalls()
        #expect(calls.send(pair.client, text) == LAMINA_PENDING)
        #expect(calls.disconnect(pair.client, after: Array("the last bytes".utf8)) == LAMINA_PENDING)
        let all = try pair.server.waiting.receive(upTo: 1000, all: true, deadline: soon())
        #expect(all == text + Array("the last bytes".utf8))
        #expect(calls.wait(for: 2).map(\.status) == [0, 0])
        try pair.close()
    }

    @Test("Datagrams take their turns with copies of their addresses", arguments: BaseProvider.allCases)
    func datagrams(base: BaseProvider) throws {
        let chain = try delayed("by=2ms", over: base)
        let ends = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        let target = try ends[1].waiting.localAddress()
        for word in ["one", "two", "three"] { try ends[0].waiting.send(Array(word.utf8), to: target) }
        for word in ["one", "two", "three"] {
            let datagram = try ends[1].waiting.receiveDatagram(deadline: soon())
            #expect(String(decoding: datagram.bytes, as: UTF8.self) == word)
            #expect(datagram.sender == (try ends[0].waiting.localAddress()))
        }
        for end in ends { try end.waiting.close() }
    }

    @Test("What waits is cancelled alone, and its deadline ends it; the next ones go on")
    func cancel() throws {
        let pair = try Pair(try patient())
        let calls = PendingCalls()
        for word in ["first", "second", "the third"] { _ = calls.send(pair.client, Array(word.utf8)) }
        calls.cancel(1)
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 1, status: -ECANCELED, bytes: 0)])
        calls.cancel(0)
        #expect(calls.wait(for: 2).last?.status == -ECANCELED)
        calls.deadline = clinux_monotonic() + 5_000_000
        _ = calls.send(pair.client, Array("fourth".utf8))
        #expect(calls.wait(for: 3).last == PendingCalls.End(number: 3, status: -ETIMEDOUT, bytes: 0))
        calls.deadline = 0
        _ = calls.receive(pair.client, 10)
        #expect(calls.wait(for: 4).last == PendingCalls.End(number: 2, status: 0, bytes: 9))
        #expect(try pair.server.waiting.receive(upTo: 100, deadline: soon()) == Array("the third".utf8))
        try pair.close()
        #expect(calls.wait(for: 5).last?.status == -ECANCELED)
    }

    @Test("A close ends what waits, what is held back and itself", arguments: BaseProvider.allCases)
    func close(base: BaseProvider) throws {
        let chain = try delayed("by=1ms", over: base)
        let pair = try Pair(chain)
        try pair.client.waiting.send(text)
        try chain.instances[0].configure("by", to: "1h")
        let calls = PendingCalls()
        _ = calls.send(pair.client, text)
        _ = calls.receive(pair.client, 10)
        try pair.client.waiting.close()
        #expect(calls.wait(for: 2).map(\.status) == [-ECANCELED, -ECANCELED])
        try pair.server.waiting.close()
        try pair.listener.waiting.close()
    }

    @Test("What came and is held back isn't lost when the socket closes, and can be closed at once")
    func heldBack() throws {
        let chain = try delayed("by=0", over: .kernel)
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
        let client = try BaseProvider.kernel.chain().connect(to: try listener.waiting.localAddress())
        let server = try listener.waiting.accept(deadline: soon())
        let calls = PendingCalls()
        #expect(calls.receive(server, 10) == LAMINA_PENDING)
        try chain.instances[0].configure("by", to: "1h")
        try client.waiting.send(Array("here".utf8))
        let descriptor = try server.waiting.option(Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_DESCRIPTOR))
        var unread: Int32 = 1
        while unread > 0 { #expect(ioctl(descriptor, UInt(FIONREAD), &unread) == 0) }
        #expect(calls.endsNow == [])
        try server.waiting.close()
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: 0, bytes: 4)])
        for socket in [client, listener] { try socket.waiting.close() }
    }

    @Test("A call that only tries never waits: it fails, or goes on with what it may")
    func tries() throws {
        let pair = try Pair(try patient())
        let calls = PendingCalls()
        #expect(calls.send(pair.client, Array("now".utf8), flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        _ = calls.send(pair.client, Array("later".utf8))
        #expect(calls.send(pair.client, Array("now".utf8), flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        #expect(calls.receive(pair.client, 10, flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        #expect(calls.wait(for: 4).contains(PendingCalls.End(number: 1, status: 0, bytes: 5)))
        // The lane is free a moment after the call before has ended.
        var status = -EAGAIN
        let deadline = soon()
        while status == -EAGAIN, clinux_monotonic() < deadline {
            status = calls.send(pair.client, Array(" now".utf8), flags: LAMINA_REQUEST_TRY)
        }
        #expect(status == 0)
        #expect(try pair.server.waiting.receive(upTo: 9, all: true, deadline: soon()) == Array("later now".utf8))
        try pair.close()
    }

    @Test("A layer is asked once for each piece of a call")
    func asked() throws {
        LayerOutput.capture()
        let label = LayerOutput.label("patient")
        let pair = try Pair(try patient(label))
        try pair.client.waiting.send(Array(text[..<24]))
        #expect(try pair.server.waiting.receive(upTo: 24, all: true, deadline: soon()) == Array(text[..<24]))
        try pair.close()
        #expect(LayerOutput.lines(of: label) == ["3 pieces"])
    }

    @Test("A layer ends a call, fails one, and lets one fail that went well")
    func ends() throws {
        let chain = try patient()
        let refused = #expect(throws: LaminaError.self) {
            try chain.connect(to: Address(host: "127.0.0.1", port: 13), deadline: soon())
        }
        #expect(refused?.errno == ECONNREFUSED && refused?.level == "patient")
        let pair = try Pair(chain)
        let calls = PendingCalls()
        #expect(calls.send(pair.client, []) == 0)
        #expect(calls.send(pair.client, [UInt8](repeating: 0, count: 101)) == -EMSGSIZE)
        #expect(calls.wait(for: 2).map(\.bytes) == [7, 0])
        _ = calls.receive(pair.client, 100)
        _ = calls.receive(pair.server, 5)
        _ = calls.send(pair.client, Array("hello".utf8))
        #expect(calls.wait(for: 4).contains(PendingCalls.End(number: 3, status: -EPROTO, bytes: 5)))
        try pair.close()
    }

    @Test("Sends from a completion of the same direction keep their order")
    func nested() throws {
        let pair = try Pair(try delayed("by=0,piece=3", over: .kernel))
        let calls = PendingCalls()
        for word in ["alpha ", "beta ", "gamma"] { _ = calls.send(pair.client, Array(word.utf8)) }
        #expect(
            try pair.server.waiting.receive(upTo: 16, all: true, deadline: soon()) == Array("alpha beta gamma".utf8)
        )
        #expect(calls.wait(for: 3).map(\.number) == [0, 1, 2])
        try pair.close()
    }
}
