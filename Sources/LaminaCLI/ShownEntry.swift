import Lamina

/// One provider as `lamina show` prints it: an entry of the catalog, or what a probe saw in a file.
struct ShownEntry {
    let name: String
    var manifest: Manifest?
    let state: CatalogEntry.State
    let reason: String?
    let library: String?
    let files: [String]
    /// Nil where it is not installed.
    let origin: CatalogDirectory.Origin?
    private let entry: CatalogEntry?

    /// A catalog's entry.
    init(_ entry: CatalogEntry) {
        self.entry = entry
        name = entry.name
        manifest = entry.manifest
        state = entry.state
        reason = entry.reason
        library = entry.library
        files = entry.files
        origin = entry.origin
    }

    /// What a probe saw in a library that need not be installed.
    init(_ manifest: Manifest, library: String) {
        entry = nil
        name = manifest.name
        self.manifest = manifest
        state = .available
        reason = nil
        self.library = library
        files = []
        origin = nil
    }

    /// The entry as the catalog has it, with what was found out since.
    var json: JSON {
        var object = entry?.json.objectValue ?? JSON.Object()
        if entry == nil {
            object["name"] = .string(name)
            object["state"] = "available"
            object["path"] = library.map { .string($0) }
        }
        object["manifest"] = manifest?.json
        return .object(object)
    }
}
