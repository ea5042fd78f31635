import ArgumentParser
import Lamina

/// `lamina manifest`: what `lamina install` would write, for those who make packages.
struct ManifestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Print a plug-in's manifest, for a package that installs it.",
        discussion: """
            The plug-in is loaded in a child process. Put the output in share/lamina/catalog.d/NAME.json and the library \
            in lib/lamina of the same prefix.
            """
    )

    @Argument(
        help: ArgumentHelp("The plug-in's shared object.", valueName: "file.so"),
        completion: .file(extensions: ["so"])
    )
    var file: String

    @Option(help: "Which provider, where the file holds several.")
    var provider: String?

    @Option(help: ArgumentHelp("The library as the manifest names it; else the file's name.", valueName: "name"))
    var library: String?

    @Option(
        help: ArgumentHelp("A JSON object whose members override what the plug-in says.", valueName: "file.json"),
        completion: .file(extensions: ["json"])
    )
    var override: String?

    func run() throws {
        let manifests = try Probe.run(file, helper: Probe.helper)
        var manifest = try Self.choose(provider, of: manifests, in: file)
        manifest.library = library ?? String(file.split(separator: "/").last ?? Substring(file))
        var json = manifest.json
        if let override { json = try Self.merge(json, with: override) }
        print(json.text(pretty: true), terminator: "")
    }

    private static func choose(_ name: String?, of manifests: [Manifest], in file: String) throws(LaminaError)
        -> Manifest
    {
        if name == nil, manifests.count == 1 { return manifests[0] }
        let names = manifests.map(\.name)
        if let found = manifests.first(where: { $0.name == name }) { return found }
        let remedy = Suggestion.remedy(
            for: name ?? "",
            among: names,
            otherwise: "say --provider with one of \(names.joined(separator: ", "))"
        )
        throw LaminaError(
            .notFound,
            file,
            name.map { "has no provider \"\($0)\"" } ?? "has several providers",
            remedy: remedy
        )
    }

    private static func merge(_ json: JSON, with file: String) throws(LaminaError) -> JSON {
        let over = try JSON(file: file, code: .invalidManifest)
        var object = json.objectValue ?? JSON.Object()
        for (key, value) in over.objectValue?.members ?? [] { object[key] = value }
        // What was merged must be a manifest still.
        _ = try Manifest(parsing: Array(JSON.object(object).text().utf8), file: file)
        return .object(object)
    }
}
