import ArgumentParser
import Lamina
import LaminaHost

/// Where lines go, and how many.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o", allowingJoined: true), .long],
        help: ArgumentHelp("Where layers write their lines; standard error unless given.", valueName: "file"),
        completion: .file()
    )
    var output: String?

    @Flag(name: .shortAndLong, help: "Say nothing but refusals and failures.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Say what happens to each connection.")
    var verbose = false

    func validate() throws {
        if quiet, verbose { throw ValidationError("-q and -v contradict each other") }
    }

    /// How much is said.
    var verbosity: Run.Verbosity { quiet ? .quiet : verbose ? .verbose : .normal }
}

/// What `lamina run` and `lamina trace` have in common: a program, and where lines go.
struct RunOptions: ParsableArguments {
    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp(
            "Carry these destinations alone; may be repeated. A rule is 10.0.0.0/8, [fd00::]/8, 192.0.2.1:443, :80-90, "
                + "*.example.org or loopback.",
            valueName: "rule"
        )
    )
    var only: [String] = []

    @Option(
        help: ArgumentHelp("Let these go as if there were no run, whatever --only says.", valueName: "rule")
    )
    var bypass: [String] = []

    @OptionGroup var program: ProgramOptions

    /// What they ask for on these layers, the first one next to the program, or on what is chosen where there are none.
    func line(on layers: [String], chain: String? = nil, name: String? = nil) throws -> RunLine {
        RunLine(
            layers: layers,
            chain: chain,
            name: name,
            output: output.output,
            verbosity: output.verbosity,
            coverage: try Coverage(only: only, bypass: bypass),
            command: program.command
        )
    }
}

/// The program that a command is about, with its arguments.
struct ProgramOptions: ParsableArguments {
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The program and its arguments.", valueName: "program"),
        completion: .shellCommand("compgen -c")
    )
    var words: [String] = []

    func validate() throws {
        if let first = words.first, first.hasPrefix("-"), first != "--" {
            let nearest = Suggestion.nearest(to: first, among: Self.names.filter { $0 != first })
            throw ValidationError("Unknown option '\(first)'" + (nearest.map { ". Did you mean '\($0)'?" } ?? ""))
        }
        if command.isEmpty { throw ValidationError("no program is named") }
    }

    /// What may stand before the program; the parser takes anything else for the program.
    private static let names = [
        "--layer", "--chain", "--name", "--set", "--output", "--quiet", "--verbose", "--synthetic",
        "--synthetic-names", "--synthetic-hold", "--backend", "--check", "--allow-uncovered", "--only", "--bypass",
        "--user", "--unit", "--json", "--help", "--version",
    ]

    /// The program and its arguments, without the `--` that may stand before them.
    var command: [String] { words.first == "--" ? Array(words.dropFirst()) : words }
}
