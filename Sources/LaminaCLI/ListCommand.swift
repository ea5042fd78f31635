import ArgumentParser
import Lamina

/// `lamina list`: what the catalog holds. Loads no plug-in's code.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is installed.",
        discussion: """
            Entries that can't be used are shown with the reason. Manifests are read from catalog.d directories: the \
            package's, the system's, the user's, then each in LAMINA_CATALOG_PATH; a later one overrides by name.
            """
    )

    @Flag(help: "Print JSON: every entry with all that its manifest says.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show masked and hidden entries too, and what each base serves.")
    var all = false

    func run() {
        let catalog = Catalog()
        let entries = catalog.verified()
        if json {
            print(Self.json(entries, of: catalog).text(pretty: true), terminator: "")
            return
        }
        for problem in catalog.problems { Terminal.complain(problem.description) }
        let shown = all ? entries : entries.filter { !$0.isMasked && $0.manifest?.isHidden != true }
        guard !shown.isEmpty else {
            print("nothing is installed; lamina install FILE.so installs a plug-in")
            return
        }
        print(table(of: shown).text, terminator: "")
    }

    private func table(of entries: [CatalogEntry]) -> Table {
        var table = Table(["NAME", "KIND", "PHASE", "EFFECT", "FROM"] + (all ? ["SERVES"] : []) + ["SUMMARY"])
        for entry in entries {
            var row = [Table.Cell(entry.name, .bold)]
            let isBase = entry.manifest?.kind == .base
            row.append(Table.Cell(entry.manifest?.kind.rawValue ?? "-"))
            row.append(Table.Cell(entry.manifest.map { $0.phase == .none ? "-" : $0.phase.rawValue } ?? "-"))
            row.append(Table.Cell(entry.manifest.map { isBase ? "-" : $0.effect.rawValue } ?? "-"))
            row.append(Table.Cell(entry.origin.rawValue))
            if all {
                let served = entry.manifest?.served ?? ""
                row.append(Table.Cell(served.isEmpty ? "-" : served))
            }
            switch entry.state {
            case .available: row.append(Table.Cell(entry.manifest?.summary ?? ""))
            case .masked: row.append(Table.Cell(entry.reason ?? "masked", .yellow))
            case .unavailable: row.append(Table.Cell("can't be used: \(entry.reason ?? "")", .red))
            }
            table.add(row)
        }
        return table
    }

    private static func json(_ entries: [CatalogEntry], of catalog: Catalog) -> JSON {
        [
            "directories": .array(
                catalog.directories.map { ["path": .string($0.path), "origin": .string($0.origin.rawValue)] }
            ),
            "problems": .array(catalog.problems.map { .string($0.description) }),
            "entries": .array(entries.map(\.json)),
        ]
    }
}

extension CatalogEntry {
    /// Whether a later directory masks it.
    var isMasked: Bool {
        if case .masked = state { true } else { false }
    }
}

extension Manifest {
    /// What a base serves, in words: `inet stream, unix datagram`.
    var served: String {
        let protocols = protocols.map { item in
            let parts = [item.json["family"], item.json["type"]]
            return parts.map { $0?.stringValue ?? $0?.text() ?? "any" }.joined(separator: " ")
        }
        return protocols.joined(separator: ", ")
    }
}
