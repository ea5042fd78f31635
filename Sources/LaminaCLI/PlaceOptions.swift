import ArgumentParser
import Lamina

/// Whose catalog a command changes.
struct PlaceOptions: ParsableArguments {
    enum Place: String, EnumerableFlag {
        case user
        case system

        static func help(for value: Place) -> ArgumentHelp? {
            switch value {
            case .user: "For this user (the default)."
            case .system: "For every user of this machine: /etc/lamina/catalog.d."
            }
        }
    }

    @Flag(exclusivity: .exclusive)
    var place: Place?

    @Option(
        help: ArgumentHelp(
            "A catalog.d directory of your own; LAMINA_CATALOG_PATH names those.",
            valueName: "catalog.d"
        ),
        completion: .directory
    )
    var directory: String?

    func validate() throws {
        if directory != nil, place != nil {
            throw ValidationError("--directory stands alone: without --user, --system")
        }
    }

    /// The writer of that catalog.
    func writer() throws(LaminaError) -> CatalogWriter {
        if let directory { return CatalogWriter(CatalogDirectory(directory)) }
        if place == .system { return CatalogWriter(.system) }
        guard let user = CatalogDirectory.user else {
            throw LaminaError(.notFound, "HOME", "is not set", remedy: "set it, or say --system or --directory")
        }
        return CatalogWriter(user)
    }
}
