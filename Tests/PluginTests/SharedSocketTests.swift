import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What two processes that share a socket, or one that was given one, find of it.
@Suite struct SharedSocketTests {
    private let source: HandoffProcess
    private let target: HandoffProcess

    init() throws {
        source = try HandoffProcess()
        target = try HandoffProcess()
    }

    private func end() {
        source.end()
        target.end()
    }

    private func expect(_ process: HandoffProcess, _ command: String, _ answer: String) throws {
        let said = try process.ask(command)
        #expect(said == answer, "\(command)")
    }

    @Test("Two processes accept on one listening socket at the same moment, and each connection is taken once")
    func accepting() throws {
        let listener = try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let servers = [source, target]
        for server in servers {
            let value = HandoffProcess.value(try listener.duplicate(for: server.process))
            try expect(server, "redeem \(value)", "ok kernel")
        }
        let address = try listener.waiting.localAddress()
        try listener.waiting.close()
        for server in servers { server.say("serve") }
        let chain = try BaseProvider.kernel.chain()
        var answers: [String: Int] = [:]
        func answer(_ client: Socket, to word: String) throws -> String {
            try client.waiting.send(Array(word.utf8))
            var bytes: [UInt8] = []
            while case let part = try client.waiting.receive(upTo: 20, deadline: soon()), !part.isEmpty {
                bytes += part
            }
            try client.waiting.close()
            return String(decoding: bytes.dropLast(), as: UTF8.self)
        }
        // Each server is held up by its first connection, whose word comes when all are there: so both take part.
        for _ in 0..<4 {
            let clients = try (0..<50).map { _ in try chain.connect(to: address) }
            for client in clients { answers[try answer(client, to: "x"), default: 0] += 1 }
        }
        #expect(answers.values.reduce(0, +) == 200 && answers.count == 2, "\(answers)")
        for _ in servers { _ = try answer(try chain.connect(to: address), to: "q") }
        for server in servers { #expect(try server.answer() == "\(answers["\(server.process)"] ?? 0)") }
        end()
    }

    @Test("A secret setting goes along, and the value doesn't hold it")
    func secret() throws {
        let keystream = try Plugin.build("keystream")
        try source.open("\(keystream)=cipher:key=hush-hush")
        try expect(source, "send first", "ok")
        try expect(source, "peer-receive 5", "got first")
        let value = try source.duplicate(for: target)
        let secret = "hush-hush".utf8.map { String($0, radix: 16) }.joined()
        #expect(!value.contains(secret))
        try expect(target, "redeem \(value)", "ok cipher/kernel")
        try expect(target, "send second", "ok")
        try expect(source, "peer-receive 6", "got second")
        end()
    }

    @Test("Conditions stay decided as they were, and those that wait for a destination are decided in the target")
    func conditions() throws {
        let count = Plugin.product("Count")
        let layers = [
            "\(count)=away:each=no,when=[direction=out]", "\(count)=home:each=no,when=[direction=in]",
            "\(count)=other:each=no,when=[port=1]",
        ]
        try source.open(layers[0], layers[1], layers[2])
        try expect(source, "levels", "away/kernel")
        try expect(target, "redeem \(try source.duplicate(for: target))", "ok away/home/other/kernel")
        try expect(target, "levels", "away/kernel")
        for (port, levels) in [("1", "away/other/kernel"), ("2", "away/kernel")] {
            try expect(source, (["datagram", Plugin.product("Kernel")] + layers).joined(separator: " "), "ok")
            try expect(source, "levels", "kernel")
            try expect(target, "redeem \(try source.duplicate(for: target))", "ok away/home/other/kernel")
            try expect(target, "levels", "kernel")
            try expect(target, "connect \(port)", "ok")
            try expect(target, "levels", levels)
        }
        end()
    }

    @Test("A source that dies before its last word leaves nothing in the target", arguments: [0, 1])
    func deadSource(layers: Int) throws {
        let killing = try CPlugin.build("Fixtures/layers/keystream", options: ["-DKILLS"])
        let specification =
            ["\(killing)=cipher"] + Array(repeating: "\(Plugin.product("Count"))=n:each=no", count: layers)
        // What stays for good is there after a first time.
        var before = ""
        for round in 0..<3 {
            let victim = try HandoffProcess()
            try victim.ask((["open", Plugin.product("Kernel")] + specification).joined(separator: " "))
            let said = try target.ask("redeem \(try victim.duplicate(for: target))")
            #expect(said.hasPrefix("error refused \(ECONNREFUSED) handoff: the source let go"), "\(said)")
            #expect(victim.end().signal == SIGKILL)
            let count = try target.ask("fds")
            if round > 0 { #expect(count == before) }
            before = count
        }
        end()
    }

    @Test("A target that dies after it has the socket takes a moved one with it, and leaves a shared one")
    func deadTarget() throws {
        for mode in ["share", "move"] {
            try source.open()
            let other = try HandoffProcess()
            let value = try source.duplicate(for: other, "30000 \(mode)")
            try expect(other, "raw 3 \(value)", "commit")
            other.kill()
            if mode == "share" {
                try expect(source, "send still", "ok")
                try expect(source, "peer-receive 5", "got still")
            } else {
                #expect(try source.ask("send x").hasPrefix("error system \(ESTALE) "))
                try expect(source, "peer-end", "ok")
            }
        }
        end()
    }

    @Test("A descriptor that was passed by SCM_RIGHTS is adopted: a connection, a listening and a datagram socket")
    func passed() throws {
        let name = "lamina-test-\(getpid())-\(UInt.random(in: 0...UInt.max))"
        let door = clinux_packet_listen(name, 4)
        try #require(door >= 0)
        defer { close(door) }
        let pair = try Pair(try BaseProvider.kernel.chain())
        let datagrams = try pair.client.chain.open(.datagram())
        try datagrams.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        /// Passes a socket's descriptor to the target, and closes this process's own.
        func pass(_ socket: Socket) throws {
            target.say("take \(name) \(Plugin.product("Kernel")) \(Plugin.product("Count"))=n:each=no")
            _ = clinux_wait_for(door, Int16(POLLIN), -1, -1, soon())
            let connection = clinux_accept(door, nil)
            defer { close(connection) }
            try #require(clinux_packet_send(connection, "x", 1, [try #require(try socket.baseDescriptor)], 1) == 0)
            #expect(try target.answer() == "ok")
            try socket.waiting.close()
        }
        try pass(pair.client)
        try expect(target, "levels", "n/kernel")
        try expect(target, "send passed", "ok")
        #expect(try pair.server.waiting.receive(upTo: 6, all: true, deadline: soon()) == Array("passed".utf8))
        try pass(datagrams)
        let far = try pair.server.chain.open(.datagram())
        try far.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        try expect(target, "connect \(try far.waiting.localAddress().port ?? 0)", "ok")
        try expect(target, "send-to datagram", "ok")
        #expect(try far.waiting.receiveDatagram(deadline: soon()).bytes == Array("datagram".utf8))
        let address = try pair.listener.waiting.localAddress()
        try pass(pair.listener)
        target.say("serve")
        let late = try far.chain.connect(to: address)
        try late.waiting.send(Array("q".utf8))
        #expect(try target.answer() == "0")
        for socket in [late, far, pair.server] { try socket.waiting.close() }
        end()
    }

    @Test("A child process has no part in the values, the freezing or the pump of its parent, and disturbs none")
    func fork() throws {
        try source.open("\(try Plugin.build("xor"))=x")
        try expect(source, "descriptor", "ok")
        try expect(source, "fork through child", "ok")
        try expect(source, "peer-receive 5", "got child")
        try expect(source, "fork fds", "\(Int(try source.ask("fork fds")) ?? 0)")
        try expect(source, "through parent", "ok")
        try expect(source, "peer-receive 6", "got parent")
        try source.open()
        let value = try source.duplicate(for: target)
        try expect(source, "fork withdraw", "too late")
        #expect(try source.ask("fork redeem \(value)").hasPrefix("error protocol info: is for process"))
        try expect(target, "redeem \(value)", "ok kernel")
        let moving = try source.duplicate(for: target, "30000 move")
        try expect(target, "raw 2 \(moving)", "state 1")
        // Frozen in the parent, and not in its child.
        try expect(source, "fork send forked", "ok")
        try expect(source, "peer-receive 6", "got forked")
        try expect(target, "no", "refused \(EPROTO)")
        try expect(source, "send thawed", "ok")
        try expect(source, "peer-receive 6", "got thawed")
        end()
    }
}
