import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Many datagrams by one call", .serialized)
struct DatagramBatchTests {
    private func bound(_ chain: Chain, _ address: Address = Address(host: "127.0.0.1", port: 0)) throws -> Socket {
        let socket = try chain.open(.datagram(address.family ?? AF_INET))
        try socket.waiting.bind(to: address)
        return socket
    }

    /// `count` different datagrams.
    private func datagrams(_ count: Int) -> [[UInt8]] {
        (0..<count).map { number in [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 100) }
    }

    @Test("More datagrams than one system call takes keep order, bounds and sender", arguments: BaseProvider.allCases)
    func many(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let sent = datagrams(150)
        let batch = MessageBatch(sent, to: try two.waiting.localAddress())
        let bytes = try one.waiting.perform("send") { batch.send(one, $0) }
        #expect(bytes == sent.map(\.count).reduce(0, +))
        #expect((0..<150).map { batch.messages[$0].bytes } == sent.map { UInt64($0.count) })
        let room = MessageBatch(room: 200, size: 100)
        #expect(try two.waiting.perform("receive") { room.receive(two, $0) } == 150)
        #expect((0..<150).map { room.bytes($0) } == sent)
        let sender = try one.waiting.localAddress()
        #expect((0..<150).allSatisfy { room.sender($0) == sender && room.messages[$0].flags == 0 })
        #expect(room.written == 150)
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A receive takes what is there up to its room, and the next one the rest", arguments: BaseProvider.allCases)
    func parts(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let batch = MessageBatch(datagrams(100), to: try two.waiting.localAddress())
        try one.waiting.perform("send") { batch.send(one, $0) }
        let room = MessageBatch(room: 70, size: 100)
        let first = trying { room.receive(two, $0) }
        #expect(first == (0, 70))
        let rest = trying { room.receive(two, $0) }
        #expect(rest == (0, 30))
        #expect(room.bytes(29) == datagrams(100)[99])
        let nothing = trying { room.receive(two, $0) }
        #expect(nothing == (-EAGAIN, 0))
        let none = trying { lamina_socket_receive_messages(two.handle, room.messages, 0, 0, $0) }
        #expect(none == (-EINVAL, 0))
        let empty = trying { lamina_socket_send_messages(one.handle, batch.messages, 0, 0, $0) }
        #expect(empty == (0, 0))
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("Of several datagrams, those are marked that didn't fit", arguments: BaseProvider.allCases)
    func truncated(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let batch = MessageBatch([[1, 2], [3, 4, 5, 6, 7], [8, 9, 10]], to: try two.waiting.localAddress())
        try one.waiting.perform("send") { batch.send(one, $0) }
        let room = MessageBatch(room: 3, size: 3)
        #expect(try two.waiting.perform("receive") { room.receive(two, $0) } == 3)
        #expect((0..<3).map { room.bytes($0) } == [[1, 2], [3, 4, 5], [8, 9, 10]])
        #expect((0..<3).map { room.isMarked($0, LAMINA_MESSAGE_TRUNCATED) } == [false, true, false])
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("Each datagram has ancillary data of its own, both ways, and says where they were cut")
    func control() throws {
        let chain = try BaseProvider.kernel.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        try two.waiting.setOption(Int32(IPPROTO_IP), IP_RECVTOS, to: 1)
        let batch = MessageBatch([[1], [2], [3]], to: try two.waiting.localAddress())
        for index in 0..<3 { batch.setControl(index, Int32(IPPROTO_IP), IP_TOS, Int32(4 + 4 * index)) }
        try one.waiting.perform("send") { batch.send(one, $0) }
        let room = MessageBatch(room: 3, size: 4, control: 64)
        room.setControl(1, length: 8)
        #expect(try two.waiting.perform("receive") { room.receive(two, $0) } == 3)
        #expect((0..<3).map { room.controlByte($0) } == [4, nil, 12])
        #expect((0..<3).map { room.isMarked($0, LAMINA_MESSAGE_CONTROL_TRUNCATED) } == [false, true, false])
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A datagram that can't be sent ends the call, after those before it", arguments: BaseProvider.allCases)
    func refused(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let batch = MessageBatch(datagrams(80).map { $0 + [1] }, to: try two.waiting.localAddress())
        batch.address(70, to: "example.org")
        let ended = trying { batch.send(one, $0) }
        #expect(ended.status == -EAFNOSUPPORT)
        #expect(batch.written == 70)
        #expect(ended.bytes == (0..<70).reduce(0) { $0 + batch.messages[$1].bytes })
        let room = MessageBatch(room: 80, size: 100)
        #expect(trying { room.receive(two, $0) } == (0, 70))
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A look takes one datagram and leaves it", arguments: BaseProvider.allCases)
    func peek(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let batch = MessageBatch([[1], [2]], to: try two.waiting.localAddress())
        try one.waiting.perform("send") { batch.send(one, $0) }
        let room = MessageBatch(room: 4, size: 4)
        #expect(trying { room.receive(two, $0, flags: LAMINA_RECEIVE_PEEK) } == (0, 1))
        #expect(room.bytes(0) == [1] && room.written == 1)
        #expect(trying { room.receive(two, $0) } == (0, 2))
        #expect(room.bytes(1) == [2])
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A receive that waits keeps its descriptors, and ends with what came", arguments: BaseProvider.allCases)
    func waits(base: BaseProvider) throws {
        let chain = try base.chain()
        let (one, two) = (try bound(chain), try bound(chain))
        let room = MessageBatch(room: 8, size: 4)
        let calls = PendingCalls()
        #expect(calls.call { room.receive(two, $0) } == LAMINA_PENDING)
        // Descriptors are copied: what the caller does to them afterwards doesn't count.
        for index in 0..<8 { room.messages[index].buffers = nil }
        let batch = MessageBatch([[1], [2], [3]], to: try two.waiting.localAddress())
        try one.waiting.perform("send") { batch.send(one, $0) }
        let end = try #require(calls.wait(for: 1).first)
        #expect(end.status == 0 && (1...3).contains(end.bytes) && room.written == end.bytes)
        #expect(room.bytes(0) == [1])
        for socket in [one, two] { try socket.waiting.close() }
        #expect(calls.endsNow.count == 1)
    }

    /// Two Unix sockets, of which the first sends to the second alone: there the kernel tells when the other is full.
    private func withUnixPair(_ body: (_ sender: Socket, _ receiver: Socket) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let chain = try BaseProvider.kernel.chain()
        let one = try bound(chain, Address(unix: "\(directory.path)/one"))
        let two = try bound(chain, Address(unix: "\(directory.path)/two"))
        try one.waiting.connect(to: Address(unix: "\(directory.path)/two"))
        try body(one, two)
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A send that finds the socket full goes on with the rest, in order, and ends once")
    func full() throws {
        try withUnixPair { one, two in
            let sent = (0..<300).map { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            let (first, second) = (MessageBatch(Array(sent[..<200])), MessageBatch(Array(sent[200...])))
            let calls = PendingCalls()
            #expect(calls.call { first.send(one, $0) } == LAMINA_PENDING)
            #expect((1..<200).contains(first.written))
            #expect(calls.call { second.send(one, $0) } == LAMINA_PENDING)
            #expect(second.written == 0 && calls.endsNow.isEmpty)
            let room = MessageBatch(room: 64, size: 4)
            var came: [[UInt8]] = []
            while came.count < 300 {
                let count = try two.waiting.perform("receive", deadline: soon()) { room.receive(two, $0) }
                came += (0..<count).map { room.bytes($0) }
            }
            #expect(came == sent)
            let ends = calls.wait(for: 2)
            #expect(ends.map(\.number) == [0, 1] && ends.map(\.bytes) == [400, 200])
            #expect(ends.allSatisfy { $0.status == 0 })
            #expect(first.written == 200 && second.written == 100)
        }
    }

    @Test("A send to a full Unix socket without being connected to it goes on, and doesn't keep the engine busy")
    func fullStranger() throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine()
        let chain = try BaseProvider.kernel.chain(engine: engine)
        let one = try bound(chain, Address(unix: "\(directory.path)/one"))
        let two = try bound(chain, Address(unix: "\(directory.path)/two"))
        let sent = (0..<40).map { [UInt8($0)] }
        let batch = MessageBatch(sent, to: Address(unix: "\(directory.path)/two"))
        let calls = PendingCalls()
        #expect(calls.call { batch.send(one, $0) } == LAMINA_PENDING)
        let turns = (0..<1000).count { _ in engine.run() > 0 }
        #expect(turns < 500)
        let room = MessageBatch(room: 64, size: 4)
        var came: [[UInt8]] = []
        while came.count < 40 {
            let count = try two.waiting.perform("receive", deadline: soon()) { room.receive(two, $0) }
            came += (0..<count).map { room.bytes($0) }
        }
        #expect(came == sent)
        while calls.endsNow.isEmpty { engine.run(timeout: 1_000_000_000) }
        #expect(calls.endsNow == [.init(number: 0, status: 0, bytes: 40)])
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A send that only tries sends what has room, and says which")
    func tries() throws {
        try withUnixPair { one, two in
            let batch = MessageBatch((0..<100).map { [UInt8($0)] })
            let part = trying { batch.send(one, $0) }
            #expect(part.status == 0 && (1..<100).contains(part.bytes))
            #expect(batch.written == part.bytes)
            let again = MessageBatch([[1]])
            let none = trying { again.send(one, $0) }
            #expect(none == (-EAGAIN, 0))
            #expect(again.written == 0)
            let room = MessageBatch(room: 100, size: 4)
            #expect(trying { room.receive(two, $0) } == (0, part.bytes))
        }
    }

    @Test("A cancelled send says how much of it left")
    func cancelled() throws {
        try withUnixPair { one, two in
            let batch = MessageBatch((0..<100).map { [UInt8($0)] })
            let calls = PendingCalls()
            #expect(calls.call { batch.send(one, $0) } == LAMINA_PENDING)
            let left = batch.written
            calls.cancel(0)
            #expect(calls.wait(for: 1) == [.init(number: 0, status: -ECANCELED, bytes: left)])
            let room = MessageBatch(room: 100, size: 4)
            #expect(trying { room.receive(two, $0) } == (0, UInt64(left)))
        }
    }
}
