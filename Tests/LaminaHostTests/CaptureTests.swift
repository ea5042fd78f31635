import Glibc
import TestSupport
import Testing

@Suite("Packets of unmodified programs")
struct CaptureTests {
    private let directory: TemporaryDirectory
    private var file: String { "\(directory.path)/packets" }
    private var layer: String { "\(HostFixtures.trace)=wire:pcap=\(file)" }

    init() throws { directory = try TemporaryDirectory() }

    @Test("What curl says and hears is in the file, over and under other layers, for each of its connections")
    func curl() throws {
        let server = try WebServer()
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        let program = ["curl", "-sS", "--max-time", "30", "-w", "\n%{http_code}\n", url, url]
        let ending = try HostFixtures.run(
            ["\(HostFixtures.passing)=above", layer, "\(HostFixtures.passing)=below"],
            program
        )
        #expect(ending.code == 0 && ending.lines == ["hello", "200", "hello", "200"], "\(ending)")
        guard try Child.run(["sh", "-c", "command -v tshark"]).code == 0 else {
            print("tshark isn't installed: Debian's tshark has it")
            return
        }
        let port = "tcp.port==\(server.port),http"
        let fields = ["-T", "fields", "-e", "http.request.method", "-e", "http.response.code", "-e", "frame.comment"]
        let read = try Child.run(["tshark", "-r", file, "-d", port, "-Y", "http"] + fields)
        let facts = read.lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        #expect(facts.map { $0.prefix(2) } == [["GET", ""], ["", "200"], ["GET", ""], ["", "200"]], "\(read)")
        #expect(facts.allSatisfy { $0.count == 3 && $0[2].hasPrefix("curl[") && $0[2].contains(" wire") })
        let experts = try Child.run(["tshark", "-r", file, "-q", "-z", "expert"]).lines
        #expect(!experts.contains { $0.hasPrefix("Errors") || $0.hasPrefix("Warns") }, "\(experts)")
    }

    @Test("A file that can't grow is named once, and the program goes on")
    func full() throws {
        let server = try WebServer()
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = "curl -sS --max-time 30 -o /dev/null -w '%{http_code}\n' \(url) \(url) \(url)"
        let run = "trap '' XFSZ; ulimit -f 1; exec \(HostFixtures.driver) \(layer) -- \(client)"
        let ending = try Child.run(["sh", "-c", run])
        #expect(ending.code == 0 && ending.output.contains("200"), "\(ending)")
        let lines = ending.errors.split(separator: "\n").filter {
            $0.contains("packets can't be written to \(file) and are lost")
        }
        #expect(lines.count == 1 && lines.first?.contains("wire") == true, "\(ending.errors)")
        // What stands in the file are whole blocks, each with its length behind its type.
        let bytes = try readAll(file)
        var end = 0
        while end + 8 <= bytes.count {
            end += max(12, Int(bytes[end + 4..<end + 8].reversed().reduce(0) { $0 << 8 | UInt32($1) }))
        }
        #expect(end == bytes.count)
    }
}
