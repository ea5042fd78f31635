import TestSupport
import Testing

@Suite("Calls that the kernel fails by itself")
struct MistakeTests {
    enum Program: String, CaseIterable {
        case pointers, sockets, descriptors, privileges
    }

    static let programs = Program.allCases.flatMap { program in
        HostFixtures.Carrier.allCases.map { (program, $0) }
    }

    @Test("Calls fail in a run as without it, and nothing is said of them", arguments: programs)
    func equal(program: Program, carrier: HostFixtures.Carrier) throws {
        let server = try TestServer()
        defer { server.stop() }
        let words = [carrier.mistakes, program.rawValue, "\(server.port)"]
        let native = try Child(words).end()
        #expect(native.lines.count > 1)
        for effect in HostFixtures.Effect.allCases {
            let options = carrier.options + effect.layers
            let ending = try Child([HostFixtures.driver] + options + ["--"] + words).end()
            #expect(ending.lines == native.lines)
            #expect(ending.errors == "")
        }
    }
}
