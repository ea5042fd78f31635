import ArgumentParser
import Glibc
import Lamina

/// `lamina demo`: real traffic through two layers, once from this process and once from an unmodified program.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See in ten seconds what layers see.",
        discussion: """
            Starts a server on loopback inside itself, and sends requests to it through the layers trace and count over \
            the kernel's sockets: once through the Swift API, once from curl (or from a small program that comes with \
            Lamina), which knows nothing of it.
            """
    )

    /// The layers, the first one next to the program.
    private static let layers = ["trace:data=text,bytes=24", "count"]

    func run() throws {
        let plugins = try DemoPlugins()
        defer { plugins.remove() }
        let server = try DemoServer(plugins.catalog)
        Output.redirect(to: STDOUT_FILENO)
        say(
            """
            A program calls its sockets; layers stand in between, and see and change what passes:

                program  ->  trace  ->  count  ->  the kernel's sockets  ->  a server at \(server.address)
            """
        )
        try callThroughAPI(server.address, plugins.catalog)
        let status = try runUnmodified(server.address, plugins.environment)
        guard status == 0 else { throw ExitCode(status) }
        say(
            """

            Each layer is a plug-in of its own: lamina list shows them, lamina show trace what one of them takes.
            Next: lamina trace PROGRAM, with a program of yours.
            """
        )
    }

    private func callThroughAPI(_ address: Address, _ catalog: Catalog) throws(LaminaError) {
        say("\n1. Through the Swift API, from this process:\n")
        for text in Self.layers { say("    layers.append(try LayerSpecification(parsing: \"\(text)\"))") }
        say("    let chain = try Chain(layers: layers)")
        say("    let socket = try chain.connect(to: Address(parsing: \"\(address)\"))\n")
        var layers: [LayerSpecification] = []
        for text in Self.layers { layers.append(try LayerSpecification(parsing: text)) }
        let chain = try Chain(layers: layers, catalog: catalog)
        let socket = try chain.connect(to: address)
        try socket.waiting.send(Array("GET / HTTP/1.1\r\nHost: demo\r\n\r\n".utf8))
        while try !socket.waiting.receive(upTo: 4096).isEmpty {}
        try socket.waiting.close()
    }

    private func runUnmodified(_ address: Address, _ environment: [String]) throws -> Int32 {
        let url = "http://\(address)/"
        let program =
            Self.hasProgram("curl") ? ["curl", "--silent", "--noproxy", "*", url] : [try DemoPlugins.fetch(), url]
        let command = ["run"] + Self.layers.flatMap { ["--layer", $0] } + ["--"] + program
        let name = program[0].split(separator: "/").last ?? "a program"
        say("\n2. From \(name), unmodified, which knows nothing of this:\n")
        say("    lamina \(command.map(Self.quoted).joined(separator: " "))\n")
        return try Self.spawn(["/proc/self/exe"] + command, environment: environment)
    }

    /// Prints a line at once: what layers write goes to the same place by another way.
    private func say(_ text: String) {
        print(text)
        fflush(nil)
    }

    private static func quoted(_ word: String) -> String { word == "*" ? "'*'" : word }

    private static func hasProgram(_ name: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }

    /// Runs a command with standard error where standard output is, and gives its exit status.
    private static func spawn(_ arguments: [String], environment: [String]) throws(LaminaError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        let argv = arguments.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        for entry in environment {
            let parts = entry.split(separator: "=", maxSplits: 1)
            setenv(String(parts[0]), String(parts[1]), 1)
        }
        var process: pid_t = 0
        let failure = posix_spawn(&process, arguments[0], &actions, nil, argv, environ)
        guard failure == 0 else {
            throw LaminaError(
                .system,
                arguments[0],
                "can't be run: \(String(cString: strerror(failure)))",
                errno: failure
            )
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}
