import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Packages that lamina new writes")
struct NewCommandTests {
    let command: Command
    let place: TemporaryDirectory

    init() throws {
        command = try Command()
        place = try TemporaryDirectory()
    }

    /// What the command printed between two lines, without the indentation.
    private func commands(_ ending: Child.Ending, after title: String) -> [String] {
        ending.output.split(separator: "\n", omittingEmptySubsequences: false)
            .drop { $0 != title }.dropFirst().prefix { $0.hasPrefix("  ") }.map { String($0.dropFirst(2)) }
    }

    /// Runs a printed command where `lamina new` was run, in a new user's environment.
    private func shell(_ text: String) throws -> Child.Ending {
        try Child.run(
            ["/bin/sh", "-c", "cd '\(place.path)' && \(text)"],
            environment: [
                "HOME=\(command.directory.path)", "XDG_CACHE_HOME=\(command.directory.path)/cache",
                "PATH=\(getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")",
            ],
            alone: true
        )
    }

    @Test(
        "What is written in C builds, passes its tests, runs before it is installed, and installs, by the printed commands",
        arguments: [("--layer", "layered"), ("--terminating", "terminating"), ("--base", "base")]
    )
    func worksInC(option: String, kind: String) throws { try works([option, "--c"], kind) }

    /// The plug-in is called as a type of the SDK is.
    @Test("What is written in Swift does so as well")
    func worksInSwift() throws {
        let (package, kept) = ("\(place.path)/mine", "\(place.path)/build")
        for (option, kind) in [("--layer", "layered"), ("--terminating", "terminating"), ("--base", "base")] {
            // They stand in the same place, so that what they have in common is built once.
            try works([option], kind, name: "counter") { _ = rename(kept, "\(package)/.build") }
            try #require(rename("\(package)/.build", kept) == 0)
            try #require(try Child.run(["rm", "-r", package]).code == 0)
        }
    }

    /// `prepare` runs when the package is written.
    private func works(
        _ options: [String],
        _ kind: String,
        name: String = "mine",
        _ prepare: () -> Void = {}
    ) throws {
        let made = try command.run(["new", name, "--directory", "\(place.path)/mine"] + options)
        #expect(made.code == 0, "\(made.errors)")
        prepare()
        let next = commands(made, after: "build, test and install it:")
        try #require(next.count == 3, "\(made.output)")
        for text in next.dropLast() {
            let ending = try shell(text)
            try #require(ending.code == 0, "\(text)\n\(ending.output)\(ending.errors)")
        }
        if kind != "base" {
            let server = try FileServer(Array("<p>hello</p>\n".utf8))
            defer { server.stop() }
            let trial = try #require(commands(made, after: "or try it before that:").first)
            let here = trial.split(separator: " ").dropLast().joined(separator: " ") + " \(server.url)"
            let ending = try shell(here)
            #expect(ending.output == "<p>hello</p>\n", "\(here)\n\(ending.errors)")
            let says = ending.errors.contains("lamina: \(name): ") && ending.errors.contains(" bytes sent")
            #expect(says == (kind == "layered"), "\(ending.errors)")
        }
        let installed = try shell(next[2])
        #expect(installed.output.contains("installed \(name) (\(kind))"), "\(installed.output)\(installed.errors)")
        let lamina = try PackageTree.installed("bin/lamina")
        #expect(try shell("\(lamina) show \(name)").output.contains(kind))
        #expect(try shell("\(lamina) remove \(name)").code == 0)
    }

    @Test("A name of several words is one module, and its package is filled with it")
    func names() throws {
        let made = try command.run("new", "rate-limit.2", "--c", "--directory", "\(place.path)/x/y")
        #expect(made.code == 0, "\(made.errors)")
        let source = try String(decoding: readAll("\(place.path)/x/y/RateLimit2.c"), as: UTF8.self)
        #expect(source.contains(".name = \"rate-limit.2\"") && !source.contains("__"))
    }

    @Test("Two packages have identities of their own")
    func identities() throws {
        var seen: Set<[UInt8]> = []
        for name in ["one", "two"] {
            #expect(try command.run("new", "mine", "--c", "--directory", "\(place.path)/\(name)").code == 0)
            seen.insert(try readAll("\(place.path)/\(name)/manifest.json"))
        }
        #expect(seen.count == 2)
    }

    @Test(
        "What can't be made is one line that says why, and nothing is written",
        arguments: [
            (["new"], "lamina new --help"), (["new", "a b"], "' ' can't stand in a name"),
            (["new", "1st"], "begins with no letter"), (["new", "trace"], "is the name of an installed provider"),
            (["new", "mine", "--base", "--layer"], "--layer"),
            (["new", "testing"], "is a module"), (["new", "foundation"], "is a module"),
            (["new", "mine", "--directory", "/proc/none/mine"], "/proc/none"),
            (["new", "mine", "--directory", "/etc"], "exists and isn't empty"),
        ]
    )
    func mistakes(arguments: [String], part: String) throws {
        let ending = try command.run(arguments)
        #expect(ending.code == 64 || ending.code == 1)
        #expect(ending.complained(of: part), "\(ending.errors)")
        #expect(ending.output.isEmpty)
    }
}
