import Glibc
import LaminaHost
import TestSupport
import Testing

@Suite("Which back end carries a program")
struct ProgramCoverageTests {
    /// What the preload object does not get into, or not see everything of.
    enum Kind: CaseIterable {
        case `static`, staticPIE, staticGo, go, musl, otherLoader, narrow, foreign, script, scriptOfScript

        /// Why no library can be preloaded into it; nil where one can.
        var reason: String? {
            switch self {
            case .static, .staticPIE, .script, .scriptOfScript:
                "it is statically linked, so no library can be preloaded into it"
            case .staticGo: "it is a static Go program, so no library can be preloaded into it"
            case .go: nil
            case .musl: "it uses the C library musl, so no library can be preloaded into it"
            case .otherLoader: "its loader /lib/ld-other.so isn't glibc's, so no library can be preloaded into it"
            case .narrow: "it is a 32-bit program, which no back end covers"
            case .foreign: "it is made for another processor"
            }
        }

        /// No back end reaches it.
        var isNobodys: Bool { self == .narrow || self == .foreign }

        /// The note by which the Go linker marks its programs.
        private static let goNote = """
            __asm__(".section .note.go.buildid,\\"a\\",@note\\n.long 4, 4, 4\\n.ascii \\"Go\\\\0\\\\0\\"\\n.long 0\\n.text");
            """

        /// Makes one in a directory: its path, and the path that a refusal names.
        func make(in directory: TemporaryDirectory) throws -> (program: String, named: String) {
            switch self {
            case .static: return try build(in: directory, "-static")
            case .staticPIE: return try build(in: directory, "-static-pie", "-fPIE")
            case .staticGo: return try build(in: directory, source: Self.goNote, "-static")
            case .go: return try build(in: directory, source: Self.goNote)
            case .musl: return try build(in: directory, "-Wl,--dynamic-linker=/nonexistent/ld-musl-x86_64.so.1")
            case .otherLoader: return try build(in: directory, "-Wl,--dynamic-linker=/lib/ld-other.so")
            case .narrow: return try write(header(bits: 32, machine: 3), in: directory)
            case .foreign: return try write(header(bits: 64, machine: 2), in: directory)
            case .script, .scriptOfScript:
                let interpreter = try build(in: directory, "-static").program
                let inner = try directory.write("#!\(interpreter) refused\n", to: "inner")
                chmod(inner, 0o755)
                if self == .script { return (inner, interpreter) }
                let outer = try directory.write("#! \(inner)\n", to: "outer")
                chmod(outer, 0o755)
                return (outer, interpreter)
            }
        }

        private func build(in directory: TemporaryDirectory, source: String = "", _ options: String...) throws -> (
            program: String, named: String
        ) {
            let text = "#include <stdio.h>\n\(source)\nint main(void) { return puts(\"started\") < 0; }\n"
            let file = try directory.write(text, to: "program.c")
            let program = "\(directory.path)/program"
            let built = try Child.run(["cc", file, "-o", program] + options)
            try #require(built.code == 0, "\(built.errors)")
            return (program, program)
        }

        private func write(_ bytes: [UInt8], in directory: TemporaryDirectory) throws -> (
            program: String, named: String
        ) {
            let program = try directory.write(bytes, to: "program")
            chmod(program, 0o755)
            return (program, program)
        }

        /// The header of an executable without segments.
        private func header(bits: Int, machine: UInt8) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: bits == 64 ? 64 : 52)
            bytes.replaceSubrange(0..<7, with: [0x7F, 0x45, 0x4C, 0x46, bits == 64 ? 2 : 1, 1, 1])
            bytes.replaceSubrange(16..<24, with: [2, 0, machine, 0, 1, 0, 0, 0])
            let sizes = bits == 64 ? 52 : 40
            bytes.replaceSubrange(sizes..<sizes + 4, with: bits == 64 ? [64, 0, 56, 0] : [52, 0, 32, 0])
            return bytes
        }
    }

    @Test(
        "What the preload object can't get into is refused where it is to be used, in one sentence that names it and says why",
        arguments: Kind.allCases.filter { $0.reason != nil }
    )
    func refused(kind: Kind) throws {
        let directory = try TemporaryDirectory()
        let (program, named) = try kind.make(in: directory)
        let ending = try Child([HostFixtures.driver, "--backend=preload", "--", program]).end()
        #expect(ending.code == 125)
        #expect(ending.output == "")
        #expect(ending.errors.split(separator: "\n").count == 1, "\(ending.errors)")
        let reason = try #require(kind.reason)
        #expect(ending.errors.hasPrefix("lamina: \(named): \(reason)"), "\(ending.errors)")
        #expect(ending.errors.hasSuffix("; --backend notify carries it\n") == !kind.isNobodys)
    }

    @Test("The back end that reaches a program is chosen by its file, or refuses it", arguments: Kind.allCases)
    func chosen(kind: Kind) throws {
        let directory = try TemporaryDirectory()
        let (program, named) = try kind.make(in: directory)
        let report = ProgramCoverage.report(on: program, wanted: nil)
        if kind.isNobodys {
            let ending = try HostFixtures.run(.none, [program])
            #expect(ending.code == 125 && ending.output == "")
            #expect(ending.errors == "lamina: \(report.text.split(separator: "\n")[0])\n")
            #expect(report.code == 125)
            return
        }
        let backEnd = kind.reason == nil ? "preload" : "notify"
        #expect(
            report.text.hasPrefix("\(program): carried by the back end \(backEnd): \(kind.reason ?? "it is linked")")
        )
        #expect(report.code == 0)
        // Nobody has installed these loaders.
        let isStarted = kind != .musl && kind != .otherLoader
        let ending = try HostFixtures.run(.none, [program])
        #expect(ending.output == (isStarted ? "started\n" : ""), "\(named): \(ending.errors)")
        #expect(ending.code == (isStarted ? 0 : 127))
    }

    @Test("One that can't be read is refused, for nothing says what it is")
    func unreadable() throws {
        // Root reads everything.
        guard getuid() != 0 else { return }
        let directory = try TemporaryDirectory()
        let program = try directory.write("#!/bin/sh\n", to: "program")
        chmod(program, 0o111)
        let ending = try HostFixtures.run(.none, [program])
        #expect(ending.code == 125)
        #expect(ending.errors.hasPrefix("lamina: \(program): it can't be read"), "\(ending.errors)")
    }
}
