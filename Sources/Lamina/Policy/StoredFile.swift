/// A file of one of the folders `chains` and `policies`.
struct StoredFile {
    /// Its name without `.json`.
    let stem: String
    /// Its path.
    let file: String
    /// Whose directory it lies in.
    let origin: CatalogDirectory.Origin
    /// Its members; or why there are none.
    let reader: Result<ManifestReader, LaminaError>

    fileprivate init(_ stem: String, _ document: CatalogReader.Document, _ trust: inout Trust) {
        self.stem = stem
        file = document.file
        origin = document.directory.origin
        do throws(LaminaError) { reader = .success(try Self.read(document, &trust)) } catch { reader = .failure(error) }
    }

    private static func read(
        _ document: CatalogReader.Document,
        _ trust: inout Trust
    ) throws(LaminaError) -> ManifestReader {
        let file = document.file
        let bytes: [UInt8]
        switch document.content {
        case .absent: bytes = []
        case .failed(let error): throw error
        case .text(let text): bytes = text
        }
        // Of a file that is only in a record yet there may be no folder.
        let folder = File.folder(of: file)
        if File.resolved(folder) != nil { try trust.check(folder: folder) }
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
        return reader
    }
}

extension Catalog {
    /// The files of a folder, by name, and of one name by directory.
    func storedFiles(in folder: String) -> [StoredFile] {
        var trust = Trust()
        return names(in: folder).flatMap { stem in
            documents(at: "\(folder)/\(stem).json").map { StoredFile(stem, $0, &trust) }
        }
    }

    /// The file of one name in a folder, of several the last one; nil where there is none.
    func storedFile(named stem: String, in folder: String) -> StoredFile? {
        guard LayerGrammar.isName(stem) else { return nil }
        var trust = Trust()
        return documents(at: "\(folder)/\(stem).json").last.map { StoredFile(stem, $0, &trust) }
    }
}
