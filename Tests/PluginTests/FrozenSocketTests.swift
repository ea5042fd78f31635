import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What is called on a socket between its state's departure and the target's word that it has it.
@Suite struct FrozenSocketTests {
    private let target: HandoffProcess

    init() throws {
        target = try HandoffProcess()
    }

    /// Lets the target have the socket's state, so that the socket waits for the target's word.
    private func freeze(_ socket: Socket) throws {
        let info = try socket.duplicate(for: target.process, mode: .move)
        let seen = try target.ask("raw 2 \(HandoffProcess.value(info))")
        try #require(seen == "state 1", "\(seen)")
    }

    /// The target doesn't take it.
    private func thaw() throws {
        #expect(try target.ask("no") == "refused \(EPROTO)")
    }

    private func listening() throws -> Socket {
        try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.1", port: 0))
    }

    @Test("On a connection sends and receives wait, in their order, and go on where the target refuses; none is lost")
    func stream() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        let calls = PendingCalls()
        #expect(calls.receive(pair.client, 3) == LAMINA_PENDING)
        try freeze(pair.client)
        for text in ["one", "two", "three"] { #expect(calls.send(pair.client, Array(text.utf8)) == LAMINA_PENDING) }
        #expect(calls.receive(pair.client, 4) == LAMINA_PENDING)
        // Who can't wait is told so.
        #expect(calls.send(pair.client, [0], flags: LAMINA_REQUEST_TRY) == -EAGAIN)
        // What moves nothing is answered.
        #expect(try pair.client.waiting.remoteAddress() == pair.listener.waiting.localAddress())
        #expect(calls.endsNow.map(\.number) == [5])
        try thaw()
        #expect(try pair.server.waiting.receive(upTo: 11, all: true, deadline: soon()) == Array("onetwothree".utf8))
        try pair.server.waiting.send(Array("answers".utf8))
        let ends = calls.wait(for: 6)
        #expect(ends.filter { $0.status != 0 }.map(\.number) == [5])
        #expect(calls.bytes(0, 3) == Array("ans".utf8) && calls.bytes(4, 4) == Array("wers".utf8))
        try pair.close()
        target.end()
    }

    @Test("Where the target takes it, what waited ends with ESTALE, as what pended ends with ECANCELED")
    func taken() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        let calls = PendingCalls()
        calls.receive(pair.client, 1)
        try freeze(pair.client)
        calls.send(pair.client, [1])
        calls.receive(pair.client, 1)
        calls.enable(pair.client, 1 << UInt32(LAMINA_INDICATION_RECEIVE), clear: 0)
        #expect(try target.ask("adopted") == "commit")
        let ends = calls.wait(for: 4).sorted { $0.number < $1.number }
        #expect(ends.map(\.status) == [-ECANCELED, -ESTALE, -ESTALE, -ESTALE])
        #expect(calls.send(pair.client, [1]) == -ESTALE)
        // The connection goes on in the target alone, and ends with it.
        try pair.client.waiting.close()
        target.kill()
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
        for socket in [pair.server, pair.listener] { try socket.waiting.close() }
    }

    @Test("What waits can be cancelled and has its deadline, and a close ends it; the target's word comes too late")
    func ended() throws {
        let pair = try Pair(try BaseProvider.kernel.chain())
        try freeze(pair.client)
        let calls = PendingCalls()
        calls.send(pair.client, Array("never".utf8))
        calls.cancel(0)
        calls.deadline = Deadline.after(milliseconds: 20)
        calls.send(pair.client, Array("late".utf8))
        #expect(calls.wait(for: 2).map(\.status) == [-ECANCELED, -ETIMEDOUT])
        calls.deadline = 0
        calls.send(pair.client, Array("closed".utf8))
        calls.receive(pair.client, 1)
        try pair.client.waiting.close()
        #expect(calls.wait(for: 4).suffix(2).map(\.status) == [-ECANCELED, -ECANCELED])
        #expect(try target.ask("adopted") == "refused \(EBADF)")
        #expect(try target.ask("hang-up") == "ok")
        #expect(try pair.server.waiting.receive(upTo: 10, deadline: soon()).isEmpty)
        for socket in [pair.server, pair.listener] { try socket.waiting.close() }
        target.end()
    }

    @Test("Datagrams wait, one by one and in batches; what the calls were given is the caller's again afterwards")
    func datagrams() throws {
        let chain = try BaseProvider.kernel.chain()
        let (one, two) = (try chain.open(.datagram()), try chain.open(.datagram()))
        for socket in [one, two] { try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0)) }
        let home = try two.waiting.localAddress()
        try freeze(one)
        let calls = PendingCalls()
        let batch = MessageBatch(["two", "three"].map { Array($0.utf8) }, to: home)
        let room = MessageBatch(room: 1, size: 100)
        let (single, plain) = (MessageBatch(room: 1, size: 100), MessageBatch([Array("one".utf8)], to: home))
        let before = single.messages[0].buffers
        #expect(calls.call { lamina_socket_send_to(one.handle, plain.messages, 0, $0) } == LAMINA_PENDING)
        // A message that is sent alone need not outlive the call.
        plain.messages[0] = lamina_message()
        #expect(calls.call { batch.send(one, $0) } == LAMINA_PENDING)
        #expect(calls.call { lamina_socket_receive_from(one.handle, single.messages, 0, $0) } == LAMINA_PENDING)
        #expect(calls.call { room.receive(one, $0) } == LAMINA_PENDING)
        #expect(batch.written == 0)
        try thaw()
        for text in ["one", "two", "three"] {
            #expect(try two.waiting.receiveDatagram(deadline: soon()).bytes == Array(text.utf8))
        }
        for text in ["first", "second"] { try two.waiting.send(Array(text.utf8), to: try one.waiting.localAddress()) }
        #expect(calls.wait(for: 4).allSatisfy { $0.status == 0 })
        #expect(batch.messages[0].bytes == 3 && batch.messages[1].bytes == 5)
        #expect(single.bytes(0) == Array("first".utf8) && single.sender(0) == home)
        #expect(room.bytes(0) == Array("second".utf8) && room.sender(0) == home)
        #expect(single.messages[0].buffers == before)
        for socket in [one, two] { try socket.waiting.close() }
        target.end()
    }

    @Test("A listening socket takes nobody meanwhile, and whom it kept waiting afterwards")
    func listener() throws {
        let listener = try listening()
        let address = try listener.waiting.localAddress()
        let calls = PendingCalls()
        #expect(calls.accept(listener) == LAMINA_PENDING)
        try freeze(listener)
        #expect(calls.accept(listener) == LAMINA_PENDING)
        let clients = [try listener.chain.connect(to: address), try listener.chain.connect(to: address)]
        try thaw()
        #expect(calls.wait(for: 2).allSatisfy { $0.status == 0 })
        for number in 0..<2 { try Socket(handle: try calls.socket(number)).waiting.close() }
        for socket in clients + [listener] { try socket.waiting.close() }
        target.end()
    }
}
