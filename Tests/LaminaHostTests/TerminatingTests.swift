import TestSupport
import Testing

@Suite("An unmodified program over a terminating layer")
struct TerminatingTests {
    /// The example, with places to go to where the first refuses.
    private func failover(to ports: [Int]) throws -> String {
        let places = ports.map { "to=[127.0.0.1:\($0)]" }.joined(separator: ",")
        return "\(try SwiftPlugin.build("Examples/Layers/Failover")):\(places)"
    }

    private func curl(_ port: Int) -> [String] {
        ["curl", "-sS", "--max-time", "30", "-w", "\n%{http_code}\n", "http://127.0.0.1:\(port)/"]
    }

    @Test("curl connects to a port that refuses, and has the answer of the next that doesn't", arguments: 0...2)
    func curl(dead: Int) throws {
        let server = try WebServer()
        defer { server.stop() }
        let silent = try (0..<dead).map { _ in try SilentPort(refuses: true) }
        let ports: [Int] = silent.map(\.port) + [Int(server.port)]
        let ending = try HostFixtures.run([try failover(to: ports + [1])], curl(ports[0]))
        #expect(ending.code == 0 && ending.lines == ["hello", "200"], "\(ending)")
        for port in silent { port.stop() }
    }

    @Test("curl is told that nobody answers")
    func nobody() throws {
        let silent = try (0..<2).map { _ in try SilentPort(refuses: true) }
        let ending = try HostFixtures.run([try failover(to: [silent[1].port])], curl(silent[0].port))
        #expect(ending.code == 7 || ending.code == 56, "\(ending)")
        for port in silent { port.stop() }
    }
}
