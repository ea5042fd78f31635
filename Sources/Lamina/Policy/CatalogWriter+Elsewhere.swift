import Glibc

extension CatalogWriter {
    /// The catalog of everybody who reads this directory: what is written here is checked against it. For a directory of the
    /// package or the system this leaves out what only some users have. Blocks for files.
    public func readersCatalog() -> Catalog {
        let isShared = directory.origin == .package || directory.origin == .system
        var directories = CatalogDirectory.standard()
        if isShared { directories.removeAll { $0.origin == .user || $0.origin == .given } }
        if !directories.contains(where: { $0.path == directory.path }) { directories.append(directory) }
        return Catalog(directories: directories)
    }

    /// Whether this directory has a file.
    func holds(_ file: String) -> Bool { access("\(directory.path)/\(file)", F_OK) == 0 }

    /// An error about what lies in another directory than this one.
    func elsewhere(
        _ subject: String,
        _ file: String,
        _ origin: CatalogDirectory.Origin,
        _ command: String,
        _ name: String
    ) -> LaminaError {
        let remedy =
            switch origin {
            case .system: "\(command) --system \(name)"
            case .user: "\(command) --user \(name)"
            case .package: "it came with a package; one of the same name in /etc or your own catalog replaces it"
            case .given: "\(command) --directory \(File.folder(of: File.folder(of: file))) \(name)"
            }
        return LaminaError(.notFound, subject, "is not in \(directory.path), but in \(file)", remedy: remedy)
    }
}
