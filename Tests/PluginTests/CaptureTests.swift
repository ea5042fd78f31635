import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What the layer `trace` writes as packets.
@Suite("Packets of the layer trace")
struct CaptureTests {
    private let directory: TemporaryDirectory
    private let label = LayerOutput.label("wire")

    init() throws {
        directory = try TemporaryDirectory()
        LayerOutput.capture()
    }

    private var file: String { "\(directory.path)/packets" }

    private func chain(over base: BaseProvider, file: String? = nil) throws -> Chain {
        try PluginTests.chain(
            ("trace=\(label):pcap=\(file ?? self.file)", Plugin.product("Trace")),
            ("\(base)", "\(PackageTree.products)/\(base.rawValue)")
        )
    }

    /// What tshark says, nil where there is none.
    private func tshark(_ arguments: String...) throws -> [String]? {
        guard try Child.run(["sh", "-c", "command -v tshark"]).code == 0 else {
            print("tshark isn't installed: Debian's tshark has it")
            return nil
        }
        let checks = ["ip", "tcp", "udp"].flatMap { ["-o", "\($0).check_checksum:TRUE"] }
        let ending = try Child.run(["tshark", "-r", file] + checks + arguments)
        let complaints = ending.errors.split(separator: "\n").filter { !$0.contains("Running as user") }
        #expect(ending.code == 0 && complaints.isEmpty, "\(ending.errors)")
        return ending.lines
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// A connection of which this chain has one end; the other has none of its layers.
    private func pair(_ chain: Chain, _ base: BaseProvider, host: String, isInbound: Bool) throws -> [Socket] {
        let listener = try (isInbound ? chain : base.chain()).listen(on: Address(host: host, port: 0))
        let place = try listener.waiting.localAddress()
        let client = try (isInbound ? base.chain() : chain).connect(to: place, origin: origin, deadline: soon())
        return [client, try listener.waiting.accept(deadline: soon()), listener]
    }

    private var origin: OriginStorage {
        OriginStorage(process: 7, startTime: 0, user: 0, group: 0, executable: "/usr/bin/curl", name: "a.test")
    }

    @Test(
        "A connection is packets that tshark finds nothing wrong with, and whose streams are its bytes",
        arguments: [
            (BaseProvider.kernel, "127.0.0.1", false), (.memory, "127.0.0.1", false), (.kernel, "::1", false),
            (.kernel, "127.0.0.1", true), (.memory, "::1", true),
        ]
    )
    func connection(base: BaseProvider, host: String, isInbound: Bool) throws {
        let up = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        do {
            let sockets = try pair(try chain(over: base), base, host: host, isInbound: isInbound)
            let (client, server) = (sockets[0], sockets[1])
            for start in stride(from: 0, to: up.count, by: 50_000) {
                let part = Array(up[start..<min(start + 50_000, up.count)])
                try client.waiting.send(part)
                var got: [UInt8] = []
                while got.count < part.count { got += try server.waiting.receive(upTo: 70_000, deadline: soon()) }
                #expect(got == part)
            }
            try server.waiting.send(Array("answer".utf8))
            #expect(try client.waiting.receive(upTo: 10, deadline: soon()).count == 6)
            try client.waiting.disconnect()
            #expect(try server.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
            try server.waiting.disconnect()
            #expect(try client.waiting.receive(upTo: 1, deadline: soon()).isEmpty)
            for socket in sockets { try socket.waiting.close() }
        }
        guard let experts = try tshark("-q", "-z", "expert") else { return }
        #expect(!experts.contains { $0.hasPrefix("Errors") || $0.hasPrefix("Warns") }, "\(experts)")
        let flags = try #require(try tshark("-T", "fields", "-e", "tcp.flags", "-e", "tcp.checksum.status"))
        #expect(flags.allSatisfy { $0.hasSuffix("\t1") }, "a checksum is wrong")
        #expect(flags.prefix(3).map { $0.prefix(6) } == ["0x0002", "0x0012", "0x0010"])
        #expect(flags.filter { $0.hasPrefix("0x0011") }.count == 2)
        let stream = try #require(try tshark("-q", "-z", "follow,tcp,raw,0"))
        let lines = stream.filter { !$0.isEmpty && $0.allSatisfy { $0.isHexDigit || $0 == "\t" } }
        let first = lines.filter { !$0.hasPrefix("\t") }.joined()
        let second = lines.filter { $0.hasPrefix("\t") }.map { String($0.dropFirst()) }.joined()
        #expect(first == hexadecimal(up) && second == hexadecimal(Array("answer".utf8)))
    }

    @Test("Every packet says which program, process, socket and layer it is of, and for which name")
    func comments() throws {
        for socket in try pair(try chain(over: .memory), .memory, host: "127.0.0.1", isInbound: false) {
            try socket.waiting.close()
        }
        guard let comments = try tshark("-T", "fields", "-e", "frame.comment") else { return }
        #expect(comments.count >= 3)
        #expect(comments.allSatisfy { $0.hasPrefix("curl[7] #") && $0.hasSuffix(" \(label) a.test") }, "\(comments)")
    }

    @Test("A refused connect is a SYN and a reset, and a reset connection ends with one")
    func resets() throws {
        let refusing = try SilentPort(refuses: true)
        do {
            let chain = try chain(over: .kernel)
            _ = try? chain.connect(to: Address(host: "127.0.0.1", port: UInt16(refusing.port)))
            let sockets = try pair(chain, .kernel, host: "127.0.0.1", isInbound: false)
            try sockets[1].waiting.disconnect(.abortive)
            let lost = #expect(throws: LaminaError.self) { try sockets[0].waiting.receive(upTo: 1, deadline: soon()) }
            #expect(lost?.errno == ECONNRESET)
            for socket in sockets { socket.close() }
        }
        refusing.stop()
        guard let flags = try tshark("-T", "fields", "-e", "tcp.flags", "-e", "tcp.stream") else { return }
        #expect(flags == ["0x0002\t0", "0x0014\t0", "0x0002\t1", "0x0012\t1", "0x0010\t1", "0x0014\t1"])
    }

    @Test("A pipe that nobody reads any more is named in the log, and is no signal", arguments: ["file", "pcap"])
    func brokenPipe(setting: String) throws {
        var (signals, before, waiting) = (sigset_t(), sigset_t(), sigset_t())
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        #expect(mkfifo(file, 0o600) == 0)
        let reader = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        do {
            let chain = try PluginTests.chain(
                ("trace=\(label):\(setting)=\(file)", Plugin.product("Trace")),
                ("memory", "\(PackageTree.products)/\(BaseProvider.memory.rawValue)")
            )
            close(reader)
            for socket in try pair(chain, .memory, host: "127.0.0.1", isInbound: false) { try socket.waiting.close() }
        }
        sigpending(&waiting)
        #expect(sigismember(&waiting, SIGPIPE) == 0)
        var none = timespec()
        sigtimedwait(&signals, nil, &none)
        let lines = LayerOutput.lines(of: label)
        #expect(
            lines.count == 1 && lines[0].hasSuffix("can't be written to \(file) and are lost: Broken pipe"),
            "\(lines)"
        )
    }

    @Test("Datagrams are UDP packets, in both directions", arguments: BaseProvider.allCases)
    func datagrams(base: BaseProvider) throws {
        do {
            let (one, two) = (try chain(over: base).open(.datagram()), try base.chain().open(.datagram()))
            for socket in [one, two] { try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0)) }
            try one.waiting.send([1, 2, 3], to: try two.waiting.localAddress())
            try two.waiting.send([4, 5], to: try one.waiting.localAddress())
            #expect(try one.waiting.receiveDatagram(deadline: soon()).bytes == [4, 5])
            for socket in [one, two] { try socket.waiting.close() }
        }
        guard let packets = try tshark("-T", "fields", "-e", "udp.payload", "-e", "udp.checksum.status") else { return }
        #expect(packets == ["010203\t1", "0405\t1"])
        let lines = try #require(try tshark("-T", "fields", "-e", "udp.srcport", "-e", "udp.dstport"))
        let ports = lines.map { line in line.split(separator: "\t").map { String($0) } }
        #expect(ports.count == 2 && ports[0] == Array(ports[1].reversed()))
    }

    @Test("A file that can't be opened, and a disk that is full from the start, refuse the chain")
    func failures() throws {
        let failure = #expect(throws: LaminaError.self) { try chain(over: .memory, file: "/nowhere/packets") }
        #expect(failure?.description.contains("pcap: /nowhere/packets can't be written: No such file") == true)
        let full = #expect(throws: LaminaError.self) { try chain(over: .memory, file: "/dev/full") }
        #expect(full?.description.contains("pcap: /dev/full can't be written: No space left on device") == true)
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Trace")
    }
}
