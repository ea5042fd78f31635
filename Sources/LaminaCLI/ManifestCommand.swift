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

    func run() throws {
        let manifests = try Probe.run(file, helper: Probe.helper)
        var manifest = try Self.choose(provider, of: manifests, in: file)
        manifest.library = library ?? String(file.split(separator: "/").last ?? Substring(file))
        print(manifest.json.text(pretty: true), terminator: "")
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
}
