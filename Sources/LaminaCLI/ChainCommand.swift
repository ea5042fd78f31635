import ArgumentParser
import Lamina

/// `lamina chain`: layers over a base that have a name.
struct ChainCommand: ParsableCommand {
    static let name = "chain"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Name layers over a base, so that runs, programs and policies can ask for them.",
        discussion: """
            Examples:
              lamina chain add web trace:data=sizes count
              lamina run --chain web -- curl https://example.org
              lamina chain show web
            """,
        subcommands: [ChainAddCommand.self, ChainRemoveCommand.self, ChainShowCommand.self]
    )
}

/// `lamina chain add`.
struct ChainAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Store a chain, in the place of one of its name.",
        discussion: """
            Layers are written as for lamina run, the first one next to the program. Everything is checked before anything \
            is stored. Secrets are stored as env:NAME or @/FILE, which are read when the chain is used.
            """
    )

    @Argument(help: "The chain's name.", completion: ChainCompletion.kind)
    var name: String

    @OptionGroup var layers: DefinitionOptions

    @Argument(
        help: ArgumentHelp("A layer, from the program down.", valueName: "name[=label][:key=value,…]"),
        completion: LayerCompletion.kind
    )
    var layer: [String] = []

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        if layer.isEmpty, layers.base == nil { throw ValidationError("neither a layer nor a base is named") }
    }

    func run() throws {
        let writer = try place.writer()
        let chain = try NamedChain(name, layers.definition(of: layer))
        for warning in try writer.write(chain, in: writer.readersCatalog(), helper: Probe.helper) {
            Terminal.complain(warning)
        }
        print("chain \(Terminal.styled(name, .bold)): \(Output.printable(chain.text))")
        var table = Table(indentation: 2)
        table.add("file", "\(writer.directory.path)/chains/\(name).json")
        table.add("try", "lamina run --chain \(name) -- PROGRAM")
        print(table.text, terminator: "")
    }
}

/// `lamina chain remove`.
struct ChainRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a chain. Its layers stay installed."
    )

    @Argument(help: "The chain's name.", completion: ChainCompletion.kind)
    var name: String

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let writer = try place.writer()
        try writer.remove(chain: name, in: writer.readersCatalog())
        print("removed chain \(name) from \(writer.directory.path)")
    }
}

/// `lamina chain show`.
struct ChainShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "List the chains that have a name, or show everything about one."
    )

    @Argument(help: "The chain's name; all where none is given.", completion: ChainCompletion.kind)
    var name: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let catalog = Catalog()
        if let name { return try Self.show(try catalog.chain(named: name), json: json) }
        let chains = catalog.namedChains()
        if json {
            let value: JSON = [
                "chains": .array(chains.compactMap { try? $0.get().entry }),
                "problems": .array(chains.compactMap(\.failure).map { .string($0.description) }),
            ]
            return print(value.text(pretty: true), terminator: "")
        }
        for problem in chains.compactMap(\.failure) { Terminal.complain(problem.description) }
        var table = Table(["NAME", "FROM", "LAYERS"])
        for chain in chains.compactMap({ try? $0.get() }) {
            table.add([Table.Cell(chain.name, .bold), Table.Cell(chain.origin.rawValue), Table.Cell(chain.text)])
        }
        let isEmpty = chains.allSatisfy { $0.failure != nil }
        print(isEmpty ? "no chain has a name; lamina chain add NAME LAYER… gives one\n" : table.text, terminator: "")
    }

    /// Prints everything about one chain.
    static func show(_ chain: NamedChain, json: Bool) throws {
        if json { return print(chain.entry.text(pretty: true), terminator: "") }
        let catalog = Catalog()
        print("\(Terminal.styled(chain.name, .bold)): \(Output.printable(chain.text))")
        var table = Table(indentation: 2)
        for layer in chain.definition.layers { table.add("layer", layer) }
        table.add("base", chain.definition.base ?? "\(ChainDefinition.defaultBase), because none is named")
        table.add("order", chain.definition.order.rawValue)
        do throws(LaminaError) {
            let order = try chain.definition.check(in: catalog, helper: Probe.helper)
            table.add("state", "available", .green)
            for placement in order.placements {
                table.add("stands", "\(placement.member.label): \(placement.reasons.joined(separator: "; "))")
            }
            for warning in order.warnings { table.add("warning", warning, .yellow) }
        } catch {
            table.add("state", "can't be used: \(error)", .red)
        }
        for item in catalog.allProtocols() where item.kind == .chain && item.name == chain.name {
            table.add("serves", item.protocol?.text ?? "")
        }
        table.add("identity", chain.uuid)
        table.add("file", chain.file)
        table.add("from", chain.origin.rawValue)
        print(table.text, terminator: "")
    }
}

/// Base and order, as `chain add` and `policy set` take them.
struct DefinitionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("What the layers stand on; kernel unless named.", valueName: "name[=label][:key=value,…]"),
        completion: LayerCompletion.kind
    )
    var base: String?

    @Flag(help: "Derive the order from phases and rules whenever the chain is used, instead of keeping it as written.")
    var derive = false

    /// These layers as they are stored.
    func definition(of layers: [String]) -> ChainDefinition {
        ChainDefinition(layers: layers, base: base, order: derive ? .derived : .given)
    }
}

/// What a shell completes where a chain is named.
enum ChainCompletion {
    /// The names of chains.
    static let kind = CompletionKind.custom { _, _, _ in
        Catalog().namedChains().compactMap { try? $0.get().name }
    }
}

extension Result {
    /// The error; nil where there is none.
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
