import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The examples of programs in C")
struct ProgramExampleTests {
    private static let page = "Sources/Lamina/Documentation.docc/Using-Lamina-in-a-program.md"
    private let programs: CPrograms

    init() throws {
        programs = try CPrograms()
    }

    private func source(_ name: String) -> String { "\(PackageTree.root)/Tests/Examples/Programs/\(name).c" }

    @Test(
        "One that waits and one with a loop of its own ask a server, and are what the documentation shows",
        arguments: [("ask", "trace: "), ("loop", "count: ")]
    )
    func asks(name: String, line: String) throws {
        let documented = try Documentation.block("c", with: name == "ask" ? "trace:data" : "pollfd", in: Self.page)
        #expect(documented == String(decoding: try readAll(source(name)), as: UTF8.self))
        let program = try programs.linked(source(name))
        let (listener, port) = try Loopback.listening()
        detach {
            guard let peer = Loopback.accept(listener) else { return }
            var bytes = [UInt8](repeating: 0, count: 6)
            if recv(peer, &bytes, 6, Int32(MSG_WAITALL)) == 6 { send(peer, "HELLO\n", 6, 0) }
            close(peer)
            close(listener)
        }
        let ending = try programs.run(program, "127.0.0.1:\(port)")
        #expect(ending.code == 0 && ending.output == "HELLO\n", "\(ending.errors)")
        #expect(ending.errors.contains("lamina: \(line)"), "\(ending.errors)")
    }

    @Test("A server that refuses is one line, and status 1", arguments: ["ask", "loop"])
    func refused(name: String) throws {
        let (taken, port) = try Loopback.bound()
        defer { close(taken) }
        let ending = try programs.run(try programs.linked(source(name)), "127.0.0.1:\(port)")
        #expect(ending.code == 1 && ending.output.isEmpty)
        #expect(ending.errors.contains("refused"), "\(ending.errors)")
    }
}
