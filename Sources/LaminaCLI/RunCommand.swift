import ArgumentParser
import Lamina
import LaminaHost

/// `lamina run`: an unmodified program on a chain of layers.
struct RunCommand: ParsableCommand {
    static let name = "run"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Run a program through layers.",
        discussion: """
            The first layer stands next to the program. A layer is NAME[=LABEL][:key=value,…]; a NAME with a / is a \
            plug-in's file, which need not be installed. The program's streams, signals and exit status are as without \
            lamina; 125 means that lamina failed or refused, 126 and 127 that the program can't be started.

            Examples:
              lamina run --layer trace --layer count -- curl https://example.org
              lamina run --layer trace:when=[port=443] -- git fetch
              lamina run --layer ./libMine.so:limit=1mbit -- wget URL
              lamina run --chain web -- wget URL
              lamina run --check -- ./tool
              lamina run --check --layer firewall:file=rules,default=deny -- curl https://example.org
              lamina run --layer socks5:server=proxy:1080 --bypass loopback --bypass 10.0.0.0/8 -- git fetch

            Without --layer the layers are those of --chain, else of LAMINA_LAYERS, else of the policy that names the program, \
            else none; lamina explain PROGRAM says which and why.
            """
    )

    @Option(
        name: [.customShort("l", allowingJoined: true), .long],
        help: ArgumentHelp("A layer, from the program down; may be repeated.", valueName: "name[=label][:key=value,…]"),
        completion: LayerCompletion.kind
    )
    var layer: [String] = []

    @Option(help: ArgumentHelp("The chain of this name.", valueName: "name"), completion: ChainCompletion.kind)
    var chain: String?

    @Option(help: "What the run is called: by lamina ps, set, off and on, and by policies (name:NAME).")
    var name: String?

    @Option(
        help: ArgumentHelp(
            "A network whose addresses stand for names that a layer resolves remotely, one for each family.",
            valueName: "network"
        )
    )
    var synthetic: [String] = []

    @Option(help: ArgumentHelp("How many such names there may be at once; 16384 unless given.", valueName: "count"))
    var syntheticNames: Int?

    @Option(
        help: ArgumentHelp(
            "How long one keeps its address at least, in seconds; 600 unless given.",
            valueName: "seconds"
        )
    )
    var syntheticHold: Int?

    @Option(
        help: ArgumentHelp(
            "What carries the program: \(BackEnd.names.joined(separator: " or ")); what reaches it, unless "
                + "given.",
            valueName: "back-end"
        ),
        completion: .list(BackEnd.names),
        transform: BackEnd.named
    )
    var backend: BackEnd?

    @Flag(
        help: "Say what would carry the program, what would not be covered, and the rules of its layers; run nothing."
    )
    var check = false

    @Flag(help: "With --check: print JSON.")
    var json = false

    @Flag(help: "Let calls that no back end covers go on past the chain, instead of refusing them.")
    var allowUncovered = false

    @OptionGroup var options: RunOptions

    func validate() throws {
        if json, !check { throw ValidationError("--json is for --check") }
    }

    func run() throws {
        if check {
            let check = RunCheck(
                of: options.program.command[0],
                wanted: backend,
                choosing: ChainSelection.Request(
                    layers: try layer.map { try LayerSpecification(parsing: $0) },
                    chain: chain
                ),
                name: name,
                helper: Probe.helper
            )
            print(json ? check.json.text(pretty: true) : check.text + "\n", terminator: "")
            throw ExitCode(check.code)
        }
        var line = try options.line(on: layer, chain: chain, name: name)
        line.synthetics = try SyntheticAddresses(networks: synthetic, count: syntheticNames, hold: syntheticHold)
        line.backEnd = backend
        line.allowsUncovered = allowUncovered
        try line.run()
    }
}

extension BackEnd {
    static let names = allCases.map(\.rawValue)

    /// The back end that an option names.
    static func named(_ text: String) throws -> BackEnd {
        guard let found = BackEnd(rawValue: text) else {
            throw ValidationError("there is no back end '\(text)'; there are \(names.joined(separator: " and "))")
        }
        return found
    }
}
