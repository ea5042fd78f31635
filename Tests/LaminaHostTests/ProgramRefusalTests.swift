import Glibc
import TestSupport
import Testing

@Suite("Programs that a run does not cover")
struct ProgramRefusalTests {
    /// What the preload object would not get into, or not see everything of.
    enum Kind: CaseIterable {
        case `static`, staticPIE, staticGo, go, musl, otherLoader, narrow, foreign, script, scriptOfScript

        var reason: String {
            switch self {
            case .static, .staticPIE, .script, .scriptOfScript: "it is statically linked, so no library can be"
            case .staticGo: "it is a static Go program, so no library can be preloaded into it"
            case .go: "it is a Go program, which makes its own system calls"
            case .musl: "it uses the C library musl"
            case .otherLoader: "its loader /lib/ld-other.so isn't glibc's"
            case .narrow: "it is a 32-bit program"
            case .foreign: "it is made for another processor"
            }
        }

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
            case .musl: return try build(in: directory, "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
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

    @Test("Each is refused before it starts, in one sentence that names it and says why", arguments: Kind.allCases)
    func refused(kind: Kind) throws {
        let directory = try TemporaryDirectory()
        let (program, named) = try kind.make(in: directory)
        let ending = try HostFixtures.run(.none, [program])
        #expect(ending.code == 125)
        #expect(ending.output == "")
        #expect(ending.errors.split(separator: "\n").count == 1, "\(ending.errors)")
        #expect(ending.errors.hasPrefix("lamina: \(named): \(kind.reason)"), "\(ending.errors)")
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
