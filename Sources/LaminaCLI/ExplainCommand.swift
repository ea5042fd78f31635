import ArgumentParser
import Lamina
import LaminaHost

/// `lamina explain`: what a run of a program would do, and why.
struct ExplainCommand: ParsableCommand {
    static let name = "explain"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Say which layers a program would get and why, without running it.",
        discussion: """
            It says which back end would carry the program or why it is refused; which of --layer, --chain, LAMINA_LAYERS and \
            the policies decides, and why the others don't; each level with the reason for its place, its effect and the file \
            that says so; what TCP, UDP and Unix sockets get; and which installed layers are not in the chain.

            Examples:
              lamina explain curl
              lamina explain --layer trace --layer count -- curl https://example.org
              lamina explain --unit nginx.service /usr/sbin/nginx
            """
    )

    @Option(
        name: [.customShort("l", allowingJoined: true), .long],
        help: ArgumentHelp("What if this layer were given; may be repeated.", valueName: "name[=label][:key=value,…]"),
        completion: LayerCompletion.kind
    )
    var layer: [String] = []

    @Option(help: ArgumentHelp("What if this chain were named.", valueName: "name"), completion: ChainCompletion.kind)
    var chain: String?

    @Option(help: "What if lamina run were given this name.")
    var name: String?

    @Option(help: "What if this user ran it, by name or number.")
    var user: String?

    @Option(help: "What if it ran in this systemd unit.")
    var unit: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var program: ProgramOptions

    func run() throws {
        var layers: [LayerSpecification] = []
        for text in layer { layers.append(try LayerSpecification(parsing: text)) }
        var asked = ProgramIdentity(user: 0)
        if let user { try asked.set(user: user) }
        if let unit { try asked.set(unit: unit) }
        let explanation = Explanation(
            of: program.command[0],
            choosing: ChainSelection.Request(layers: layers, chain: chain),
            helper: Probe.helper
        ) { identity in
            identity.name = name
            if user != nil { identity.user = asked.user }
            if unit != nil { (identity.unit, identity.isSystemService) = (asked.unit, asked.isSystemService) }
        }
        print(json ? explanation.json.text(pretty: true) : Output.printableLines(explanation.text), terminator: "")
    }
}
