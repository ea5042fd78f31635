import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The shipped layers in each other's company")
struct StackTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Layers that leave bytes as they are, with settings that have them do something.
    private func layers() -> [String: String] {
        [
            "Firewall": "firewall:rules=[deny 192.0.2.0/24,allow]", "Meter": "meter:file=\(directory.path)/numbers",
            "Trace": "trace:pcap=\(directory.path)/packets", "Count": "count:each=no",
            "Throttle": "throttle:latency=1ms", "Fault": "fault:do=short:size=700",
        ]
    }

    private func transfer(_ order: [String], over base: BaseProvider) throws {
        let settings = layers()
        let parts = order.map { (settings[$0] ?? $0.lowercased(), Plugin.product($0)) }
        let chain = try Chain(
            (parts + [("\(base)", "\(PackageTree.products)/\(base.rawValue)")]).map {
                (try LayerSpecification(parsing: $0.0), try Library.load($0.1).provider())
            }
        )
        let pair = try Pair(chain)
        let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) }
        for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
            try from.waiting.send(bytes, deadline: soon())
            var got: [UInt8] = []
            while got.count < bytes.count { got += try to.waiting.receive(upTo: 9_000, deadline: soon()) }
            #expect(got == bytes, "\(order)")
        }
        try pair.client.waiting.disconnect()
        #expect(try pair.server.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
        try pair.close()
    }

    @Test(
        "Each of them over and under each other one passes every byte on, both ways, and the end",
        arguments: BaseProvider.allCases
    )
    func pairs(base: BaseProvider) throws {
        let names = layers().keys.sorted()
        for above in names {
            for below in names where below != above { try transfer([above, below], over: base) }
        }
    }

    @Test("So do all of them together, in their order, backwards and rotated", arguments: BaseProvider.allCases)
    func all(base: BaseProvider) throws {
        let names = layers().keys.sorted()
        try transfer(names.reversed(), over: base)
        for start in names.indices { try transfer(Array(names[start...] + names[..<start]), over: base) }
    }
}
