import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Layers that crashed, and runs without layers")
struct QuarantineTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.manifest("crash", ["library": .string(HostFixtures.crash)])
    }

    var quarantine: Quarantine { Quarantine(path: "\(directory.path)/state/lamina/quarantine") }

    func run(_ layers: [String], _ program: [String], _ environment: String...) throws -> Child.Ending {
        let own = ["LAMINA_CATALOG_PATH=\(directory.path)/catalog.d", "XDG_STATE_HOME=\(directory.path)/state"]
        return try HostFixtures.run(layers, program, environment: own + environment)
    }

    /// A client that connects once, through these layers.
    func connect(_ layers: [String]) throws -> Child.Ending {
        let server = try TestServer()
        defer { server.stop() }
        return try run(layers, [HostFixtures.client, "connect", "127.0.0.1", "\(server.port)"])
    }

    @Test("A named layer that crashes is quarantined, and the next run refuses it until it is cleared")
    func quarantines() throws {
        let first = try connect([HostFixtures.passing, "crash=bad:how=own"])
        #expect(first.lines == ["connect \(ENETDOWN)"])
        #expect(first.errors.contains("crash is quarantined until its file changes or lamina clear crash"))
        let record = try #require(quarantine.records().records.first)
        #expect((record.names, record.file, record.signal) == (["crash"], HostFixtures.crash, SIGSEGV))
        #expect(record.place == "in crash_here" && record.chain == ["nothing", "bad"])
        #expect(record.program == HostFixtures.client)
        let second = try run(["crash=bad:how=none"], ["/bin/echo", "started"])
        #expect(second.code == 125 && second.output.isEmpty)
        #expect(second.errors.contains("provider \"crash\": is quarantined: it crashed \(HostFixtures.client)"))
        try quarantine.clear("crash")
        #expect(try run(["crash=bad:how=none"], ["/bin/echo", "started"]).output == "started\n")
    }

    @Test("Without a layer that isn't required a fresh worker goes on, and the next run starts without it")
    func optional() throws {
        let server = try TestServer()
        defer { server.stop() }
        let once = "\(HostFixtures.client) connect 127.0.0.1 \(server.port)"
        let twice = try run(
            [HostFixtures.passing, "crash=bad:how=own,required=no"],
            ["sh", "-c", "\(once); while ! \(once) | grep -q '^connect 0'; do :; done; echo connected"]
        )
        #expect(twice.lines == ["connect \(ENETDOWN)", "connected"], "\(twice.output) \(twice.errors)")
        #expect(twice.errors.contains("another has taken its place; the run goes on without bad"), "\(twice.errors)")
        let next = try run([HostFixtures.passing, "crash=bad:how=own,required=no"], ["/bin/echo", "started"])
        #expect(next.output == "started\n")
        #expect(next.errors.contains("layer \"bad\" is left out: provider \"crash\": is quarantined"), "\(next.errors)")
    }

    @Test("One that crashes when it is made, and isn't required, is left out; by its path it isn't quarantined")
    func made() throws {
        let ending = try run(["\(HostFixtures.crash)=bad:how=made,required=no"], ["/bin/echo", "started"])
        #expect(ending.output == "started\n")
        #expect(ending.errors.contains("while it loaded bad; the run goes on without bad"), "\(ending.errors)")
        #expect(quarantine.records().records.isEmpty)
    }

    @Test("With LAMINA_DISABLE=1 the program runs as it is, and one notice says so")
    func disabled() throws {
        let program = ["sh", "-c", "echo $$; tr '\\0' '\\n' < /proc/self/environ | grep -c LAMINA_RUN; exit 3"]
        let ending = try run(["\(HostFixtures.crash)=bad:how=made"], program, "LAMINA_DISABLE=1")
        #expect(ending.code == 3)
        #expect(ending.errors == "lamina: LAMINA_DISABLE=1: sh runs without layers\n")
        #expect(ending.lines.last == "0")
        let missing = try run([], ["nonexistent-program"], "LAMINA_DISABLE=1")
        #expect(missing.code == 127)
    }
}
