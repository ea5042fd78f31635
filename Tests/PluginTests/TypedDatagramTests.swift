import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Bases of datagrams in Swift over the SDK")
struct TypedDatagramTests {
    let label = LayerOutput.label("parcel")

    init() { LayerOutput.capture() }

    private func post() throws -> Chain { try chain(("post", try SwiftPlugin.build("Examples/Bases/Post"))) }

    private func parcel() throws -> Chain {
        try chain(("parcel=\(label)", try SwiftPlugin.build("Fixtures/bases/Parcel")))
    }

    private func bound(_ chain: Chain, _ host: String = "127.0.0.1") throws -> Lamina.Socket {
        let socket = try chain.open(.datagram())
        try socket.waiting.bind(to: Address(host: host, port: 0))
        return socket
    }

    private let place = Address(host: "127.0.0.1", port: 9)

    private func errno(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch { return (error as? LaminaError)?.errno ?? -1 }
    }

    @Test("A base of datagrams is the lines that say what it does, and its table has no more than they")
    func table() throws {
        let source = try readAll("\(PackageTree.root)/Tests/Examples/Bases/Post.swift")
        #expect(source.count { $0 == UInt8(ascii: "\n") } <= 80)
        #expect(source.split(separator: UInt8(ascii: "\n")).allSatisfy { $0.count <= 120 })
        let entries = [
            "open", "close", "bind", "connect", "local_address", "remote_address", "send_to", "receive_from",
            "send_messages", "receive_messages", "release", "enable_indications", "resolve",
        ]
        let chain = try post()
        #expect(Set(chain.instances[0].entryNames) == Set(entries))
        #expect(errno { _ = try chain.open(.connection()) } != 0)
    }

    // MARK: - Two sockets

    @Test("Datagrams keep their bounds and their order and tell their sender")
    func bounds() throws {
        let chain = try post()
        let (one, two) = (try bound(chain), try bound(chain))
        let target = try two.waiting.localAddress()
        for length in [3, 0, 5] { try one.waiting.send([UInt8](repeating: UInt8(length), count: length), to: target) }
        for length in [3, 0, 5] {
            let datagram = try two.waiting.receiveDatagram(deadline: soon())
            #expect(datagram.bytes == [UInt8](repeating: UInt8(length), count: length))
            #expect(try datagram.sender == one.waiting.localAddress())
            #expect(!datagram.isTruncated)
        }
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("One that doesn't fit is cut and says so, and a look leaves it whole")
    func truncated() throws {
        let chain = try post()
        let (one, two) = (try bound(chain), try bound(chain))
        let target = try two.waiting.localAddress()
        try one.waiting.send([1, 2, 3, 4], to: target)
        try one.waiting.send([5], to: target)
        let look = MessageBatch(room: 3, size: 3)
        for _ in 0..<2 {
            #expect(trying { look.receive(two, $0, flags: LAMINA_RECEIVE_PEEK) } == (0, 1))
            #expect(look.bytes(0) == [1, 2, 3] && look.isMarked(0, LAMINA_MESSAGE_TRUNCATED))
            #expect(try look.sender(0) == one.waiting.localAddress())
        }
        let whole = try two.waiting.receiveDatagram(deadline: soon())
        #expect(whole.bytes == [1, 2, 3, 4] && !whole.isTruncated)
        #expect(try two.waiting.receiveDatagram(upTo: 3, deadline: soon()).bytes == [5])
        try one.waiting.send([6, 7], to: target)
        let cut = try two.waiting.receiveDatagram(upTo: 1, deadline: soon())
        #expect(cut.bytes == [6] && cut.isTruncated)
        for socket in [one, two] { try socket.waiting.close() }
    }

    @Test("A fixed remote needs no address, and keeps others out until it is forgotten")
    func connected() throws {
        let chain = try post()
        let (one, two, stranger) = (try bound(chain), try bound(chain), try bound(chain))
        let (source, target) = (try one.waiting.localAddress(), try two.waiting.localAddress())
        try two.waiting.connect(to: source)
        #expect(try two.waiting.remoteAddress() == source)
        try stranger.waiting.send([66], to: target)
        try one.waiting.send([1], to: target)
        #expect(try two.waiting.receiveDatagram(deadline: soon()).bytes == [1])
        try two.waiting.send([2], to: nil)
        #expect(try one.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        try two.waiting.setDestination(try stranger.waiting.localAddress())
        try two.waiting.send([3], to: nil)
        #expect(try stranger.waiting.receiveDatagram(deadline: soon()).bytes == [3])
        try two.waiting.setDestination(nil)
        try two.waiting.forgetRemote()
        #expect(errno { _ = try two.waiting.remoteAddress() } == ENOTCONN)
        #expect(errno { try two.waiting.send([4], to: nil) } == EDESTADDRREQ)
        try stranger.waiting.send([5], to: target)
        #expect(try two.waiting.receiveDatagram(deadline: soon()).bytes == [5])
        for socket in [one, two, stranger] { try socket.waiting.close() }
    }

    @Test("What a base never sees: datagrams that are too long, without a place, or with what it doesn't carry")
    func refused() throws {
        let socket = try bound(try post())
        let sender = socket.waiting
        #expect(errno { try sender.send([UInt8](repeating: 1, count: 1501), to: place) } == EMSGSIZE)
        #expect(errno { try sender.send([UInt8](repeating: 1, count: 1500), to: place) } == 0)
        #expect(errno { try sender.send([1], to: nil) } == EDESTADDRREQ)
        #expect(errno { try sender.send([1], to: Address(host: "far.post", port: 1)) } == EAFNOSUPPORT)
        #expect(errno { try sender.connect(to: Address(host: "far.post", port: 1)) } == EAFNOSUPPORT)
        let half = MessageBatch([[1]], to: place)
        half.messages[0].address?.pointee.length = 8
        #expect(trying { half.send(socket, $0) } == (-EINVAL, 0))
        let control = MessageBatch([[1]], to: place)
        control.setControl(0, Int32(IPPROTO_IP), IP_TOS, 4)
        #expect(trying { control.send(socket, $0) } == (0, 1))
        control.setControl(0, Int32(IPPROTO_IP), IP_PKTINFO, 4)
        #expect(trying { control.send(socket, $0) } == (-EOPNOTSUPP, 0))
        control.setControl(0, length: 3)
        #expect(trying { control.send(socket, $0) } == (-EINVAL, 0))
        let flagged = MessageBatch([[1]], to: place)
        #expect(trying { lamina_socket_send_messages(socket.handle, flagged.messages, 1, 1, $0) } == (-EINVAL, 0))
        #expect(trying { flagged.receive(socket, $0, flags: LAMINA_RECEIVE_WAIT_ALL) } == (-EINVAL, 0))
        try sender.close()
    }

    @Test("Many go and come by one call, those that were sent before an error too")
    func batches() throws {
        let chain = try post()
        let (one, two) = (try bound(chain), try bound(chain))
        let target = try two.waiting.localAddress()
        let sent = (0..<50).map { [UInt8](repeating: UInt8($0), count: $0) }
        let batch = MessageBatch(sent, to: target)
        #expect(try one.waiting.perform("send") { batch.send(one, $0) } == sent.map(\.count).reduce(0, +))
        let room = MessageBatch(room: 40, size: 100, control: 64)
        #expect(trying { room.receive(two, $0) } == (0, 40))
        #expect((0..<40).map { room.bytes($0) } == Array(sent[..<40]))
        #expect((0..<40).allSatisfy { room.messages[$0].control_length == 0 })
        #expect(trying { room.receive(two, $0) } == (0, 10))
        #expect(trying { room.receive(two, $0) } == (-EAGAIN, 0))
        let broken = MessageBatch([[1, 1], [2], [3]], to: target)
        broken.address(1, to: "nobody.post")
        #expect(trying { broken.send(one, $0) } == (-EAFNOSUPPORT, 2))
        #expect(broken.written == 1)
        for socket in [one, two] { try socket.waiting.close() }
    }

    // MARK: - Waiting

    @Test("Receives that wait get datagrams in their order; a cancel and a deadline end one, a close the rest")
    func waits() throws {
        let chain = try post()
        let (one, two) = (try bound(chain), try bound(chain))
        let target = try two.waiting.localAddress()
        let calls = PendingCalls()
        for _ in 0..<3 { #expect(calls.receiveFrom(two) == LAMINA_PENDING) }
        calls.cancel(1)
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 1, status: -ECANCELED, bytes: 0)])
        for byte: UInt8 in 1...2 { try one.waiting.send([byte, byte], to: target) }
        #expect(calls.wait(for: 3).dropFirst().map(\.number) == [0, 2])
        #expect(calls.bytes(0, 2) == [1, 1] && calls.bytes(2, 2) == [2, 2])
        let expired = errno { _ = try two.waiting.receiveDatagram(deadline: Deadline.after(seconds: 0.02)) }
        #expect(expired == ETIMEDOUT)
        for _ in 0..<2 { calls.receiveFrom(two) }
        try two.waiting.close()
        #expect(calls.wait(for: 5).suffix(2).map(\.status) == [-ECANCELED, -ECANCELED])
        #expect(errno { _ = try two.waiting.receiveDatagram() } != 0)
        try one.waiting.send([1], to: target)
        try one.waiting.close()
    }

    @Test("Sends wait for room, in their order, and a base that hesitates gets them all")
    func slowly() throws {
        let socket = try parcel().open(.datagram())
        try socket.waiting.connect(to: place)
        let sent = (0..<40).map { [UInt8](repeating: UInt8($0), count: 20) }
        let calls = PendingCalls()
        for bytes in sent { calls.sendTo(socket, bytes) }
        let received = try sent.map { _ in try socket.waiting.receiveDatagram(deadline: soon()) }
        #expect(received.map(\.bytes) == sent)
        #expect(received.allSatisfy { $0.sender == place })
        #expect(calls.wait(for: 40).map(\.number) == Array(0..<40))
        let batch = MessageBatch(sent)
        calls.call { batch.send(socket, $0) }
        let again = try sent.map { _ in try socket.waiting.receiveDatagram(deadline: soon()) }
        #expect(again.map(\.bytes) == sent)
        #expect(calls.wait(for: 41).last == PendingCalls.End(number: 40, status: 0, bytes: 800))
        try socket.waiting.close()
        #expect(LayerOutput.lines(of: label) == ["a state of datagrams has ended"])
    }

    @Test("A length of control data without any is nothing to a send that waits")
    func lengthAlone() throws {
        let socket = try parcel().open(.datagram())
        let batch = MessageBatch([[1], [2], [3]], to: place)
        for index in 0..<3 { batch.messages[index].control_length = Int.max }
        #expect(try socket.waiting.perform("send", deadline: soon()) { batch.send(socket, $0) } == 3)
        for byte in [1, 2, 3] as [UInt8] {
            #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes == [byte])
        }
        try socket.waiting.close()
    }

    @Test("A send that waits for room ends by its deadline, and one that only tries sends what it can")
    func full() throws {
        let socket = try parcel().open(.datagram())
        try socket.waiting.connect(to: place)
        // Two fill the base; the rest waits.
        let calls = PendingCalls()
        calls.deadline = Deadline.after(seconds: 0.2)
        for byte: UInt8 in 0..<8 { calls.sendTo(socket, [UInt8](repeating: byte, count: 100)) }
        let statuses = calls.wait(for: 8).sorted { $0.number < $1.number }.map(\.status)
        let sent = statuses.prefix { $0 == 0 }.count
        #expect((1..<8).contains(sent) && statuses.dropFirst(sent).allSatisfy { $0 == -ETIMEDOUT })
        for byte in 0..<sent {
            #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes.first == UInt8(byte))
        }
        let batch = MessageBatch((0..<30).map { [UInt8($0)] })
        let tried = trying { batch.send(socket, $0) }
        #expect(tried.status == -EAGAIN || tried.status == 0 && tried.bytes < 30)
        #expect(batch.written == Int(tried.bytes))
        try socket.waiting.close()
    }

    @Test("A failure of the base ends one receive, and the next goes on; a remote is the base's to refuse and to name")
    func failures() throws {
        let socket = try parcel().open(.datagram())
        let calls = PendingCalls()
        calls.receiveFrom(socket)
        try socket.waiting.send([1], to: Address(host: "127.0.0.1", port: 7), deadline: soon())
        #expect(calls.wait(for: 1).map(\.status) == [-ECONNREFUSED])
        try socket.waiting.send([2], to: place, deadline: soon())
        #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        #expect(errno { try socket.waiting.connect(to: Address(host: "127.0.0.1", port: 1)) } == ENETUNREACH)
        try socket.waiting.connect(to: Address(host: "any.test", port: 8))
        #expect(try socket.waiting.remoteAddress() == Address(host: "127.0.0.1", port: 8))
        try socket.waiting.send([3], to: place, deadline: soon())
        try socket.waiting.send([4], to: nil, deadline: soon())
        #expect(try socket.waiting.receiveDatagram(deadline: soon()).bytes == [4])
        try socket.waiting.close()
    }

    @Test("A base has streams beside datagrams, and a socket says which it is")
    func both() throws {
        let chain = try parcel()
        let stream = try chain.connect(to: place)
        try stream.waiting.send([1, 2, 3], deadline: soon())
        #expect(errno { _ = try stream.waiting.receive(upTo: 1, deadline: soon()) } == EOPNOTSUPP)
        let datagrams = try chain.open(.datagram())
        #expect(try datagrams.waiting.option(SOL_SOCKET, SO_TYPE) == Int32(SOCK_DGRAM.rawValue))
        #expect(try stream.waiting.option(SOL_SOCKET, SO_TYPE) == Int32(SOCK_STREAM.rawValue))
        try stream.waiting.close()
        try datagrams.waiting.close()
        #expect(LayerOutput.lines(of: label) == ["a state of a stream has ended", "a state of datagrams has ended"])
    }

    // MARK: - Indications

    @Test("Datagrams are indicated with their senders, also one that was looked at and those that had come before")
    func indicated() throws {
        let chain = try post()
        let (sender, receiver) = (try bound(chain), try bound(chain))
        let (source, target) = (try sender.waiting.localAddress(), try receiver.waiting.localAddress())
        for byte: UInt8 in 0..<3 { try sender.waiting.send([byte], to: target) }
        let look = MessageBatch(room: 1, size: 10)
        #expect(trying { look.receive(receiver, $0, flags: LAMINA_RECEIVE_PEEK) } == (0, 1))
        let client = EventClient()
        try client.attach(to: receiver)
        try receiver.enable([LAMINA_INDICATION_RECEIVE_FROM])
        #expect(try client.datagrams(3).map(\.bytes) == [[0], [1], [2]])
        for byte: UInt8 in 3..<40 { try sender.waiting.send([UInt8](repeating: byte, count: Int(byte)), to: target) }
        let all = try client.datagrams(40)
        #expect(all.map(\.bytes.first) == (0..<40).map { UInt8($0) })
        #expect(all.allSatisfy { $0.sender == source && $0.control.isEmpty })
        #expect(errno { try receiver.enable([LAMINA_INDICATION_DISCONNECT]) } == EOPNOTSUPP)
        for socket in [sender, receiver] { try socket.waiting.close() }
    }

    @Test("Datagrams that are refused stop the indication until a receive")
    func refusedIndications() throws {
        let chain = try post()
        let (sender, receiver) = (try bound(chain), try bound(chain))
        let target = try receiver.waiting.localAddress()
        let client = EventClient()
        client.takeDatagrams = -EAGAIN
        try client.attach(to: receiver)
        try receiver.enable([LAMINA_INDICATION_RECEIVE_FROM])
        try sender.waiting.send([1], to: target)
        _ = try client.datagrams(1)
        client.takeDatagrams = 0
        try sender.waiting.send([2], to: target)
        #expect(try receiver.waiting.receiveDatagram(deadline: soon()).bytes == [2])
        try sender.waiting.send([3], to: target)
        #expect(try client.datagrams(2).last?.bytes == [3])
        for socket in [sender, receiver] { try socket.waiting.close() }
    }

    @Test("A failure of the base stops no indication")
    func failingIndications() throws {
        let socket = try parcel().open(.datagram())
        let client = EventClient()
        try client.attach(to: socket)
        // Both are there before it looks: it is told of neither again.
        try socket.waiting.send([1], to: Address(host: "127.0.0.1", port: 7), deadline: soon())
        try socket.waiting.send([2], to: place, deadline: soon())
        try socket.enable([LAMINA_INDICATION_RECEIVE_FROM])
        #expect(try client.datagrams(1).map(\.bytes) == [[2]])
        try socket.waiting.close()
    }

    @Test("Many threads send, receive and close at once")
    func manyThreads() throws {
        let chain = try post()
        let helpers = (0..<4).map { number in
            Helper {
                for round in 0..<20 {
                    // An address may have been another socket's: this one hears no sender of that one's, and no other test is at it.
                    let (one, two) = (try bound(chain, "127.0.1.1"), try bound(chain, "127.0.1.1"))
                    let target = try two.waiting.localAddress()
                    try two.waiting.connect(to: try one.waiting.localAddress())
                    let bytes = [UInt8(number), UInt8(round)]
                    let sender = Helper { for _ in 0..<50 { try one.waiting.send(bytes, to: target) } }
                    for _ in 0..<50 {
                        #expect(try two.waiting.receiveDatagram(deadline: soon()).bytes == bytes)
                    }
                    try sender.join()
                    let calls = PendingCalls()
                    calls.receiveFrom(two)
                    let late = Helper { for _ in 0..<20 { try one.waiting.send(bytes, to: target) } }
                    try two.waiting.close()
                    try late.join()
                    try one.waiting.close()
                    #expect(calls.wait(for: 1).count == 1)
                }
            }
        }
        for helper in helpers { try helper.join() }
    }
}
