import CLamina
import CLinux
import Glibc
import Lamina
import Testing

@Suite("The layer count")
struct CountTests {
    let echo: String
    let label = LayerOutput.label("count")

    init() throws {
        LayerOutput.capture()
        echo = try Plugin.build("echo")
    }

    /// Runs `body` with a chain of count over a base that sends everything back, and gives what count printed when the
    /// chain was gone.
    private func counted(_ settings: String, _ body: (Chain) async throws -> Void) async throws -> [String] {
        do {
            try await body(
                try chain(("count=\(label)\(settings)", Plugin.product("Count")), ("echo", echo))
            )
        }
        let deadline = soon()
        while LayerOutput.lines(of: label).last?.contains("  total ") != true {
            try #require(clinux_monotonic() < deadline, "the table never came")
            await Task.yield()
        }
        return LayerOutput.lines(of: label)
    }

    /// The numbers of a row of the table: calls, failures, bytes out and in.
    private func row(_ name: String, of lines: [String]) -> [String] {
        let line = lines.first { $0.hasPrefix("  \(name) ") }
        return line.map { $0.dropFirst(name.utf8.count + 2).split(separator: " ").map(String.init) } ?? []
    }

    @Test("Totals are exact with several threads on several sockets")
    func totals() async throws {
        let lines = try await counted(":each=no") { chain in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 1))
                    group.addTask {
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for _ in 0..<2 {
                                group.addTask {
                                    for _ in 0..<500 { try socket.waiting.send([1, 2, 3, 4, 5, 6, 7]) }
                                }
                            }
                            try await group.waitForAll()
                        }
                        for _ in 0..<700 { #expect(try socket.waiting.receive(upTo: 10).count == 10) }
                        try socket.waiting.disconnect()
                        #expect(throws: LaminaError.self) { try socket.waiting.send([1]) }
                        try socket.waiting.close()
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(lines.first == "3 sockets, 5115 calls and events, 3 failed")
        #expect(row("open", of: lines) == ["3", "0", "-", "-"])
        #expect(row("connect", of: lines) == ["3", "0", "-", "-"])
        #expect(row("send", of: lines) == ["3003", "3", "21000", "-"])
        #expect(row("receive", of: lines) == ["2100", "0", "-", "21000"])
        #expect(row("disconnect", of: lines) == ["3", "0", "0", "-"])
        #expect(row("close", of: lines) == ["3", "0", "-", "-"])
        #expect(row("total", of: lines) == ["5115", "3", "21000", "21000"])
        #expect(Set(lines.dropFirst().map(\.utf8.count)).count == 1, "the table isn't aligned")
    }

    @Test("A socket that closes has a line of its own")
    func each() async throws {
        let lines = try await counted("") { chain in
            let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 1))
            try socket.waiting.send(Array("hello".utf8))
            #expect(try socket.waiting.receive(upTo: 3) == Array("hel".utf8))
            #expect(try socket.waiting.receive(upTo: 3) == Array("lo".utf8))
            try socket.waiting.close()
        }
        let line = try #require(lines.first)
        #expect(line.contains("[\(getpid())] #"))
        #expect(line.hasSuffix(": out 5 bytes (send 1), in 5 bytes (receive 2), 3 other calls"))
    }

    @Test("What pends is counted when it ends, and a failed open leaves no socket")
    func pendingAndFailed() async throws {
        let gate = try Plugin.build("gate")
        let lines = try await counted(":each=no") { chain in
            let socket = try chain.connect(to: Address(host: "127.0.0.1", port: 1))
            let calls = PendingCalls()
            #expect(calls.receive(socket, 4) == LAMINA_PENDING)
            try socket.waiting.send([1, 2, 3])
            #expect(calls.wait(for: 1).map(\.bytes) == [3])
            try socket.waiting.close()
        }
        #expect(row("receive", of: lines) == ["1", "0", "-", "3"])
        let refused = LayerOutput.label("count")
        do {
            let closed = try chain(
                ("count=\(refused)", Plugin.product("Count")),
                ("gate:open=refuse", gate),
                ("echo", echo)
            )
            #expect(throws: LaminaError.self) { try closed.open(.connection()) }
        }
        let deadline = soon()
        while LayerOutput.lines(of: refused).isEmpty {
            try #require(clinux_monotonic() < deadline)
            await Task.yield()
        }
        #expect(LayerOutput.lines(of: refused).first == "0 sockets, 1 call or event, 1 failed")
    }

    @Test("A chain that can't be made ends the levels that were made already")
    func unmade() async throws {
        #expect(throws: LaminaError.self) {
            try chain(
                ("count=\(label)", Plugin.product("Count")),
                ("trace:bytes=1MB", Plugin.product("Trace")),
                ("echo", echo)
            )
        }
        let deadline = soon()
        while LayerOutput.lines(of: label).isEmpty {
            try #require(clinux_monotonic() < deadline)
            await Task.yield()
        }
        #expect(LayerOutput.lines(of: label).first?.hasPrefix("0 sockets") == true)
    }

    @Test("Every data entry of a datagram socket is counted")
    func datagrams() async throws {
        do {
            let chain = try chain(
                ("count=\(label):each=no", Plugin.product("Count")),
                ("kernel", Plugin.product("Kernel"))
            )
            let ends = try (0..<2).map { _ in
                let socket = try chain.open(.datagram())
                try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
                return socket
            }
            let target = try ends[1].waiting.localAddress()
            try ends[0].waiting.send([1, 2, 3], to: target)
            #expect(try ends[1].waiting.receiveDatagram(deadline: soon()).bytes == [1, 2, 3])
            try withBuffers(["four", "fiver"]) { buffers, _ in
                var address = target.c
                try withUnsafeMutablePointer(to: &address) { address in
                    var messages = [lamina_message(), lamina_message()]
                    for index in 0..<2 {
                        messages[index].buffers = UnsafePointer(buffers + index)
                        messages[index].buffer_count = 1
                        messages[index].address = address
                    }
                    let sent = try ends[0].perform { lamina_socket_send_messages($0, &messages, 2, 0, $1) }
                    #expect(sent.status == 0 && sent.bytes == 9)
                    var received = 0
                    while received < 2 {
                        for index in 0..<2 { messages[index].address = nil }
                        let came = try ends[1].perform { lamina_socket_receive_messages($0, &messages, 2, 0, $1) }
                        #expect(came.status == 0)
                        received += Int(came.bytes)
                        guard came.bytes > 0 else { break }
                    }
                }
            }
            for end in ends { try end.waiting.close() }
        }
        let deadline = soon()
        while LayerOutput.lines(of: label).last?.contains("  total ") != true {
            try #require(clinux_monotonic() < deadline, "the table never came")
            await Task.yield()
        }
        let lines = LayerOutput.lines(of: label)
        #expect(row("send_to", of: lines) == ["1", "0", "3", "-"])
        #expect(row("receive_from", of: lines) == ["1", "0", "-", "3"])
        #expect(row("send_messages", of: lines) == ["1", "0", "9", "-"])
        #expect(row("receive_messages", of: lines).last == "9")
        #expect(Array(row("total", of: lines).suffix(2)) == ["12", "12"])
    }

    @Test("The manifest says what the plug-in says")
    func manifest() throws {
        try expectManifest(of: "Count")
    }
}
