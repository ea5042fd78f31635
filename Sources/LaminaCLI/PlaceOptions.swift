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

    /// The directory that was named; nil where none was.
    func named() throws(LaminaError) -> CatalogDirectory? {
        directory == nil && place == nil ? nil : try writer().directory
    }

    /// The whole catalog, with the directory that was named.
    func catalog() throws(LaminaError) -> Catalog {
        let directories = CatalogDirectory.standard()
        guard let named = try named(), !directories.contains(named) else { return Catalog(directories: directories) }
        return Catalog(directories: directories + [named])
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
