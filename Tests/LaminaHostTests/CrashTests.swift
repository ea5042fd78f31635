import Glibc
import TestSupport
import Testing

@Suite("Crashes of a worker")
struct CrashTests {
    /// Starts a connect through two layers, of which the second crashes, and gives what is said of it.
    private func crash(_ how: String) throws -> String {
        let server = try TestServer()
        defer { server.stop() }
        let client = [HostFixtures.client, "connect", "127.0.0.1", "\(server.port)"]
        let ending = try HostFixtures.run([HostFixtures.passing, "\(HostFixtures.crash)=bad:how=\(how)"], client)
        #expect(ending.lines == ["connect \(ENETDOWN)"])
        let sentences = ending.errors.split(separator: "\n")
        #expect(sentences.count == 1, "\(ending.errors)")
        return String(sentences.first ?? "")
    }

    @Test(
        "The library whose code was running is named, with its function and its layer",
        arguments: [
            ("own", "SIGSEGV in crash_here of"), ("thread", "SIGSEGV in crash_here of"),
            ("library", "SIGSEGV in what was called at 0x"), ("call", "SIGSEGV in what was called at 0x"),
            ("abort", "SIGABRT in what was called at 0x"),
        ]
    )
    func named(how: String, place: String) throws {
        let sentence = try crash(how)
        #expect(sentence.hasPrefix("lamina: the worker died by \(place)"), "\(sentence)")
        // Where the program has ended before, there are no new connections to speak of.
        #expect(sentence.contains(" \(HostFixtures.crash) (bad): its connections were reset"), "\(sentence)")
    }

    @Test("A layer that crashes when it is made ends the run before its program starts")
    func made() throws {
        let ending = try HostFixtures.run(["\(HostFixtures.crash)=bad:how=made"], ["/bin/echo", "started"])
        #expect(ending.code == 125)
        #expect(ending.output == "")
        let place = "SIGSEGV in crash_here of \(HostFixtures.crash) (bad)"
        #expect(ending.errors == "lamina: the worker died by \(place) while it loaded bad\n")
    }
}
