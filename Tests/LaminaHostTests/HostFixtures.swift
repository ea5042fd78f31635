import CLinux
import Glibc
import TestSupport
import Testing

/// The programs that these tests run.
enum HostFixtures {
    /// The command that a run is started with.
    static let driver = "\(PackageTree.products)/HostDriver"

    /// The client, linked to libc and without it.
    static let client = program("client", [])
    static let staticClient = program("client-static", ["-static"])

    /// What connections do at their edges; also as a sanitizer builds it.
    static let edges = compile("LaminaHostTests/Fixtures/edges.c", to: "edges", ["-pthread"])
    static let sanitizedEdges = compile(
        "LaminaHostTests/Fixtures/edges.c",
        to: "edges-sanitized",
        ["-pthread", "-fsanitize=address"]
    )

    /// Runs what follows as in a container.
    static let container = compile("LaminaHostTests/Fixtures/container.c", to: "container", [])

    /// Asks name servers itself.
    static let resolver = compile("LaminaHostTests/Fixtures/resolver.c", to: "resolver", [])
    static let staticResolver = compile("LaminaHostTests/Fixtures/resolver.c", to: "resolver-static", ["-static"])

    /// Makes calls that the kernel fails.
    static let mistakes = compile("LaminaHostTests/Fixtures/mistakes.c", to: "mistakes", [])
    static let staticMistakes = compile("LaminaHostTests/Fixtures/mistakes.c", to: "mistakes-static", ["-static"])

    /// Looks names up in every way that libc has.
    static let names = compile("LaminaHostTests/Fixtures/names.c", to: "names", [])

    /// A layer that names ending in `.remote` are carried to; wants `port`.
    static let remote = layer("remote")

    /// A layer that passes data on, so that sockets are pumped.
    static let passing = layer("nothing")
    /// A layer that connects elsewhere and touches no data; wants `port`.
    static let redirect = layer("redirect")

    /// A layer that replaces what is sent; its setting `letter` is live.
    static let letter = layer("letter")
    /// The plug-in trace.
    static let trace = "\(PackageTree.products)/libLaminaTrace.so"

    /// A layer that crashes; wants `how`.
    static let crash = layer("crash")

    /// What is built here stays until the process ends.
    private static let directory: String = {
        do {
            return try TemporaryDirectory.ofProcess().path
        } catch {
            Issue.record(error)
            return "/nowhere"
        }
    }()

    /// A path that nothing else uses.
    static func path(_ name: String) -> String { "\(directory)/\(name)" }

    private static func program(_ name: String, _ options: [String]) -> String {
        compile("LaminaHostTests/Fixtures/client.c", to: name, options)
    }

    private static func layer(_ name: String) -> String {
        let headers = "\(PackageTree.root)/Sources/CLamina/include"
        return compile("Fixtures/layers/\(name).c", to: "\(name).so", ["-shared", "-fPIC", "-I", headers])
    }

    private static func compile(_ source: String, to name: String, _ options: [String]) -> String {
        let made = path(name)
        do {
            let file = "\(PackageTree.root)/Tests/\(source)"
            let headers = ["-I", "\(PackageTree.root)/Sources/CLaminaRun/include"]
            let ending = try Child.run(["cc", "-O1", "-w", "-o", made, file] + headers + options)
            #expect(ending.code == 0, "\(ending.errors)")
        } catch {
            Issue.record(error)
        }
        return made
    }

    /// The layers of a run: none, or what they do to data.
    enum Effect: CaseIterable {
        case none, observe

        var layers: [String] { self == .none ? [] : [HostFixtures.passing] }
    }

    /// What carries the client: the preload object, or the guard alone, for a program that is linked to libc or has it
    /// inside.
    enum Carrier: CaseIterable {
        case preload, notify, notifyStatic

        var client: String { self == .notifyStatic ? staticClient : HostFixtures.client }
        var resolver: String { self == .notifyStatic ? staticResolver : HostFixtures.resolver }
        var mistakes: String { self == .notifyStatic ? staticMistakes : HostFixtures.mistakes }
        var options: [String] { self == .notify ? ["--backend=notify"] : [] }
    }

    /// Starts a program in a run on these layers.
    static func start(_ layers: [String], _ program: [String], environment: [String] = []) throws -> Child {
        try Child([driver] + layers + ["--"] + program, environment: environment)
    }

    /// Starts the client in a run that this carries.
    static func start(_ layers: [String], _ carrier: Carrier, _ arguments: [String]) throws -> Child {
        try Child([driver] + carrier.options + layers + ["--", carrier.client] + arguments)
    }

    /// Runs the client in a run that this carries, to its end.
    static func run(_ layers: [String], _ carrier: Carrier, _ arguments: [String]) throws -> Child.Ending {
        try start(layers, carrier, arguments).end()
    }

    /// Runs the client on layers of this effect, to its end.
    static func run(_ effect: Effect, _ carrier: Carrier, _ arguments: [String]) throws -> Child.Ending {
        try run(effect.layers, carrier, arguments)
    }

    /// Runs a program on these layers, to its end.
    static func run(_ layers: [String], _ program: [String], environment: [String] = []) throws -> Child.Ending {
        try start(layers, program, environment: environment).end()
    }

    /// Runs a program on layers of this effect, to its end.
    static func run(_ effect: Effect, _ program: [String], environment: [String] = []) throws -> Child.Ending {
        try run(effect.layers, program, environment: environment)
    }
}
