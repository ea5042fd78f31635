import ArgumentParser
import Glibc
import Lamina

/// `lamina policy`: which programs get which layers.
struct PolicyCommand: ParsableCommand {
    static let name = "policy"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Say which programs get which layers without being asked.",
        discussion: """
            A subject is name:NAME (what lamina run --name was given), path:/PATH (where * stands for any characters but /), \
            unit:UNIT or user:USER. The most specific policy that names a program decides alone; layers or a chain that a run \
            names itself, and LAMINA_LAYERS, stand before every policy. Programs that use the API get what their policy says, \
            and so does lamina run without --layer and --chain.

            Examples:
              lamina policy set path:/usr/bin/curl --chain web
              lamina policy set 'path:/opt/app-*/bin/server' --layer count
              lamina policy set unit:nginx --chain web --system
              lamina policy set user:alice --none
              lamina explain curl
            """,
        subcommands: [PolicySetCommand.self, PolicyRemoveCommand.self, PolicyShowCommand.self]
    )
}

/// `lamina policy set`.
struct PolicySetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set what some programs get, in the place of what was set for them before.",
        discussion: "For a unit it prints the systemd drop-in that starts the unit through lamina run."
    )

    @Argument(help: "The programs: name:NAME, path:/PATH, unit:UNIT or user:USER.", completion: SubjectCompletion.kind)
    var subject: String

    @Option(help: ArgumentHelp("The chain that they get.", valueName: "name"), completion: ChainCompletion.kind)
    var chain: String?

    @Option(
        name: [.customShort("l", allowingJoined: true), .long],
        help: ArgumentHelp("A layer, from the program down; may be repeated.", valueName: "name[=label][:key=value,…]"),
        completion: LayerCompletion.kind
    )
    var layer: [String] = []

    @Flag(help: "No layer, whatever less specific policies say.")
    var none = false

    @OptionGroup var layers: DefinitionOptions

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        let ways = (chain == nil ? 0 : 1) + (layer.isEmpty ? 0 : 1) + (none ? 1 : 0)
        if ways == 0 { throw ValidationError("say --chain NAME, --layer NAME or --none") }
        if ways > 1 { throw ValidationError("--chain, --layer and --none stand alone") }
        if chain != nil, layers.base != nil || layers.derive {
            throw ValidationError("base and order are the chain's: without --base, --derive")
        }
    }

    func run() throws {
        let subject = try PolicySubject(parsing: subject)
        let writer = try place.writer()
        let policy = Policy(subject, chain.map(Policy.Choice.chain) ?? .layers(layers.definition(of: layer)))
        for warning in try writer.write(policy, in: writer.readersCatalog(), helper: Probe.helper) {
            Terminal.complain(warning)
        }
        print("\(Terminal.styled("\(subject)", .bold)): \(Output.printable(policy.text))")
        if case .unit(let unit) = subject {
            print("\n\(PolicyShowCommand.dropIn(for: unit))", terminator: "")
            if writer.directory.origin == .user {
                Terminal.complain(
                    "\(unit) reads this catalog only where it runs as this user; --system is for services"
                )
            }
        }
    }
}

/// `lamina policy remove`.
struct PolicyRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove what was set for some programs."
    )

    @Argument(help: "The programs, as they were named.", completion: SubjectCompletion.kind)
    var subject: String

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let subject = try PolicySubject(parsing: subject)
        let writer = try place.writer()
        try writer.remove(policy: subject, in: writer.readersCatalog())
        print("removed the policy for \(subject) from \(writer.directory.path)")
    }
}

/// `lamina policy show`.
struct PolicyShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "List the policies, the most specific first, or show one."
    )

    @Argument(help: "The programs, as they were named; all where none is given.", completion: SubjectCompletion.kind)
    var subject: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let catalog = Catalog()
        if let subject {
            let policy = try catalog.policy(for: try PolicySubject(parsing: subject))
            return json ? print(policy.entry.text(pretty: true), terminator: "") : show(policy)
        }
        let policies = catalog.policies()
        let problems = policies.problems + policies.items.compactMap(\.policy.failure)
        if json {
            let value: JSON = [
                "policies": .array(policies.sound.map(\.entry)),
                "problems": .array(problems.map { .string($0.description) }),
            ]
            return print(value.text(pretty: true), terminator: "")
        }
        for problem in problems { Terminal.complain(problem.description) }
        guard !policies.sound.isEmpty else {
            return print("no program gets layers unasked; lamina policy set says which does")
        }
        var table = Table(["SUBJECT", "FROM", "GETS"])
        for policy in policies.sound {
            table.add([
                Table.Cell("\(policy.subject)", .bold), Table.Cell(policy.origin.rawValue), Table.Cell(policy.text),
            ])
        }
        print(table.text, terminator: "")
    }

    private func show(_ policy: Policy) {
        print("\(Terminal.styled(Output.printable("\(policy.subject)"), .bold)): \(Output.printable(policy.text))")
        var table = Table(indentation: 2)
        table.add("file", policy.file)
        table.add("from", policy.origin.rawValue)
        print(table.text, terminator: "")
        if case .unit(let unit) = policy.subject { print("\n\(Self.dropIn(for: unit))", terminator: "") }
    }

    /// What is to be done so that a unit is started through Lamina.
    static func dropIn(for unit: String) -> String {
        let command = OriginStorage.executablePath(of: getpid()) ?? "/usr/bin/lamina"
        return Output.printableLines(SystemdUnit(unit).instructions(command: command))
    }
}

/// What a shell completes where a policy's subject is named.
enum SubjectCompletion {
    /// The subjects of policies, and what a new one begins with.
    static let kind = CompletionKind.custom { _, _, _ in
        Catalog().policies().items.map(\.subject.description) + ["name:", "path:", "unit:", "user:"]
    }
}
