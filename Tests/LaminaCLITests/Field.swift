import Glibc
import Lamina
import TestSupport
import Testing

/// The installed command with a catalog of its own, layers to install, programs in C, and a server that they ask.
struct Field {
    let command: Command
    let server: FileServer
    /// What the server answers.
    let answer = "hello\n"

    init() throws {
        command = try Command()
        server = try FileServer(Array(answer.utf8))
    }

    /// What belongs to this field alone.
    var path: String { command.directory.path }

    /// The server's address and port.
    var destination: String { String(server.url.dropFirst("http://".count).dropLast()) }

    /// Installs `Tests/Fixtures/layers/named.c` under this name, built with these macros.
    func install(_ name: String, _ macros: String...) throws {
        let options = ["-DNAME=\"\(name)\""] + macros.map { "-D\($0)" }
        try succeeds("install", try CPlugin.build("Fixtures/layers/named", options: options))
    }

    /// Runs `lamina`, which must succeed.
    @discardableResult
    func succeeds(_ arguments: String...) throws -> Child.Ending { try succeeds(arguments) }

    /// Runs `lamina`, which must succeed.
    @discardableResult
    func succeeds(_ arguments: [String]) throws -> Child.Ending {
        let ending = try command.run(arguments)
        try #require(ending.code == 0, "\(arguments): \(ending.errors)")
        return ending
    }

    /// Runs a program, curl that asks the server where none is named, under `lamina run` with these options.
    func run(_ options: [String], _ program: [String] = [], environment: [String] = []) throws -> Child.Ending {
        let program = program.isEmpty ? ["curl", "-sS", server.url] : program
        return try command.run(["run"] + options + ["--"] + program, environment: environment)
    }

    /// What curl gets under `lamina run` with these options.
    func asks(_ options: [String]) throws -> String {
        let ending = try run(options)
        #expect(ending.code == 0, "\(ending.errors)")
        return ending.output
    }

    /// The libraries that this user has installed.
    func libraries() throws -> [String] {
        try Child.run(["find", command.userLibraries, "-name", "*.so"]).lines
    }

    /// Each file of this user's named chains, with its content.
    func chainFiles() throws -> [String: [UInt8]] {
        let files = try Child.run(["find", "\(command.userManifests)/chains", "-name", "*.json"]).lines
        return Dictionary(uniqueKeysWithValues: try files.map { ($0, try readAll($0)) })
    }

    /// Builds a C program of these tests; `linked` with the installed library.
    func build(_ fixture: String, linked: Bool = false) throws -> String {
        let program = "\(path)/\(fixture)"
        var words = ["cc", "-Wall", "-Wextra", "-Werror", "-o", program]
        words.append("\(PackageTree.root)/Tests/LaminaCLITests/Fixtures/\(fixture).c")
        if linked {
            let variables = ["PKG_CONFIG_PATH=\(PackageTree.prefix)/lib/pkgconfig"]
            let flags = try Child.run(["pkg-config", "--cflags", "--libs", "lamina"], environment: variables)
            words += flags.output.split { $0 == " " || $0 == "\n" }.map(String.init)
            words.append("-Wl,-rpath,\(PackageTree.prefix)/lib")
        }
        let built = try Child.run(words)
        try #require(built.code == 0, "\(built.errors)")
        return program
    }

    /// Runs a program without `lamina run`, with this field's catalog.
    func runAlone(_ program: [String], environment: [String] = []) throws -> Child.Ending {
        let own = ["HOME=\(path)", "LAMINA_CATALOG_PATH=\(path)/catalog.d", "PATH=/usr/local/bin:/usr/bin:/bin"]
        return try Child.run(program, environment: own + environment, alone: true)
    }
}
