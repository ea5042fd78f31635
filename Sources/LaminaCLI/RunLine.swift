import Lamina
import LaminaHost

/// What a command line asks for that runs a program: its layers, its program, and where lines go.
struct RunLine: Equatable {
    /// The layers, as they were written; the first one stands next to the program.
    var layers: [String] = []
    /// The chain that is named.
    var chain: String?
    /// What policies may know the run by.
    var name: String?
    /// The file for the layers' lines.
    var output: String?
    var verbosity = Run.Verbosity.normal
    /// Which destinations are carried.
    var coverage = Coverage()
    /// The addresses that stand for names which nobody resolved.
    var synthetics = SyntheticAddresses()
    /// What carries the program; nil: what reaches it.
    var backEnd: BackEnd?
    /// Calls that no back end covers go on.
    var allowsUncovered = false
    /// The program and its arguments.
    var command: [String] = []

    /// Runs the program, and ends as it ends.
    func run() throws -> Never {
        var specifications: [LayerSpecification] = []
        for layer in layers { specifications.append(try LayerSpecification(parsing: layer)) }
        if verbosity == .quiet { Output.show(.error) }
        var run = try Run(
            program: command[0],
            arguments: Array(command.dropFirst()),
            choosing: ChainSelection.Request(layers: specifications, chain: chain),
            name: name
        )
        run.output = output
        run.verbosity = verbosity
        run.coverage = coverage
        run.synthetics = synthetics
        run.backEnd = backEnd
        run.allowsUncovered = allowsUncovered
        run.start().leave()
    }
}

extension RunLine {
    /// Reads the plain forms of `lamina run` and `lamina trace`, whose start the parser would lengthen by a quarter. Nil
    /// for everything else, help and mistakes among it: that is the parser's.
    init?(reading arguments: [String]) {
        guard let command = arguments.first, [RunCommand.name, TraceCommand.name].contains(command) else { return nil }
        let isTrace = command == TraceCommand.name
        var settings: [String] = []
        var words = arguments.dropFirst()
        while let word = words.first, word.utf8.first == UInt8(ascii: "-") {
            words.removeFirst()
            if word == "--" { break }
            switch (word, isTrace) {
            case ("-q", _), ("--quiet", _), ("-v", _), ("--verbose", _):
                guard verbosity == .normal else { return nil }
                verbosity = word == "-q" || word == "--quiet" ? .quiet : .verbose
                continue
            case ("--chain", false), ("--name", false): break
            case ("-l", false), ("--layer", false), ("-s", true), ("--set", true), ("-o", _), ("--output", _): break
            default: return nil
            }
            guard let value = words.popFirst(), value.utf8.first != UInt8(ascii: "-") else { return nil }
            switch word {
            case "-o", "--output": output = value
            case "--chain": chain = value
            case "--name": name = value
            case "-l", "--layer": layers.append(value)
            default: settings.append(value)
            }
        }
        guard !words.isEmpty else { return nil }
        self.command = Array(words)
        if isTrace { layers = [TraceCommand.layer(settings)] }
    }
}
