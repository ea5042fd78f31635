import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Calls that a generic layer delays")
struct GenericDelayTests {
    /// Ioctls of the layer in C.
    private enum Word: UInt32 { case letGo = 900, letGoReversed, letFail }

    private func tell(_ word: Word, _ socket: Socket) throws -> Int {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(LAMINA_CONTROL_IOCTL)
        operation.code = word.rawValue
        let end = try socket.perform { lamina_socket_control($0, &operation, $1) }
        #expect(end.status == 0)
        return Int(end.bytes)
    }

    private func chain(_ call: String, over base: BaseProvider) throws -> Chain {
        try genericChain(("spy:delay=\(call)", try GenericPlugin.spy()), over: base)
    }

    @Test("A delayed connect goes on with a copy of its address", arguments: BaseProvider.allCases)
    func connect(base: BaseProvider) throws {
        let listener = try base.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let client = try chain("connect", over: base).open(.connection())
        let calls = PendingCalls()
        // The address doesn't outlive the call.
        #expect(calls.connect(client, to: try listener.waiting.localAddress()) == LAMINA_PENDING)
        #expect(calls.endsNow.isEmpty)
        #expect(try tell(.letGo, client) == 1)
        let server = try listener.waiting.accept(deadline: soon())
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: 0, bytes: 0)])
        for socket in [client, server, listener] { try socket.waiting.close() }
    }

    @Test(
        "Delayed sends leave in their order, whatever order they are let go in",
        arguments: BaseProvider.allCases,
        [false, true]
    )
    func order(base: BaseProvider, isReversed: Bool) throws {
        let pair = try Pair(try chain("send", over: base))
        let calls = PendingCalls()
        for byte in 1...9 {
            #expect(calls.send(pair.client, [UInt8](repeating: UInt8(byte), count: byte)) == LAMINA_PENDING)
        }
        // It has its place behind them, though nobody delays it.
        let last = calls.disconnect(pair.client, after: [10])
        #expect(last == LAMINA_PENDING)
        #expect(calls.endsNow.isEmpty)
        #expect(try tell(isReversed ? .letGoReversed : .letGo, pair.client) == 9)
        let ends = calls.wait(for: 10)
        #expect(ends.map(\.number) == Array(0..<10))
        #expect(ends.map(\.bytes) == Array(1...9) + [1] || ends.map(\.bytes) == Array(1...9) + [0])
        var received: [UInt8] = []
        while true {
            let more = try pair.server.waiting.receive(upTo: 100, deadline: soon())
            if more.isEmpty { break }
            received += more
        }
        #expect(received == (1...9).flatMap { [UInt8](repeating: UInt8($0), count: $0) } + [10])
        try pair.close()
    }

    @Test("A caller that only tries is told to come again, also behind a delayed call")
    func tries() throws {
        let pair = try Pair(try chain("send", over: .memory))
        let calls = PendingCalls()
        #expect(calls.send(pair.client, [1]) == LAMINA_PENDING)
        #expect(calls.send(pair.client, [2], flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        #expect(try tell(.letGo, pair.client) == 1)
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()) == [1])
        try pair.close()
    }

    @Test("A handler fails what it delayed", arguments: BaseProvider.allCases)
    func fails(base: BaseProvider) throws {
        let pair = try Pair(try chain("send", over: base))
        let calls = PendingCalls()
        calls.send(pair.client, [1])
        calls.send(pair.client, [2])
        #expect(try tell(.letFail, pair.client) == 2)
        #expect(calls.wait(for: 2).map(\.status) == [-EHOSTUNREACH, -EHOSTUNREACH])
        try pair.close()
    }

    @Test("A cancel and a deadline end a delayed call, and what stands behind it goes on")
    func cancels() throws {
        let pair = try Pair(try chain("send", over: .memory))
        let calls = PendingCalls()
        calls.send(pair.client, [1])
        calls.deadline = Deadline.after(milliseconds: 20)
        calls.send(pair.client, [2])
        calls.deadline = 0
        calls.disconnect(pair.client, after: [3])
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 1, status: -ETIMEDOUT, bytes: 0)])
        calls.cancel(0)
        let ends = calls.wait(for: 3)
        #expect(ends.map(\.number) == [1, 0, 2])
        #expect(ends.map(\.status) == [-ETIMEDOUT, -ECANCELED, 0])
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()) == [3])
        // The handler hears that both are gone.
        #expect(try tell(.letGo, pair.client) == 0)
        try pair.close()
    }

    @Test("Close ends what is delayed, and the handler may let it go afterwards")
    func closes() throws {
        let chain = try chain("send", over: .memory)
        let (pair, other) = (try Pair(chain), try Pair(chain))
        let calls = PendingCalls()
        for byte in 0..<5 { calls.send(pair.client, [UInt8(byte)]) }
        try pair.close()
        #expect(calls.wait(for: 5).map(\.status) == [Int32](repeating: -ECANCELED, count: 5))
        #expect(try tell(.letGo, other.client) == 0)
        try other.close()
    }

    @Test("Datagrams, batches of them and names keep what their callers forget")
    func copies() throws {
        let datagrams = try chain("send_messages", over: .memory)
        let (one, other) = (try datagrams.open(.datagram()), try datagrams.open(.datagram()))
        for socket in [one, other] { try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0)) }
        let calls = PendingCalls()
        let messages = UnsafeMutablePointer<lamina_message>.allocate(capacity: 2)
        messages.initialize(repeating: lamina_message(), count: 2)
        defer { messages.deallocate() }
        var target = try other.waiting.localAddress().c
        let status = withBuffers(["first", "second one"]) { buffers, _ in
            withUnsafeMutablePointer(to: &target) { target in
                for index in 0..<2 {
                    messages[index].buffers = UnsafePointer(buffers + index)
                    messages[index].buffer_count = 1
                    messages[index].address = target
                }
                let status = calls.call { lamina_socket_send_messages(one.handle, messages, 2, 0, $0) }
                // What is copied is its caller's again.
                target.pointee = lamina_address()
                #expect((try? tell(.letGo, one)) == 1)
                return status
            }
        }
        #expect(status == LAMINA_PENDING)
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: 0, bytes: 15)])
        #expect(messages[0].bytes == 5 && messages[1].bytes == 10)
        for text in ["first", "second one"] {
            #expect(try other.waiting.receiveDatagram(deadline: soon()).bytes == Array(text.utf8))
        }
        for socket in [one, other] { try socket.waiting.close() }
        let names = try genericChain(("spy:postpones=yes", try GenericPlugin.spy()), over: .memory)
        #expect(
            try names.resolve("127.0.0.9", port: 5, deadline: soon()) == [Address(host: "127.0.0.9", port: 5)]
        )
    }

    @Test("A close waits until a delayed call that is on its way down has come back")
    func closeBehindCall() throws {
        let chain = try genericChain(
            ("spy:delay=send", try GenericPlugin.spy()),
            ("inside", try Plugin.build("inside")),
            over: .memory
        )
        let (pair, other) = (try Pair(chain), try chain.open(.connection()))
        /// Asks the layer `inside`.
        func inside(_ code: UInt32) throws -> Bool {
            var operation = lamina_operation()
            operation.size = UInt32(MemoryLayout<lamina_operation>.size)
            operation.kind = UInt32(LAMINA_CONTROL_SET_OPTION)
            (operation.level, operation.code) = (0x5aff, code)
            return try other.perform { lamina_socket_control($0, &operation, $1) }.status == 0
        }
        let calls = PendingCalls()
        #expect(calls.send(pair.client, [7]) == LAMINA_PENDING)
        // Over another socket, so that no thread is inside the one that closes.
        let sender = Helper { _ = try tell(.letGo, other) }
        while !(try inside(1)) { sched_yield() }
        let closed = Latch()
        chain.close(pair.client.handle) { _ in closed.open() }
        // Long enough for a close that doesn't wait to come down.
        let grace = Deadline.after(seconds: 0.05)
        while clinux_monotonic() < grace { sched_yield() }
        _ = try inside(2)
        try sender.join()
        closed.wait()
        #expect(try !inside(3))
        #expect(try pair.server.waiting.receive(upTo: 2, deadline: soon()) == [7])
        for socket in [pair.server, pair.listener, other] { try socket.waiting.close() }
    }

    @Test("The thread sanitizer finds nothing where one thread delays, one lets go and one cancels")
    func races() throws {
        let program = "\(try TemporaryDirectory.ofProcess().path)/generic-stress"
        let built = try Child.run(
            ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-pthread", "-fsanitize=thread"]
                + ["-I", "\(PackageTree.root)/Sources/CLamina/include", "-o", program]
                + ["\(PackageTree.root)/Tests/Fixtures/generic/stress.c"] + GenericPlugin.options
        )
        try #require(built.code == 0, "\(built.errors)")
        // The sanitizer needs memory at places that a random layout may have taken.
        let ending = try Child.run(["setarch", "-R", program])
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == "0 calls ended wrongly, and some were cancelled\n")
    }

    @Test("Many threads send and close through a layer that makes every call later", arguments: BaseProvider.allCases)
    func manyThreads(base: BaseProvider) throws {
        let chain = try genericChain(("spy:postpones=yes", try GenericPlugin.spy()), over: base)
        let helpers = (0..<6).map { number in
            Helper {
                for round in 0..<10 {
                    let pair = try Pair(chain)
                    let calls = PendingCalls()
                    var expected: [UInt8] = []
                    for index in 0..<20 {
                        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: number + round + 1)
                        calls.send(pair.client, bytes)
                        expected += bytes
                    }
                    var received: [UInt8] = []
                    while received.count < expected.count {
                        received += try pair.server.waiting.receive(upTo: 4096, deadline: soon())
                    }
                    #expect(received == expected)
                    calls.receive(pair.client, 10)
                    calls.cancel(20)
                    // The last sends may be told of later than their bytes came.
                    #expect(calls.wait(for: 21).first { $0.number == 20 }?.status == -ECANCELED)
                    try pair.close()
                }
            }
        }
        for helper in helpers { try helper.join() }
    }
}
