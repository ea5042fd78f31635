import ArgumentParser
import Lamina

/// `lamina list`: what the catalog holds. Loads no plug-in's code.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is installed: bases, layers, and chains that have a name.",
        discussion: """
            Entries that can't be used are shown with the reason. Manifests are read from catalog.d directories: the \
            package's, the system's, the user's, then each in LAMINA_CATALOG_PATH; a later one overrides by name.

            Examples:
              lamina list --kind layered --effect none
              lamina list --family unix --type stream
              lamina list --all --json            every protocol of every entry, as WSCEnumProtocols has them
            """
    )

    @Flag(help: "Print JSON: every entry with all that its manifest says, chains, and what sockets can be opened on.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show masked and hidden entries too, and what each base serves.")
    var all = false

    @OptionGroup var filters: FilterOptions

    func run() throws {
        let filter = try filters.filter()
        let catalog = Catalog()
        let isPlain = filter == CatalogFilter()
        let entries = catalog.verified().filter { isPlain || filter.admits($0) }
        let chains = catalog.namedChains().filter { item in
            guard !isPlain else { return true }
            return (try? item.get()).map { filter.admits($0, in: catalog) } ?? false
        }
        if json {
            print(json(entries, chains, of: catalog).text(pretty: true), terminator: "")
            return
        }
        for problem in catalog.problems + chains.compactMap(\.failure) { Terminal.complain(problem.description) }
        // Who asks for a state asks for what is in it.
        let isEverything = all || filter.state != nil
        let shown = isEverything ? entries : entries.filter { !$0.isMasked && $0.manifest?.isHidden != true }
        let named = chains.compactMap { try? $0.get() }
        guard !shown.isEmpty || !named.isEmpty else {
            print(
                isPlain ? "nothing is installed; lamina install FILE.so installs a plug-in" : "nothing installed fits"
            )
            return
        }
        print(table(of: shown, named).text, terminator: "")
    }

    private func table(of entries: [CatalogEntry], _ chains: [NamedChain]) -> Table {
        var table = Table(["NAME", "KIND", "PHASE", "EFFECT", "FROM"] + (all ? ["SERVES"] : []) + ["SUMMARY"])
        for entry in entries {
            var row = [Table.Cell(entry.name, .bold)]
            let isBase = entry.manifest?.kind == .base
            let kind = entry.manifest.map { $0.isHidden ? "\($0.kind.rawValue), hidden" : $0.kind.rawValue }
            row.append(Table.Cell(kind ?? "-"))
            row.append(Table.Cell(entry.manifest.map { $0.phase == .none ? "-" : $0.phase.rawValue } ?? "-"))
            row.append(Table.Cell(entry.manifest.map { isBase ? "-" : $0.effect.rawValue } ?? "-"))
            row.append(Table.Cell(entry.origin.rawValue))
            if all {
                let served = entry.manifest?.protocols.map(\.text).joined(separator: ", ") ?? ""
                row.append(Table.Cell(served.isEmpty ? "-" : served))
            }
            switch entry.state {
            case .available: row.append(Table.Cell(entry.manifest?.summary ?? ""))
            case .masked: row.append(Table.Cell(entry.reason ?? "masked", .yellow))
            case .unavailable: row.append(Table.Cell("can't be used: \(entry.reason ?? "")", .red))
            }
            table.add(row)
        }
        for chain in chains {
            let head = [Table.Cell(chain.name, .bold), "chain", "-", "-", Table.Cell(chain.origin.rawValue)]
            table.add(head + (all ? ["-"] : []) + [Table.Cell(chain.text)])
        }
        return table
    }

    private func json(
        _ entries: [CatalogEntry],
        _ chains: [Result<NamedChain, LaminaError>],
        of catalog: Catalog
    ) -> JSON {
        let names = Set(entries.map(\.name)).union(chains.compactMap { try? $0.get().name })
        let protocols = (all ? catalog.allProtocols() : catalog.protocols()).filter { names.contains($0.name) }
        let problems = catalog.problems + chains.compactMap(\.failure)
        return [
            "directories": .array(
                catalog.directories.map { ["path": .string($0.path), "origin": .string($0.origin.rawValue)] }
            ),
            "problems": .array(problems.map { .string($0.description) }),
            "entries": .array(entries.map(\.json)),
            "chains": .array(chains.compactMap { try? $0.get().entry }),
            "protocols": .array(protocols.map(\.json)),
        ]
    }
}

/// Which entries a list shows.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only this kind: base, layered, terminating, chain.", completion: values("kind"))
    var kind: String?
    @Option(help: "Only layers of this phase.", completion: values("phase"))
    var phase: String?
    @Option(help: "Only layers that do this to data: none, observe, transform.", completion: values("effect"))
    var effect: String?
    @Option(help: "Only what lies there: package, system, user, given.", completion: values("from"))
    var from: String?
    @Option(help: "Only what serves this family: inet, inet6, unix.", completion: values("family"))
    var family: String?
    @Option(help: "Only what serves this type: stream, datagram.", completion: values("type"))
    var type: String?
    @Option(help: "Only what is in this state.", completion: values("state"))
    var state: String?

    private static func values(_ term: String) -> CompletionKind { .list(CatalogFilter.values(of: term)) }

    /// What was asked for.
    func filter() throws(LaminaError) -> CatalogFilter {
        let given = [kind, phase, effect, from, family, type, state]
        return try CatalogFilter(zip(CatalogFilter.terms, given).compactMap { term, value in value.map { (term, $0) } })
    }
}

extension CatalogEntry {
    /// Whether a later directory masks it.
    var isMasked: Bool {
        if case .masked = state { true } else { false }
    }
}
