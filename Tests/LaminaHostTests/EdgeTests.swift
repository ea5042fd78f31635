import Glibc
import TestSupport
import Testing

@Suite("The edges of a program's connections", .serialized)
struct EdgeTests {
    static let effects = HostFixtures.Effect.allCases

    private func edges(_ effect: HostFixtures.Effect, _ arguments: String...) throws -> Child.Ending {
        let ending = try HostFixtures.run(effect, [HostFixtures.edges] + arguments)
        #expect(ending.errors == "")
        return ending
    }

    @Test("A socket that is bound connects from its port, and keeps its options", arguments: effects)
    func bound(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        #expect(try edges(effect, "bound", "\(server.port)").lines == ["connect 0", "name 1 server 1 reuse 0"])
    }

    @Test("A socket that is disconnected can be connected elsewhere", arguments: effects)
    func disconnected(effect: HostFixtures.Effect) throws {
        let (first, second) = (try TestServer(), try TestServer())
        defer {
            first.stop()
            second.stop()
        }
        let ending = try edges(effect, "disconnect", "\(first.port)", "\(second.port)")
        #expect(
            ending.lines == [
                "again \(EISCONN)", "disconnect 0", "peer \(-ENOTCONN)", "connect 0", "peer 1", "read hello",
            ]
        )
    }

    @Test("Every call that sends can open a connection, and a stream has its one destination", arguments: effects)
    func fast(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let native = try Child([HostFixtures.edges, "fast", "\(server.port)"]).end()
        let ending = try edges(effect, "fast", "\(server.port)")
        #expect(ending.lines == native.lines)
        #expect(ending.lines.filter { $0.hasPrefix("read ") } == ["read hello", "read world"])
    }

    @Test("The first call after a connect that failed late says what the chain said")
    func late() throws {
        let silent = try SilentPort(refuses: false)
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            [HostFixtures.edges, "late", "\(silent.port)"]
        )
        try child.await("made")
        silent.stop()
        #expect(child.end().lines.dropFirst() == ArraySlice(repeating: "-1 \(ECONNREFUSED)", count: 5))
    }

    @Test("Two thousand threads connect at once", arguments: effects)
    func threads(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        #expect(try edges(effect, "threads", "\(server.port)", "2000").lines == ["reached 2000 of 2000"])
    }

    @Test("Children by system, popen, posix_spawn and vfork are on the chain too", arguments: effects)
    func children(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        #expect(try edges(effect, "children", "\(server.port)").lines == Array(repeating: "child 1", count: 4))
    }

    @Test("A socket has its names through every copy of its descriptor, and Lamina has none", arguments: effects)
    func copies(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let native = try Child([HostFixtures.edges, "copies", "\(server.port)"]).end()
        let ending = try edges(effect, "copies", "\(server.port)")
        #expect(ending.lines == native.lines)
        #expect(ending.lines.filter { $0 == "copy 1" }.count == 6)
        #expect(ending.lines.suffix(2) == ["read hello", "new 1"])
    }

    @Test("A child that outlives the command is carried, and the run stays for it", arguments: effects)
    func daemon(effect: HostFixtures.Effect) throws {
        let server = try TestServer()
        defer { server.stop() }
        let child = try HostFixtures.start(effect.layers, [HostFixtures.edges, "daemon", "\(server.port)"])
        try child.await("left")
        child.closeInput()
        #expect(child.end().lines == ["left", "daemon 1"])
    }

    @Test("A program that was built with a sanitizer runs")
    func sanitized() throws {
        let server = try TestServer()
        defer { server.stop() }
        for mode in [
            ["copies", "\(server.port)"], ["threads", "\(server.port)", "20"], ["children", "\(server.port)"],
        ] {
            let native = try Child([HostFixtures.sanitizedEdges] + mode).end()
            let ending = try HostFixtures.run(.observe, [HostFixtures.sanitizedEdges] + mode)
            #expect(ending.lines == native.lines)
            #expect(ending.errors == native.errors)
            #expect(ending.code == native.code)
        }
    }

    @Test("A thread that waits for a connection can be cancelled")
    func cancelled() throws {
        #expect(try edges(.none, "cancel").lines == ["cancelled 1"])
    }
}
