import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What the layer `throttle` holds back. Only that nothing is too fast is asserted: how near it comes to a rate is
/// measured by `Tests/Clients/throttle.py`.
@Suite("The layer throttle")
struct ThrottleTests {
    private func chain(_ settings: String, over base: BaseProvider = .kernel) throws -> Chain {
        try PluginTests.chain(
            ("throttle:\(settings)", Plugin.product("Throttle")),
            (base.description, "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    private let content = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 % 251) }

    /// How long `body` takes, in milliseconds.
    private func milliseconds(_ body: () throws -> Void) rethrows -> Int64 {
        let begin = clinux_monotonic()
        try body()
        return (clinux_monotonic() - begin) / 1_000_000
    }

    /// Sends all of the content, and receives it.
    private func carry(from sender: Socket, to receiver: Socket) throws {
        let content = content
        let helper = Helper { try sender.waiting.send(content) }
        #expect(try receiver.waiting.receive(upTo: content.count, all: true, deadline: soon()) == content)
        try helper.join()
    }

    @Test("Nothing goes faster than the rate, and all arrives byte for byte", arguments: BaseProvider.allCases)
    func rates(base: BaseProvider) throws {
        // 60,000 bytes at 300,000 a second, of which the burst and a turn may go at once.
        for settings in ["rate=300kb/s", "up=300kb/s", "down=300kb/s", "rate=1mb/s,up=2400kbit"] {
            let pair = try Pair(try chain(settings, over: base))
            let time = try milliseconds { try carry(from: pair.client, to: pair.server) }
            #expect(time >= 160, "\(settings): \(time) ms")
            try pair.close()
        }
    }

    @Test("A burst goes at once after a pause")
    func burst() throws {
        let pair = try Pair(try chain("up=100kb/s,burst=50000"))
        #expect(try milliseconds { try carry(from: pair.client, to: pair.server) } >= 80)
        let calls = PendingCalls()
        _ = calls.send(pair.client, content)
        _ = calls.receive(pair.server, 50_000, LAMINA_RECEIVE_WAIT_ALL)
        #expect(calls.wait(for: 2).map(\.number).count == 2)
        try pair.close()
    }

    @Test("Sockets share a rate in total")
    func total() throws {
        let chain = try chain("down=600kb/s,scope=total")
        let pairs = try (0..<2).map { _ in try Pair(chain) }
        let content = content
        let time = try milliseconds {
            let helpers = pairs.map { pair in
                Helper {
                    let all = try pair.server.waiting.receive(upTo: content.count, all: true, deadline: soon())
                    #expect(all == content)
                }
            }
            for pair in pairs { try pair.client.waiting.send(content) }
            for helper in helpers { try helper.join() }
        }
        #expect(time >= 150, "\(time) ms")
        for pair in pairs { try pair.close() }
    }

    @Test("An answer is later by the latency of both ways, a connect as well, and what follows isn't")
    func latency() throws {
        let chain = try chain("latency=20ms,latency-up=10ms")
        var pair: Pair?
        #expect(try milliseconds { pair = try Pair(chain) } >= 50)
        let made = try #require(pair)
        let time = try milliseconds {
            let calls = PendingCalls()
            _ = calls.receive(made.server, 1)
            try made.client.waiting.send([1])
            #expect(calls.wait(for: 1).map(\.bytes) == [1])
        }
        #expect(time >= 49, "\(time) ms")
        try made.close()
    }

    @Test("A rate that is changed holds for what waits")
    func live() throws {
        let chain = try chain("up=80kbit")
        let pair = try Pair(chain)
        let calls = PendingCalls()
        _ = calls.send(pair.client, content)
        try chain.instances[0].configure("up", to: "80mbit")
        #expect(try pair.server.waiting.receive(upTo: content.count, all: true, deadline: soon()) == content)
        #expect(calls.wait(for: 1).map(\.bytes) == [content.count])
        try chain.instances[0].configure("up", to: "0bit")
        try carry(from: pair.client, to: pair.server)
        try pair.close()
    }

    @Test("Datagrams keep to the rate, whole")
    func datagrams() throws {
        let chain = try chain("up=100kb/s")
        let ends = try (0..<2).map { _ in
            let socket = try chain.open(.datagram())
            try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            return socket
        }
        let target = try ends[1].waiting.localAddress()
        let time = try milliseconds {
            for _ in 0..<11 { try ends[0].waiting.send([UInt8](repeating: 7, count: 1000), to: target) }
        }
        #expect(time >= 70, "\(time) ms")
        for _ in 0..<11 { #expect(try ends[1].waiting.receiveDatagram(deadline: soon()).bytes.count == 1000) }
        for end in ends { try end.waiting.close() }
    }

    @Test("A rate without a unit, and a latency that is too long, are refused")
    func settings() throws {
        let rate = #expect(throws: LaminaError.self) { try chain("rate=5") }
        #expect(rate?.description.contains("give a rate with its unit, such as 1mbit or 100kb/s") == true)
        let latency = #expect(throws: LaminaError.self) { try chain("latency=2h") }
        #expect(latency?.description.contains("latency is 2h, more than 1h") == true)
    }

    @Test("Layers that delay stand above each other and beside others, byte for byte", arguments: BaseProvider.allCases)
    func stacked(base: BaseProvider) throws {
        let layers = [
            ("throttle=upper:rate=4mb/s", Plugin.product("Throttle")),
            ("delay:by=1ms,piece=4k", try SwiftPlugin.build("Examples/Layers/Delay")),
            ("trace:file=/dev/null", Plugin.product("Trace")),
            ("keystream:key=12345678", try SwiftPlugin.build("Examples/Layers/Keystream")),
            ("throttle=lower:rate=8mb/s,latency=1ms", Plugin.product("Throttle")),
        ]
        let parts = layers + [(base.description, "\(PackageTree.products)/\(base.rawValue)")]
        let chain = try Chain(parts.map { (try LayerSpecification(parsing: $0.0), try Library.load($0.1).provider()) })
        let pair = try Pair(chain)
        try carry(from: pair.client, to: pair.server)
        try carry(from: pair.server, to: pair.client)
        try pair.client.waiting.disconnect()
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()) == [])
        try pair.close()
    }
}
