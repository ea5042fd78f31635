import Glibc
import TestSupport
import Testing

@Suite("Unmodified programs over the layer meter")
struct MeterTests {
    private let directory: TemporaryDirectory
    private var file: String { "\(directory.path)/numbers.prom" }
    private var path: String { "\(directory.path)/meter" }
    private static let meter = "\(PackageTree.products)/libLaminaMeter.so"
    private static let count = "\(PackageTree.products)/libLaminaCount.so:each=no"

    init() throws { directory = try TemporaryDirectory() }

    private func value(_ name: String, of text: String) -> Double? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
        return line.flatMap { Double($0.dropFirst(name.utf8.count + 1)) }
    }

    @Test("What a program and its children did is counted in one place, over and under other layers")
    func children() throws {
        let server = try WebServer()
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        let program = ["sh", "-c", "for i in 1 2 3; do curl -sS --max-time 30 -o /dev/null \(url) & done; wait"]
        let layers = [Self.count, "\(Self.meter)=m:file=\(file)", HostFixtures.passing]
        let ending = try HostFixtures.run(layers, program)
        #expect(ending.code == 0, "\(ending)")
        let text = String(decoding: try readAll(file), as: UTF8.self)
        let labels = "layer=\"m\",program=\"curl\",peer=\"127.0.0.1:\(server.port)\""
        #expect(value("lamina_sockets_total{\(labels),direction=\"out\"}", of: text) == 3, "\(text)")
        #expect(value("lamina_sockets_open{\(labels)}", of: text) == 0)
        #expect(value("lamina_call_duration_seconds_count{\(labels),call=\"connect\"}", of: text) == 3)
        let received = try #require(value("lamina_data_bytes_total{\(labels),direction=\"received\"}", of: text))
        #expect(received == 3 * 62)
        let sent = try #require(value("lamina_data_bytes_total{\(labels),direction=\"sent\"}", of: text))
        #expect(ending.errors.contains("\(Int(sent))") && sent > 100, "\(ending.errors)")
        guard try Child.run(["sh", "-c", "command -v promtool"]).code == 0 else {
            print("promtool isn't installed: Debian's prometheus has it")
            return
        }
        let checked = try Child.run(["sh", "-c", "promtool check metrics <\(file)"])
        #expect(checked.code == 0 && checked.errors.isEmpty, "\(checked)")
    }

    @Test("The numbers are served while a program runs, to the program itself as well")
    func served() throws {
        let server = try WebServer()
        defer { server.stop() }
        let ask = "curl -sS --max-time 30 --unix-socket \(path) http://localhost/metrics"
        let program = ["sh", "-c", "curl -sS --max-time 30 -o /dev/null http://127.0.0.1:\(server.port)/ && \(ask)"]
        let ending = try HostFixtures.run(["\(Self.meter)=m:listen=unix:\(path)"], program)
        #expect(ending.code == 0, "\(ending)")
        #expect(ending.errors.contains("serves unix:\(path)"))
        let labels = "layer=\"m\",program=\"curl\",peer=\"127.0.0.1:\(server.port)\""
        #expect(value("lamina_sockets_total{\(labels),direction=\"out\"}", of: ending.output) == 1, "\(ending.output)")
        #expect(access(path, F_OK) != 0)
    }

    @Test("A place that is taken ends the run before the program starts")
    func taken() throws {
        let server = try WebServer()
        defer { server.stop() }
        let layer = "\(Self.meter):listen=127.0.0.1:\(server.port)"
        let ending = try HostFixtures.run([layer], ["sh", "-c", "echo started"])
        #expect(ending.code != 0 && ending.lines.isEmpty)
        #expect(ending.errors.contains("127.0.0.1:\(server.port): can't be listened at (Address already in use)"))
    }
}
