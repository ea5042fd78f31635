import Glibc

/// The JSON files of one folder in each directory of a catalog: `chains` or `policies`.
struct StoredFiles {
    /// One file, read or not.
    struct Item {
        let stem: String
        let file: String
        let origin: CatalogDirectory.Origin
        /// Its members; or why there are none.
        let reader: Result<ManifestReader, LaminaError>
    }

    private var trust = Trust()

    /// The files of a folder, directory after directory, by name. A folder that can't be trusted is one item without a
    /// name's file.
    mutating func all(in folder: String, of directories: [CatalogDirectory]) -> [Item] {
        var items: [Item] = []
        for directory in directories {
            let path = "\(directory.path)/\(folder)"
            do throws(LaminaError) {
                for name in try File.names(in: path, endingIn: ".json") {
                    items.append(item("\(path)/\(name)", in: directory))
                }
            } catch {
                items.append(Item(stem: "", file: path, origin: directory.origin, reader: .failure(error)))
            }
        }
        return items
    }

    /// The file of one name, of several the last one; nil where there is none.
    mutating func last(named stem: String, in folder: String, of directories: [CatalogDirectory]) -> Item? {
        for directory in directories.reversed() {
            let file = "\(directory.path)/\(folder)/\(stem).json"
            if access(file, F_OK) == 0 { return item(file, in: directory) }
        }
        return nil
    }

    private mutating func item(_ file: String, in directory: CatalogDirectory) -> Item {
        Item(stem: Manifest.stem(of: file), file: file, origin: directory.origin, reader: read(file))
    }

    private mutating func read(_ file: String) -> Result<ManifestReader, LaminaError> {
        do throws(LaminaError) {
            try trust.check(folder: File.folder(of: file))
            let (bytes, status) = try File.read(file, limit: CatalogReader.sizeLimit)
            try trust.check(status, of: file)
            let json = try JSON(parsing: bytes, named: file, code: .invalidManifest)
            guard let object = json.objectValue else {
                throw LaminaError(.invalidManifest, file, "holds \(json.kind) where an object is expected")
            }
            let reader = ManifestReader(object: object) { _ in file }
            guard let format = try reader.integer("format") else {
                throw reader.missing("format", "add \"format\": \(Manifest.format)")
            }
            guard format == Manifest.format else {
                throw reader.error(
                    "format",
                    "is \(format), and this Lamina reads \(Manifest.format)",
                    remedy: "install a newer Lamina"
                )
            }
            return .success(reader)
        } catch {
            return .failure(error)
        }
    }
}
