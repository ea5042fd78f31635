/// One level that an order is made for: what its manifest says, its label, and the files that say so.
public struct ChainMember: Sendable, Equatable {
    /// What the provider says.
    public let manifest: Manifest
    /// The level's name in its chain.
    public let label: String
    /// The manifest's files, the first one read first; empty where there are none.
    public let files: [String]

    /// A level; its label is the provider's name unless another is given.
    public init(_ manifest: Manifest, label: String? = nil, files: [String] = []) {
        self.manifest = manifest
        self.label = label ?? manifest.name
        self.files = files
    }

    /// The file that says what a key of the manifest is, of several the last that has the key: ` (FILE)`, or nothing where
    /// there is no file. Blocks for files where there are several.
    func source(of key: String) -> String {
        ManifestSource.file(of: key, among: files).map { " (\($0))" } ?? ""
    }
}

extension Catalog {
    /// What an order goes by for a layer that is loaded: what the catalog's manifests say, which may override what the
    /// library says of itself.
    package func member(for layer: LayerSpecification, loaded provider: Provider) -> ChainMember {
        let entry = layer.isPath ? nil : unverified([layer.name])[0]
        let label = layer.hasOwnLabel || !layer.isPath ? layer.label : provider.name
        return ChainMember(entry?.manifest ?? provider.manifest, label: label, files: entry?.files ?? [])
    }
}

/// Which of the files that a manifest was merged from a key comes from.
enum ManifestSource {
    /// The last of the files that has the key; the first one where none does. Reads them unless there is one alone.
    static func file(of key: String, among files: [String]) -> String? {
        guard files.count > 1 else { return files.first }
        let having = files.last { file in
            guard let bytes = try? File.read(file, limit: CatalogReader.sizeLimit).bytes else { return false }
            return (try? JSON(parsing: bytes, named: file))?[key] != nil
        }
        return having ?? files.first
    }
}
