import ArgumentParser
import Lamina

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

    @Option(help: "What a policy (name:NAME) may know this run by.")
    var name: String?

    @OptionGroup var options: RunOptions

    func run() throws {
        try options.line(on: layer, chain: chain, name: name).run()
    }
}
