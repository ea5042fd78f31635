import ArgumentParser
import Lamina
import LaminaHost

/// `lamina forward`: carries connections through layers without a program that is run.
struct ForwardCommand: ParsableCommand {
    static let name = "forward"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Forward connections through layers, or serve SOCKS5.",
        discussion: """
            Listens at LISTEN and connects each connection to TARGET through the layers, of which the first stands next to \
            the client. With --socks the clients name the targets, as at a SOCKS5 server. Addresses are HOST:PORT, \
            [IPV6]:PORT or unix:/PATH. The first line on standard output is the address; port 0 lets the system choose one. \
            Names are resolved through the layers.

            Ends with 0 on Ctrl-C and SIGTERM: open connections are reset, with --drain after that time. 125 means that \
            lamina failed or refused.

            Examples:
              lamina forward --layer trace 127.0.0.1:0 example.org:443
              lamina forward --layer socks5:server=proxy:1080 unix:/tmp/db.sock db.internal:5432
              lamina forward --socks --layer count localhost:1080
            """
    )

    @Option(
        name: [.customShort("l", allowingJoined: true), .long],
        help: ArgumentHelp("A layer, from the client down; may be repeated.", valueName: "name[=label][:key=value,…]"),
        completion: LayerCompletion.kind
    )
    var layer: [String] = []

    @Option(help: ArgumentHelp("The chain of this name.", valueName: "name"), completion: ChainCompletion.kind)
    var chain: String?

    @Option(help: "What it is called: by lamina ps, set, off and on, and by policies (name:NAME).")
    var name: String?

    @Flag(help: "Serve SOCKS5 (CONNECT, without a login) in place of one target.")
    var socks = false

    @Option(help: ArgumentHelp("How long open connections may go on at the end; 0 unless given.", valueName: "seconds"))
    var drain: Double = 0

    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("Where to listen.", valueName: "listen"))
    var listen: String

    @Argument(help: ArgumentHelp("Where to connect to.", valueName: "target"))
    var target: String?

    func validate() throws {
        if socks, let target {
            throw ValidationError("with --socks the clients name the targets, and \(target) is one")
        }
        if !socks, target == nil { throw ValidationError("no target is named, and --socks isn't given") }
        if !(0...86_400).contains(drain) { throw ValidationError("--drain takes seconds from 0 to 86400") }
    }

    func run() throws {
        if output.quiet { Output.show(.error) }
        var forward = try Forward(
            listen: listen,
            target: target,
            choosing: ChainSelection.Request(
                layers: try layer.map { try LayerSpecification(parsing: $0) },
                chain: chain
            ),
            name: name
        )
        forward.output = output.output
        forward.verbosity = output.verbosity
        forward.drainTime = drain
        forward.start().leave()
    }
}
