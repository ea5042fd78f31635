import Glibc
import TestSupport
import Testing

@Suite("The pump")
struct PumpTests {
    @Test("100 MB arrive byte for byte", arguments: HostFixtures.Effect.allCases)
    func bulk(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let count = 100_000_000
        let expected = TestServer.bulk(count)
        let ending = try HostFixtures.run(
            effect,
            [HostFixtures.client, "bulk", "127.0.0.1", "\(server.port)", "\(count)"]
        )
        #expect(ending.lines == ["connect 0", "read \(count) \(String(expected.sum, radix: 16))"])
    }

    @Test("Urgent data is urgent on the other side, in its place, both ways", arguments: HostFixtures.Effect.allCases)
    func urgent(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(effect, [HostFixtures.edges, "urgent", "\(server.port)"])
        #expect(ending.lines == ["server ab[!]cd", "poll 1", "urgent 1 b", "rest ac"])
    }

    @Test(
        "A program that lingers delivers everything, and one that lingers for no time resets",
        arguments: HostFixtures.Effect.allCases
    )
    func lingers(effect: HostFixtures.Effect) throws {
        for (seconds, count, ending) in [(5, 3_000_000, 3_000_000), (0, 0, -Int(ECONNRESET))] {
            let server = try TestServer()
            defer { server.stop() }
            let closed = try HostFixtures.run(
                effect,
                [HostFixtures.edges, "linger", "\(server.port)", "\(seconds)", "\(count)"]
            )
            #expect(closed.lines == ["close 0"])
            while server.sinks.isEmpty { sched_yield() }
            #expect(server.sinks == [ending])
        }
    }

    /// The resident memory of the largest process among the children of a run, in KiB: its worker's.
    private func residentSize(ofWorkerOf child: Child) throws -> Int {
        let listed = try readAll("/proc/\(child.process)/task/\(child.process)/children")
        let sizes = String(decoding: listed, as: UTF8.self).split(separator: " ").compactMap { process -> Int? in
            guard let bytes = try? readAll("/proc/\(process)/status") else { return nil }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            guard let name = lines.first, name.hasSuffix("HostDriver") else { return nil }
            let resident = lines.first { $0.hasPrefix("VmRSS:") }
            return resident.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") }
        }
        return try #require(sizes.max())
    }

    @Test("Peers that take nothing cost a bounded amount of memory, and the program is held up")
    func stalled() throws {
        let server = try TestServer()
        defer { server.stop() }
        let count = 40
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            [HostFixtures.edges, "stalled", "\(server.port)", "\(count)"]
        )
        try child.await("full")
        // Two buffers a connection, and what the worker is by itself.
        let most = count * 2 * 128 + 60_000
        #expect(try residentSize(ofWorkerOf: child) < most)
        child.closeInput()
        let ending = child.end()
        #expect(ending.lines.last?.hasPrefix("taken ") == true)
    }

    @Test("Five thousand connections at once are carried by one worker")
    func many() throws {
        let server = try EchoServer()
        defer { server.stop() }
        let count = 5000
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            [HostFixtures.edges, "many", "\(server.port)", "\(count)"]
        )
        try child.await("made")
        // Connections that carry nothing have no memory of their own but their bookkeeping.
        #expect(try residentSize(ofWorkerOf: child) < 200_000)
        child.closeInput()
        #expect(child.end().lines == ["made", "good \(count)"])
    }

    @Test("What a program sent before it ended is delivered")
    func leave() throws {
        let server = try TestServer()
        defer { server.stop() }
        let count = 20_000_000
        let ending = try HostFixtures.run(
            .observe,
            [HostFixtures.client, "leave", "127.0.0.1", "\(server.port)", "\(count)"]
        )
        #expect(ending.code == 0)
        // The run has ended, so that everything is in the server's socket; its thread may still be reading.
        while server.sinks.isEmpty { sched_yield() }
        #expect(server.sinks == [count])
    }

    @Test("A reset by the peer is a reset for the program", arguments: HostFixtures.Effect.allCases)
    func reset(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let ending = try HostFixtures.run(
            effect,
            [HostFixtures.client, "reset", "127.0.0.1", "\(server.port)"]
        )
        #expect(ending.lines == ["connect 0", "read error \(ECONNRESET)"])
    }

    @Test(
        "What a server said before it reset the connection reaches the program",
        arguments: HostFixtures.Effect.allCases
    )
    func refused(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        for _ in 0..<10 {
            let ending = try HostFixtures.run(effect, [HostFixtures.edges, "refused", "\(server.port)"])
            #expect(ending.lines == ["read no room"])
        }
    }

    @Test(
        "What a program sent before it reset the connection reaches the server",
        arguments: HostFixtures.Effect.allCases
    )
    func abrupt(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let count = 200
        let ending = try HostFixtures.run(effect, [HostFixtures.edges, "abrupt", "\(server.port)", "\(count)"])
        #expect(ending.code == 0)
        // The run has ended; the server's threads may still be reading.
        let patience = ContinuousClock.now + .seconds(30)
        while server.sinks.count < count, ContinuousClock.now < patience { sched_yield() }
        #expect(server.sinks == Array(repeating: 1000, count: count))
    }

    @Test("A worker that is killed resets its sockets and nothing else, and another takes its place")
    func killed() throws {
        let server = try TestServer()
        defer { server.stop() }
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            [HostFixtures.client, "hold", "127.0.0.1", "\(server.port)"]
        )
        try child.await("held")
        kill(try child.worker(), SIGKILL)
        try child.awaitError("another has taken its place")
        child.write("go")
        let ending = child.end()
        #expect(ending.lines == ["connect 0", "held", "read error \(ECONNRESET)", "connect 0"])
        #expect(ending.errors.split(separator: "\n").count == 1, "\(ending.errors)")
        #expect(ending.errors.contains("SIGKILL"))
        #expect(ending.code == 0)
    }

    @Test("A worker that is killed in mid-stream resets that stream, and touches no other socket and no other run")
    func killedInStream() throws {
        let server = try TestServer()
        defer { server.stop() }
        let other = try TestServer()
        defer { other.stop() }
        let arguments = [HostFixtures.client, "streams", "127.0.0.1", "\(server.port)", "\(other.port)", "50000000"]
        let layers = ["\(HostFixtures.passing):when=[port=\(server.port)]"]
        let struck = try HostFixtures.start(layers, arguments)
        let spared = try HostFixtures.start(layers, arguments)
        try struck.await("first 1")
        try spared.await("first 1")
        kill(try struck.worker(), SIGKILL)
        try struck.awaitError("another has taken its place")
        struck.write("go")
        spared.write("go")
        #expect(struck.end().lines == ["connect 0 0", "first 1", "stream \(ECONNRESET)", "echo hello"])
        let ending = spared.end()
        #expect(ending.lines == ["connect 0 0", "first 1", "stream 0", "echo hello"])
        #expect(ending.errors == "")
    }

    @Test("A worker that crashes is not replaced: new connections are refused, with the reason")
    func crashed() throws {
        let server = try TestServer()
        defer { server.stop() }
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            [HostFixtures.client, "hold", "127.0.0.1", "\(server.port)"]
        )
        try child.await("held")
        kill(try child.worker(), SIGSEGV)
        try child.awaitError("new ones are refused")
        child.write("go")
        let ending = child.end()
        #expect(ending.lines == ["connect 0", "held", "read error \(ECONNRESET)", "connect \(ENETDOWN)"])
        #expect(ending.errors.contains("SIGSEGV"))
        #expect(ending.code == 0)
    }
}

extension Child {
    /// The worker of a run: the child of the supervisor's that runs the same file.
    func worker() throws -> pid_t {
        func link(_ process: pid_t) -> String {
            var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink("/proc/\(process)/exe", &bytes, bytes.count - 1)
            return String(decoding: bytes.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let children = open("/proc/\(process)/task/\(process)/children", O_RDONLY | O_CLOEXEC)
        let count = read(children, &bytes, bytes.count)
        close(children)
        let numbers = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return try #require(numbers.compactMap { pid_t($0) }.first { link($0) == link(process) })
    }
}
