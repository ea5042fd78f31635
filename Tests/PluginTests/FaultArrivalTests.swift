import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What the layer `fault` does to datagrams that come.
@Suite("Datagrams that come through the layer fault", .serialized)
struct FaultArrivalTests {
    private let label = LayerOutput.label("fault")

    init() { LayerOutput.capture() }

    /// Two ends on the layer; rules for what comes are about the receiver alone, which nothing is sent from.
    private struct Ends {
        let receiver: Socket
        let sender: Socket
        let target: Address

        init(_ chain: Chain) throws {
            receiver = try chain.open(.datagram())
            sender = try chain.open(.datagram())
            for socket in [receiver, sender] { try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0)) }
            target = try receiver.waiting.localAddress()
        }

        func send(_ bytes: UInt8...) throws { try sender.waiting.send(bytes, to: target) }

        func receive() throws -> [UInt8] { try receiver.waiting.receiveDatagram(deadline: soon()).bytes }

        /// What is there now, or the errno.
        func look(_ flags: Int = 0, room: Int = 100) -> (status: Int32, bytes: [UInt8]) {
            let batch = MessageBatch(room: 1, size: room)
            var request = lamina_request()
            lamina_request_prepare(&request, nil, nil)
            request.flags = UInt32(LAMINA_REQUEST_TRY)
            let status = lamina_socket_receive_from(receiver.handle, batch.messages, UInt32(flags), &request)
            return (status, status < 0 ? [] : batch.bytes(0))
        }

        func close() throws { for socket in [receiver, sender] { try socket.waiting.close() } }
    }

    private func chain(_ rules: [String], seed: Int = 7, over base: BaseProvider) throws -> Chain {
        let settings = rules.map { "do=\($0)" } + ["seed=\(seed)"]
        return try PluginTests.chain(
            ("fault=\(label):\(settings.joined(separator: ","))", Plugin.product("Fault")),
            (base.description, "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    private func ends(_ rules: String..., over base: BaseProvider = .memory) throws -> Ends {
        try Ends(chain(rules, over: base))
    }

    private func errno(_ body: () throws -> Void) -> Int32? { #expect(throws: LaminaError.self) { try body() }?.errno }

    /// What the level says of itself at its end.
    private func lastLine() async throws -> String {
        let deadline = soon()
        while LayerOutput.lines(of: label).count < 2 {
            try #require(clinux_monotonic() < deadline)
            await Task.yield()
        }
        return LayerOutput.lines(of: label).last ?? ""
    }

    /// How a program receives.
    enum Form: CaseIterable { case waiting, trying, looking, several }

    /// Which of forty numbered datagrams come.
    private func survivors(_ form: Form, seed: Int, over base: BaseProvider) throws -> [UInt8] {
        let ends = try Ends(chain(["loss:down:chance=50%/call"], seed: seed, over: base))
        for number in 0..<40 { try ends.send(UInt8(number)) }
        let end: UInt8 = 0xFF
        var come: [UInt8] = []
        let deadline = soon()
        while come.last != end {
            try #require(clinux_monotonic() < deadline)
            switch form {
            case .waiting:
                try ends.send(end)
                come += try ends.receive()
            case .trying, .looking:
                if form == .looking { _ = ends.look(LAMINA_RECEIVE_PEEK) }
                let found = ends.look()
                if found.status == -EAGAIN { try ends.send(end) }
                come += found.bytes
            case .several:
                try ends.send(end)
                let batch = MessageBatch(room: 4, size: 8)
                let got = try ends.receiver.perform {
                    lamina_socket_receive_messages($0, batch.messages, 4, 0, $1)
                }
                for index in 0..<Int(got.bytes) { come += batch.bytes(index) }
            }
        }
        try ends.close()
        return Array(come.prefix { $0 != end })
    }

    @Test(
        "Which of them are lost follows from the seed alone, however they are received",
        arguments: BaseProvider.allCases
    )
    func loss(base: BaseProvider) throws {
        let expected = try survivors(.waiting, seed: 7, over: .memory)
        #expect((5...35).contains(expected.count) && expected == expected.sorted())
        for form in Form.allCases { #expect(try survivors(form, seed: 7, over: base) == expected, "\(form)") }
        #expect(try survivors(.waiting, seed: 8, over: base) != expected)
    }

    @Test(
        "A receive goes on to the next one, and keeps its deadline, its cancel and its order",
        arguments: BaseProvider.allCases
    )
    func waits(base: BaseProvider) throws {
        let ends = try ends("loss:down:count=3", over: base)
        for number in 1...2 { try ends.send(UInt8(number)) }
        let late = errno { _ = try ends.receiver.waiting.receiveDatagram(deadline: Deadline.after(milliseconds: 20)) }
        #expect(late == ETIMEDOUT)
        let calls = PendingCalls()
        for _ in 0..<3 { #expect(calls.receiveFrom(ends.receiver) == LAMINA_PENDING) }
        calls.cancel(1)
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 1, status: -ECANCELED, bytes: 0)])
        for number in 3...5 { try ends.send(UInt8(number)) }
        #expect(calls.wait(for: 3).dropFirst().map(\.number) == [0, 2])
        #expect(calls.bytes(0, 1) == [4] && calls.bytes(2, 1) == [5])
        #expect(ends.look().status == -EAGAIN)
        try ends.close()
    }

    @Test(
        "One that comes twice is whole the second time, with its sender and control data",
        arguments: BaseProvider.allCases
    )
    func duplicate(base: BaseProvider) throws {
        let ends = try ends("duplicate:down:count=1", over: base)
        try ends.receiver.waiting.setOption(Int32(IPPROTO_IP), IP_RECVTTL, to: 1)
        try ends.send(1, 2, 3, 4)
        let first = try ends.receiver.waiting.receiveDatagram(upTo: 2, control: 64, deadline: soon())
        #expect(first.bytes == [1, 2] && first.isTruncated)
        // It can be seen to be there.
        #expect(try ends.receiver.waiting.receiveBacklog() == 4)
        let look = ends.look(LAMINA_RECEIVE_PEEK)
        #expect(look.status == 0 && look.bytes == [1, 2, 3, 4])
        let second = try ends.receiver.waiting.receiveDatagram(control: 64, deadline: soon())
        #expect(second.bytes == [1, 2, 3, 4] && !second.isTruncated)
        let sender = try ends.sender.waiting.localAddress()
        #expect(second.sender == sender && first.sender == sender)
        let hops = second.control(Int32(IPPROTO_IP), IP_TTL)?.bytes
        #expect(hops != nil && hops == first.control(Int32(IPPROTO_IP), IP_TTL)?.bytes)
        #expect(try ends.receiver.waiting.receiveBacklog() == 0)
        #expect(ends.look().status == -EAGAIN)
        try ends.send(5)
        let cut = try ends.receiver.waiting.receiveDatagram(control: 8, deadline: soon())
        #expect(cut.bytes == [5] && cut.control.isEmpty)
        #expect(cut.flags & UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) != 0)
        try ends.close()
    }

    @Test("One goes behind the next, or comes when its time is over", arguments: BaseProvider.allCases)
    func reorder(base: BaseProvider) throws {
        let pairs = try ends("reorder:down:for=1h", over: base)
        for number in 1...6 { try pairs.send(UInt8(number)) }
        #expect(try (0..<6).map { _ in try pairs.receive()[0] } == [2, 1, 4, 3, 6, 5])
        try pairs.close()

        let lone = try ends("reorder:down:for=30ms", over: base)
        let begin = clinux_monotonic()
        try lone.send(9)
        #expect(try lone.receive() == [9])
        #expect(clinux_monotonic() - begin >= 30_000_000)
        try lone.close()
    }

    @Test("Rules about what comes begin and end while a socket is open", arguments: BaseProvider.allCases)
    func live(base: BaseProvider) throws {
        let chain = try chain([], over: base)
        let ends = try Ends(chain)
        let calls = PendingCalls()
        #expect(calls.receiveFrom(ends.receiver) == LAMINA_PENDING)
        try chain.instances[0].configure("do", to: "[loss:down:count=1,duplicate:down:count=2]")
        #expect(calls.receiveFrom(ends.receiver) == LAMINA_PENDING)
        // The first call was under way before there were rules.
        for number in 1...4 { try ends.send(UInt8(number)) }
        #expect(calls.wait(for: 2).map(\.number) == [0, 1])
        #expect(calls.bytes(0, 1) == [1] && calls.bytes(1, 1) == [3])
        try chain.instances[0].configure("do", to: "[]")
        // What is kept comes first.
        for expected: UInt8 in [3, 4] { #expect(try ends.receive() == [expected]) }
        #expect(ends.look().status == -EAGAIN)
        try ends.close()
    }

    @Test("A rule without a direction is about both", arguments: BaseProvider.allCases)
    func both(base: BaseProvider) throws {
        let ends = try ends("duplicate", over: base)
        try ends.send(1)
        for _ in 0..<4 { #expect(try ends.receive() == [1]) }
        #expect(ends.look().status == -EAGAIN)
        try ends.close()
    }

    @Test("The last line counts what was done, and what nobody received")
    func lines() async throws {
        do {
            let ends = try ends("loss:down:count=1", "duplicate:down:count=1", "reorder:down:for=1h:count=1")
            for number in 1...3 { try ends.send(UInt8(number)) }
            #expect(try ends.receive() == [2])
            let calls = PendingCalls()
            calls.receiveFrom(ends.receiver)
            #expect(calls.wait(for: 1).count == 1 && calls.bytes(0, 1) == [2])
            #expect(ends.look().status == -EAGAIN)
            calls.receiveFrom(ends.receiver)
            try ends.close()
            #expect(calls.wait(for: 2).last?.status == -ECANCELED)
        }
        #expect(
            try await lastLine()
                == "seed 7, 2 sockets: loss:down:count=1 1, duplicate:down:count=1 1, reorder:down:for=1h:count=1 1, "
                + "unreceived at the close 1"
        )
    }

    @Test("A rule begins behind so many bytes, and other rules of a receive hold as well")
    func start() throws {
        let ends = try ends("loss:down:after=3", "error:down:errno=EIO:after=8")
        for number in 1...4 { try ends.send(UInt8(number), 0) }
        // The first two had not come to three bytes.
        #expect(try ends.receive() == [1, 0])
        #expect(try ends.receive() == [2, 0])
        #expect(ends.look().status == -EAGAIN)
        try ends.close()
    }

    @Test("A descriptor that comes with a datagram is given once, and closed where the datagram is lost")
    func descriptors() throws {
        let directory = try TemporaryDirectory()
        var pipe: [Int32] = [-1, -1]
        try #require(clinux_pipe(&pipe) == 0 && fcntl(pipe[0], F_SETFL, O_NONBLOCK) == 0)
        defer { _ = Glibc.close(pipe[0]) }
        let chain = try chain(["loss:down:count=1", "duplicate:down:count=1"], over: .kernel)
        let (receiver, sender) = (try chain.open(.datagram(AF_UNIX)), try chain.open(.datagram(AF_UNIX)))
        let target = Address(unix: "\(directory.path)/one")
        try receiver.waiting.bind(to: target)
        let rights = ControlData(level: SOL_SOCKET, type: Int32(SCM_RIGHTS), value: pipe[1])
        for number in 1...2 { try sender.waiting.send([UInt8(number)], to: target, control: [rights]) }
        let first = try receiver.waiting.receiveDatagram(control: 64, deadline: soon())
        let second = try receiver.waiting.receiveDatagram(control: 64, deadline: soon())
        #expect(first.bytes == [2] && second.bytes == [2] && second.control.isEmpty)
        let descriptor = try #require(first.control(SOL_SOCKET, Int32(SCM_RIGHTS))?.value)
        for socket in [receiver, sender] { try socket.waiting.close() }
        // The pipe ends when the last descriptor of its other end is closed.
        _ = Glibc.close(pipe[1])
        var byte: UInt8 = 0
        #expect(read(pipe[0], &byte, 1) < 0 && Glibc.errno == EAGAIN)
        _ = Glibc.close(descriptor)
        #expect(read(pipe[0], &byte, 1) == 0)
    }
}
