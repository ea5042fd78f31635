import TestSupport
import Testing

/// What is installed, as programs and plug-ins in C use it: with a C compiler, and nothing of Swift.
@Suite("The installed library and headers")
struct InstalledLibraryTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Builds a program with what pkg-config says of a package, and gives its path.
    private func build(_ source: String, package: String = "lamina", options: [String] = []) throws -> String {
        let program = "\(directory.path)/program"
        let variables = ["PKG_CONFIG_PATH=\(PackageTree.prefix)/lib/pkgconfig"]
        let flags = try Child.run(["pkg-config", "--cflags", "--libs", package], environment: variables)
        try #require(flags.code == 0, "\(flags.errors)")
        let words = flags.output.split { $0 == " " || $0 == "\n" }.map(String.init)
        let built = try Child.run(["cc", "-Wall", "-Wextra", "-Werror", source, "-o", program] + options + words)
        try #require(built.code == 0, "\(built.errors)")
        return program
    }

    /// Runs a program that finds the library, and else nothing: no variable of ours, no program in PATH.
    private func run(_ program: String, _ arguments: String...) throws -> Child.Ending {
        try directory.write("", to: "empty/file")
        let environment = ["PATH=\(directory.path)/empty", "LD_LIBRARY_PATH=\(PackageTree.prefix)/lib"]
        return try Child.run([program] + arguments, environment: environment, alone: true)
    }

    @Test("A program in C is built with pkg-config alone, and says the version of the command")
    func version() throws {
        let source = """
            #include <lamina.h>
            #include <stdio.h>
            int main(void) { return puts(lamina_version()) < 0; }
            """
        let ending = try run(try build(try directory.write(source, to: "program.c")))
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == (try Child.run([PackageTree.installed("bin/lamina"), "--version"]).output))
    }

    @Test("A generic layer in C is built with pkg-config alone, and passes the check")
    func generic() throws {
        let layer = try build(
            "\(PackageTree.root)/Tests/Fixtures/generic/spy.c",
            package: "lamina-ffi",
            options: ["-shared", "-fPIC", "-I", "\(PackageTree.root)/Tests/Fixtures/layers"]
        )
        let check = try Child.run([PackageTree.installed("bin/lamina"), "check", layer, "--rule", "carries-data"])
        #expect(check.code == 0 && check.output.contains("passed  spy: carries-data"), "\(check.output)\(check.errors)")
    }

    @Test("A C program's handlers of SIGSEGV, SIGILL, SIGBUS, SIGPIPE, SIGUSR1 and its signal stack stay its own")
    func handlers() throws {
        let program = try build("\(PackageTree.root)/Tests/LaminaCLITests/Fixtures/handlers.c")
        let ending = try run(program, "trace", "count")
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == "unchanged\n")
        #expect(ending.errors.contains("lamina: count: 3 sockets,"), "\(ending.errors)")
    }

    @Test("Nothing that is installed needs a library of Swift's or of C++'s")
    func dependencies() throws {
        let found = try Child.run(["find", PackageTree.prefix, "-name", "*.so*", "-o", "-path", "*/bin/*"]).lines
        #expect(found.count > 6)
        for file in found where try !readAll(file).starts(with: Array("#!".utf8)) {
            let needed = try Child.run(["readelf", "-d", file])
            #expect(needed.code == 0)
            #expect(!needed.output.contains("libswift"), "\(file): \(needed.output)")
            #expect(!needed.output.contains("libstdc++"), "\(file): \(needed.output)")
            // Only generic layers need it, and none is installed.
            #expect(!needed.output.contains("libffi"), "\(file): \(needed.output)")
            #expect(needed.lines.allSatisfy { !$0.contains("PATH)") || $0.hasSuffix("[$ORIGIN]") }, "\(needed.output)")
        }
    }

    @Test("The layer that does nothing is built from the installed header alone, in at most 30 lines, and runs")
    func nothing() throws {
        let server = try FileServer(Array("hello\n".utf8))
        defer { server.stop() }
        let text = try readAll("\(PackageTree.root)/Tests/Fixtures/layers/nothing.c")
        #expect(text.count { $0 == UInt8(ascii: "\n") } <= 30)
        let source = try directory.write(text, to: "nothing.c")
        let library = "\(directory.path)/libnothing.so"
        let header = "\(PackageTree.prefix)/include/lamina"
        let strict = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        let built = try Child.run(["cc"] + strict + ["-shared", "-fPIC", "-I", header, source, "-o", library])
        try #require(built.code == 0, "\(built.errors)")
        let command = try Command()
        let ending = try command.run("run", "--layer", library, "--", "curl", "-sS", server.url)
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == "hello\n")
        #expect(ending.errors.isEmpty)
    }
}
