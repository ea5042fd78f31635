import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What the layer `fault` lets go wrong.
@Suite("The layer fault")
struct FaultTests {
    private let label = LayerOutput.label("fault")

    init() { LayerOutput.capture() }

    private func chain(_ rules: String..., seed: Int = 7, over base: BaseProvider = .kernel) throws -> Chain {
        let settings = rules.map { "do=\($0)" } + ["seed=\(seed)"]
        return try PluginTests.chain(
            ("fault=\(label):\(settings.joined(separator: ","))", Plugin.product("Fault")),
            (base.description, "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    /// A connection whose client stands on the layer, and whose server doesn't.
    private func pair(_ chain: Chain) throws -> Pair {
        try Pair(BaseProvider.kernel.chain(), client: chain)
    }

    private let text = Array("what goes wrong".utf8)

    private func errno(_ body: () throws -> Void) -> Int32? { #expect(throws: LaminaError.self) { try body() }?.errno }

    // MARK: - Faults

    @Test("Connects are refused as often as the rule says")
    func refuse() throws {
        let listener = try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let address = try listener.waiting.localAddress()
        let chain = try chain("refuse:count=2")
        for _ in 0..<2 { #expect(errno { _ = try chain.connect(to: address, deadline: soon()) } == ECONNREFUSED) }
        try chain.connect(to: address, deadline: soon()).waiting.close()
        try listener.waiting.close()
    }

    @Test("A connect fails with any errno, at once or after a time")
    func connects() throws {
        let address = Address(host: "127.0.0.1", port: 9)
        for (rule, expected) in [
            ("error:connect:errno=EHOSTUNREACH", EHOSTUNREACH), ("error:connect:errno=101", ENETUNREACH),
        ] {
            let chain = try chain(rule)
            #expect(errno { _ = try chain.connect(to: address, deadline: soon()) } == expected)
        }
        let begin = clinux_monotonic()
        let late = try chain("timeout:for=30ms")
        #expect(errno { _ = try late.connect(to: address, deadline: soon()) } == ETIMEDOUT)
        #expect(clinux_monotonic() - begin >= 30_000_000)
    }

    @Test("A stream ends, breaks or stops exactly behind so many bytes")
    func boundaries() throws {
        let closed = try pair(try chain("close:down:after=5"))
        try closed.server.waiting.send(text)
        #expect(try closed.client.waiting.receive(upTo: 100, all: true, deadline: soon()) == Array(text[..<5]))
        #expect(try closed.client.waiting.receive(upTo: 100, deadline: soon()) == [])
        try closed.close()

        let broken = try pair(try chain("reset:up:after=5"))
        #expect(errno { try broken.client.waiting.send(text) } == ECONNRESET)
        #expect(errno { _ = try broken.client.waiting.receive(upTo: 1, deadline: soon()) } == ECONNRESET)
        #expect(try broken.server.waiting.receive(upTo: 5, all: true, deadline: soon()) == Array(text[..<5]))
        try broken.close()

        let stalled = try pair(try chain("stall:up:after=5"))
        let calls = PendingCalls()
        _ = calls.send(stalled.client, text)
        #expect(try stalled.server.waiting.receive(upTo: 5, all: true, deadline: soon()) == Array(text[..<5]))
        #expect(calls.endsNow.isEmpty)
        calls.cancel(0)
        #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: -ECANCELED, bytes: 5)])
        try stalled.close()
    }

    @Test("A stall and a time-out last as long as they are to")
    func stalls() throws {
        for (rule, failure) in [("stall:for=30ms", nil), ("timeout:up:for=30ms", ETIMEDOUT)] as [(String, Int32?)] {
            let pair = try pair(try chain(rule))
            let begin = clinux_monotonic()
            if let failure {
                #expect(errno { try pair.client.waiting.send(text) } == failure)
            } else {
                try pair.client.waiting.send(text)
                try pair.client.waiting.send(text)
                let all = try pair.server.waiting.receive(upTo: 2 * text.count, all: true, deadline: soon())
                #expect(all == text + text)
            }
            #expect(clinux_monotonic() - begin >= 30_000_000)
            try pair.close()
        }
    }

    @Test("Operations are short, and nothing is lost by it")
    func short() throws {
        let pair = try pair(try chain("short:size=4"))
        try pair.client.waiting.send(text)
        #expect(try pair.server.waiting.receive(upTo: text.count, all: true, deadline: soon()) == text)
        try pair.server.waiting.send(text)
        #expect(try pair.client.waiting.receive(upTo: 100, deadline: soon()) == Array(text[..<4]))
        #expect(try pair.client.waiting.receive(upTo: 11, all: true, deadline: soon()) == Array(text[4...]))
        try pair.close()
    }

    @Test("The end of the sending direction is slow, and so is the peer's")
    func slowClose() throws {
        let pair = try pair(try chain("slow-close:for=30ms"))
        var begin = clinux_monotonic()
        try pair.client.waiting.disconnect()
        #expect(clinux_monotonic() - begin >= 30_000_000)
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [])
        begin = clinux_monotonic()
        try pair.server.waiting.disconnect()
        #expect(try pair.client.waiting.receive(upTo: 1, deadline: soon()) == [])
        #expect(clinux_monotonic() - begin >= 30_000_000)
        try pair.close()
    }

    @Test("A rule begins when the socket is so old")
    func age() throws {
        let begin = clinux_monotonic()
        let pair = try pair(try chain("error:up:errno=EIO:after=50ms"))
        while clinux_monotonic() - begin < 60_000_000 {
            do { try pair.client.waiting.send([1]) } catch { break }
        }
        #expect(errno { while true { try pair.client.waiting.send([1]) } } == EIO)
        #expect(clinux_monotonic() - begin >= 50_000_000)
        try pair.close()
    }

    // MARK: - Chance

    /// Which of 64 sends fail.
    private func failures(_ rule: String, seed: Int) throws -> [Bool] {
        let pair = try pair(try chain(rule, seed: seed))
        let failed = (0..<64).map { _ in
            do {
                try pair.client.waiting.send([1])
                return false
            } catch { return true }
        }
        try pair.close()
        return failed
    }

    @Test("Chances follow from the seed: none is never, all is always, and each socket or each call is drawn")
    func chances() throws {
        let half = "error:up:errno=EIO:chance=50%/call"
        let first = try failures(half, seed: 1)
        #expect(first.contains(true) && first.contains(false))
        #expect(try failures(half, seed: 1) == first)
        #expect(try failures(half, seed: 2) != first)
        #expect(try failures("error:up:errno=EIO:chance=0%/call", seed: 1).allSatisfy { !$0 })
        #expect(try failures("error:up:errno=EIO:chance=0%/socket", seed: 1).allSatisfy { !$0 })
        #expect(try failures("error:up:errno=EIO:chance=100%/call", seed: 1).allSatisfy { $0 })
        let sockets = try (1...12).map { try failures("error:up:errno=EIO:chance=50%/socket", seed: $0) }
        #expect(sockets.allSatisfy { Set($0).count == 1 })
        #expect(Set(sockets.map { $0[0] }).count == 2)
    }

    @Test("The seed is said first, and what was done last")
    func lines() async throws {
        do {
            let chain = try chain("error:up:errno=EIO:count=2", "short:down", seed: 42)
            #expect(LayerOutput.lines(of: label) == ["seed 42"])
            let pair = try pair(chain)
            for _ in 0..<3 { try? pair.client.waiting.send([1]) }
            try pair.close()
        }
        let deadline = soon()
        while LayerOutput.lines(of: label).count < 2 {
            try #require(clinux_monotonic() < deadline)
            await Task.yield()
        }
        #expect(
            LayerOutput.lines(of: label).last
                == "seed 42, 1 socket: error:up:errno=EIO:count=2 2, short:down 0"
        )
    }

    // MARK: - Changes

    @Test("Rules change on open sockets and new ones, all of them or none, and what waits by an old one goes on")
    func live() async throws {
        do {
            let chain = try chain("error:up:errno=EIO:count=1")
            let fault = chain.instances[0]
            let open = try pair(chain)
            #expect(errno { try open.client.waiting.send([1]) } == EIO)
            try open.client.waiting.send([2])
            try fault.configure("do", to: "[error:up:errno=EPERM:count=1,\"stall:up:after=1\"]")
            #expect(fault.rules == ["1  error:up:errno=EPERM:count=1", "2  stall:up:after=1"])
            #expect(errno { try open.client.waiting.send([3]) } == EPERM)
            let wrong = #expect(throws: LaminaError.self) {
                try fault.configure("do", to: "[error:up:errno=EBADF,reset:chance=10%]")
            }
            #expect(
                wrong?.description.contains("\": do: \"reset:chance=10%\", at 14: \"10%\"") == true,
                "\(String(describing: wrong))"
            )
            #expect(fault.settings["do"]?.description.contains("EPERM") == true)
            let calls = PendingCalls()
            #expect(calls.send(open.client, [4]) == LAMINA_PENDING)
            #expect(calls.endsNow.isEmpty)
            try fault.configure("do", to: "[]")
            #expect(calls.wait(for: 1) == [PendingCalls.End(number: 0, status: 0, bytes: 1)])
            #expect(fault.rules.isEmpty)
            try fault.configure("do", to: "short:down")
            let new = try pair(chain)
            for pair in [open, new] { try pair.server.waiting.send(text) }
            for pair in [open, new] {
                #expect(try pair.client.waiting.receive(upTo: 9, deadline: soon()) == Array(text[..<1]))
                try pair.close()
            }
        }
        let deadline = soon()
        while LayerOutput.lines(of: label).count < 2 {
            try #require(clinux_monotonic() < deadline)
            await Task.yield()
        }
        #expect(
            LayerOutput.lines(of: label).last
                == "seed 7, 2 sockets: error:up:errno=EIO:count=1 1, error:up:errno=EPERM:count=1 1, "
                + "stall:up:after=1 1, short:down 2"
        )
    }

    // MARK: - Datagrams

    @Test("Datagrams are lost by chance, and a stream with such a rule is refused with the reason")
    func loss() throws {
        let chain = try chain("loss:up:chance=50%/call")
        let ends = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        let target = try ends[1].waiting.localAddress()
        for number in 0..<40 { try ends[0].waiting.send([UInt8(number)], to: target) }
        var arrived: [UInt8] = []
        while let datagram = try? ends[1].waiting.receiveDatagram(deadline: Deadline.after(milliseconds: 200)) {
            arrived += datagram.bytes
        }
        #expect((5...35).contains(arrived.count) && arrived == arrived.sorted())
        for end in ends { try end.waiting.close() }
        #expect(errno { _ = try chain.connect(to: target, deadline: soon()) } == EOPNOTSUPP)
    }

    @Test("Datagrams go twice, or behind those that follow them")
    func copies() throws {
        let chain = try chain("duplicate:up:count=1", "reorder:up:for=5ms:count=1")
        let ends = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        let target = try ends[1].waiting.localAddress()
        for word in ["twice", "late", "then"] { try ends[0].waiting.send(Array(word.utf8), to: target) }
        let arrived = try (0..<4).map { _ in
            String(decoding: try ends[1].waiting.receiveDatagram(deadline: soon()).bytes, as: UTF8.self)
        }
        #expect(arrived == ["twice", "twice", "then", "late"])
        for end in ends { try end.waiting.close() }
    }

    // MARK: - Mistakes

    @Test(
        "What is wrong with a rule is said with its place",
        arguments: [
            ("brake", "\"brake\", at 1: \"brake\" is no fault; there are refuse, timeout,"),
            ("reset:chance=10%", "at 14: \"10%\" doesn't say of what; write 10%/socket or 10%/call"),
            ("reset:chance=101%/call", "at 14: \"101%/call\" is no chance"),
            ("reset:chance=10%/day", "at 14: \"10%/day\" doesn't say of what"),
            ("stall:sideways", "at 7: \"sideways\" is neither up, down, connect nor KEY=VALUE"),
            ("stall:for=soon", "at 11: \"soon\" is no time, such as 500ms"),
            ("stall:after=1x", "at 13: \"1x\" is neither a size, such as 64k, nor a time, such as 5s"),
            ("short:size=0", "at 12: \"0\" is no size"), ("stall:count=-1", "at 13: \"-1\" is no number"),
            ("stall:colour=red", "at 7: \"colour=red\" has no key of a rule"),
            ("error:up", "at 1: \"error\" doesn't say which; write errno=NAME"),
            ("error:errno=EIO", "at 1: \"error\" doesn't say where"), ("error:up:errno=EWHAT", "at 16: \"EWHAT\""),
            ("refuse:down", "at 1: \"refuse\" is nothing that happens to down"),
            ("loss:connect", "is nothing that happens to connect"),
            ("reset:down:size=4", "at 12: \"size=4\" is a size of pieces, and reset makes none"),
            ("close:for=3s", "at 7: \"for=3s\" is a time, and close takes none"),
            ("stall:for=1s:for=2s", "at 14: \"for=2s\" is the second for="),
            ("refuse:after=64k", "at 8: \"after=64k\" is of bytes, and a connect comes before them"),
            ("reset:errno=EIO", "has an errno of its own"), ("slow-close", "doesn't say how slow"), (":", "at 1: \"\""),
        ]
    )
    func mistakes(rule: String, said: String) throws {
        let error = #expect(throws: LaminaError.self) { try chain(rule) }
        #expect(error?.description.contains(said) == true, "\(error?.description ?? "-")")
    }

    @Test("Whatever stands in a rule, it is read or refused")
    func anything() throws {
        var bits: UInt64 = 88
        let words = [
            "reset", "stall", ":", "=", "chance", "%", "/call", "after", "9999999999999999999", "for", "up", "1", ".",
            "k",
            "errno", "EIO", "size", "count", "é", "-", " ",
        ]
        for _ in 0..<300 {
            var text = ""
            for _ in 0..<8 {
                bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += words[Int(bits >> 33) % words.count]
            }
            do { _ = try chain("\"\(text)\"") } catch let error as LaminaError {
                #expect(!error.description.isEmpty && !error.description.contains("\n"))
            }
        }
    }

    @Test("Throttle over fault over trace carry a stream byte for byte, in any order", arguments: BaseProvider.allCases)
    func stacked(base: BaseProvider) throws {
        let content = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        let layers = [
            ("throttle:rate=8mb/s,latency=1ms", Plugin.product("Throttle")),
            ("fault:do=short:size=1000,do=stall:for=2ms:chance=20%/call,seed=3", Plugin.product("Fault")),
            ("trace:file=/dev/null", Plugin.product("Trace")),
        ]
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let parts = order.map { layers[$0] } + [(base.description, "\(PackageTree.products)/\(base.rawValue)")]
            let pair = try Pair(
                Chain(parts.map { (try LayerSpecification(parsing: $0.0), try Library.load($0.1).provider()) })
            )
            let helper = Helper { try pair.client.waiting.send(content) }
            #expect(try pair.server.waiting.receive(upTo: content.count, all: true, deadline: soon()) == content)
            try helper.join()
            try pair.close()
        }
    }
}
