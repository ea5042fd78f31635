import ArgumentParser
import Lamina

/// `lamina remove`: takes a provider out of one catalog directory.
struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove what `lamina install` installed; lamina disable hides what came otherwise."
    )

    @Argument(help: "The entry's name.", completion: LayerCompletion.kind)
    var name: String

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let writer = try place.writer()
        do throws(LaminaError) {
            try writer.remove(name)
        } catch {
            throw elsewhere(than: writer.directory) ?? error
        }
        print("removed \(name) from \(writer.directory.path)")
    }

    /// An error that says where the provider is installed, if it is.
    private func elsewhere(than directory: CatalogDirectory) -> LaminaError? {
        let found = Catalog().entries.first {
            $0.name == name && $0.files.last?.hasPrefix("\(directory.path)/") != true
        }
        guard let found, let file = found.files.last else { return nil }
        let remedy =
            switch found.origin {
            case .system: "lamina remove --system \(name)"
            case .user: "lamina remove --user \(name)"
            case .package: "lamina disable \(name) hides it"
            case .given:
                "lamina remove --directory \(file.prefix(upTo: file.lastIndex(of: "/") ?? file.endIndex)) \(name)"
            }
        return LaminaError(
            .notFound,
            "provider \"\(name)\"",
            "is not installed in \(directory.path), but by \(file)",
            remedy: remedy
        )
    }
}
