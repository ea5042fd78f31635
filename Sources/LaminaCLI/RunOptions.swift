import ArgumentParser
import Glibc
import Lamina
import LaminaHost

/// What `lamina run` and `lamina trace` have in common: a program, and where lines go.
struct RunOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where layers write their lines; standard error unless given.", valueName: "file"),
        completion: .file()
    )
    var output: String?

    @Flag(name: .shortAndLong, help: "Say nothing but refusals and failures.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Say what happens to each connection.")
    var verbose = false

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The program and its arguments.", valueName: "program"),
        completion: .shellCommand("compgen -c")
    )
    var words: [String] = []

    func validate() throws {
        if quiet, verbose { throw ValidationError("-q and -v contradict each other") }
        if let first = words.first, first.hasPrefix("-"), first != "--" {
            let nearest = Suggestion.nearest(to: first, among: Self.names)
            throw ValidationError("Unknown option '\(first)'" + (nearest.map { ". Did you mean '\($0)'?" } ?? ""))
        }
        if command.isEmpty { throw ValidationError("no program is named") }
    }

    /// What may stand before the program; the parser takes anything else for the program.
    private static let names = ["--layer", "--set", "--output", "--quiet", "--verbose", "--help", "--version"]

    /// The program and its arguments, without the `--` that may stand before them.
    var command: [String] { words.first == "--" ? Array(words.dropFirst()) : words }

    /// Runs the program on these layers, the first one next to it, and ends as it ends.
    func run(on layers: [LayerSpecification]) throws -> Never {
        var run = Run(program: command[0], arguments: Array(command.dropFirst()), layers: layers)
        run.output = output
        run.verbosity = quiet ? .quiet : verbose ? .verbose : .normal
        run.start().leave()
    }
}
