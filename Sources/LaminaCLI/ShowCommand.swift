import ArgumentParser
import Lamina

/// `lamina show`: everything about one entry, or about a plug-in that is not installed.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show everything about one entry: its table, its settings, its files.",
        discussion: """
            A path (with a /) names a plug-in that need not be installed; it is loaded in a child process.
            """
    )

    @Argument(help: "An entry's name, or a plug-in's path.", completion: LayerCompletion.kind)
    var name: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if let chain = Self.chain(named: name) { return try ChainShowCommand.show(chain, json: json) }
        let entries = name.contains("/") ? try Self.entries(in: name) : [try Self.entry(named: name)]
        if json {
            let values = entries.map(\.json)
            let value = name.contains("/") ? JSON.array(values) : values.first ?? .null
            print(value.text(pretty: true), terminator: "")
        } else {
            print(entries.map { Self.text(of: $0) }.joined(separator: "\n"), terminator: "")
        }
    }

    /// The chain of this name where no provider has it.
    private static func chain(named name: String) -> NamedChain? {
        guard !name.contains("/"), (try? Catalog().entry(named: name)) == nil else { return nil }
        return try? Catalog().chain(named: name)
    }

    /// The catalog's entry; a manifest that lists no entries gets them from a probe.
    private static func entry(named name: String) throws(LaminaError) -> ShownEntry {
        let entry = try Catalog().entry(named: name)
        var shown = ShownEntry(entry)
        guard entry.isAvailable, let library = entry.library, entry.manifest?.entries.isEmpty == true else {
            return shown
        }
        let probed = try Probe.run(library, helper: Probe.helper)
        if let seen = probed.first(where: { $0.name == name }) {
            shown.manifest?.entries = seen.entries
            shown.manifest?.indications = seen.indications
        }
        return shown
    }

    private static func entries(in library: String) throws(LaminaError) -> [ShownEntry] {
        try Probe.run(library, helper: Probe.helper).map { ShownEntry($0, library: library) }
    }

    // MARK: - Text

    private static func text(of entry: ShownEntry) -> String {
        let title = Terminal.styled(Output.printable(entry.name), .bold)
        var text =
            entry.manifest.map { $0.summary.isEmpty ? title : "\(title): \(Output.printable($0.summary))" }
            ?? title
        text += "\n" + facts(of: entry).text
        guard let manifest = entry.manifest else { return text }
        if !manifest.protocols.isEmpty { text += "\nProtocols\n" + protocols(of: manifest).text }
        text += "\nSettings\n" + settings(of: manifest).text
        text += "\nEntries implemented\n" + lines(of: manifest.entries)
        if !manifest.indications.isEmpty { text += "\nIndications implemented\n" + lines(of: manifest.indications) }
        return text
    }

    private static func facts(of entry: ShownEntry) -> Table {
        var table = Table(indentation: 2)
        switch entry.state {
        case .available: table.add("state", "available", .green)
        case .masked: table.add("state", entry.reason ?? "masked", .yellow)
        case .unavailable: table.add("state", "can't be used: \(entry.reason ?? "")", .red)
        }
        if let manifest = entry.manifest {
            table.add(
                "kind",
                manifest.isHidden ? "\(manifest.kind.rawValue), chosen by name only" : manifest.kind.rawValue
            )
            if manifest.kind == .base {
                table.add("serves", manifest.protocols.map(\.text).joined(separator: ", "))
            } else {
                let category = manifest.phase.winsockCategory.map { " (Winsock's \($0))" } ?? ""
                table.add("phase", manifest.phase.rawValue + category)
                table.add("effect", manifest.effect.rawValue)
                table.add("required", manifest.isRequired ? "yes: an open fails without it" : "no")
            }
            table.add("handoff", manifest.handoff.rawValue)
            table.add("categories", (manifest.json["categories"]?.arrayValue ?? []).words(or: "all"))
            for (rule, names) in [
                ("above", manifest.before), ("below", manifest.after), ("conflicts", manifest.conflicts),
                ("requires", manifest.requires),
            ] {
                table.add(rule, names.joined(separator: ", "))
            }
            table.add("version", manifest.version)
            table.add("identity", manifest.uuid)
            table.add("abi", manifest.abi.count == 1 ? "\(manifest.abi.lowerBound)" : "\(manifest.abi)")
        }
        table.add("library", entry.library ?? "")
        table.add("sha256", entry.manifest?.sha256 ?? "")
        for file in entry.files { table.add("manifest", file) }
        table.add("from", entry.origin?.rawValue ?? "")
        return table
    }

    /// What a base serves, with everything that an entry says (WSAPROTOCOL_INFO).
    private static func protocols(of manifest: Manifest) -> Table {
        var table = Table(["PROTOCOL", "MESSAGE", "ADDRESS", "ORDER", "SECURITY", "FLAGS", "SERVICES"], indentation: 2)
        func list(_ texts: [String]) -> Table.Cell { Table.Cell(texts.isEmpty ? "-" : texts.joined(separator: ", ")) }
        for item in manifest.protocols {
            let sizes = item.addressSizes
            let size = item.messageSize == 0 ? "stream" : item.messageSize == 1 ? "varies" : "\(item.messageSize)"
            table.add([
                Table.Cell(item.text, .bold), Table.Cell(size),
                Table.Cell(sizes.count == 1 ? "\(sizes.lowerBound)" : "\(sizes.lowerBound)-\(sizes.upperBound)"),
                Table.Cell(item.byteOrder.rawValue), Table.Cell(item.security ?? "-"),
                list(item.providerFlags.texts), list(item.serviceFlags.texts),
            ])
        }
        return table
    }

    /// Columns that choices may take; more of them stand in what is said about the setting.
    private static let choiceWidth = 30

    private static func settings(of manifest: Manifest) -> Table {
        var table = Table(manifest.settings.isEmpty ? [] : ["NAME", "TYPE", "DEFAULT", "ABOUT"], indentation: 2)
        for setting in manifest.settings {
            let few = setting.choices.joined(separator: "|")
            let isListed = few.count > Self.choiceWidth
            let type = few.isEmpty || isListed ? setting.type.rawValue : few
            var notes = setting.help.isEmpty ? [] : [setting.help]
            if setting.isRequired { notes.append("must be given") }
            if setting.isList { notes.append("may be repeated") }
            if isListed { notes.append("one of \(setting.choices.joined(separator: ", "))") }
            if setting.isLive { notes.append("can be changed while sockets are open") }
            table.add([
                Table.Cell(setting.name, .bold), Table.Cell(type), Table.Cell(setting.default ?? "-"),
                Table.Cell(notes.joined(separator: "; ")),
            ])
        }
        table.add([
            Table.Cell("when, except", .dim), Table.Cell("conditions"), Table.Cell("-"),
            Table.Cell("which sockets it stands in: network, name, port, program, direction; every layer has them"),
        ])
        return table
    }

    /// Words in lines of at most 76 columns.
    private static func lines(of words: [String]) -> String {
        guard !words.isEmpty else { return "  none known\n" }
        var lines = [""]
        for word in words.map(Output.printable) {
            let last = lines[lines.count - 1]
            if last.isEmpty || last.count + word.count < 74 {
                lines[lines.count - 1] = last.isEmpty ? word : "\(last), \(word)"
            } else {
                lines[lines.count - 1] = "\(last),"
                lines.append(word)
            }
        }
        return lines.map { "  \($0)\n" }.joined()
    }
}

extension [JSON] {
    fileprivate func words(or nothing: String) -> String {
        isEmpty ? nothing : compactMap(\.stringValue).joined(separator: ", ")
    }
}
