import CLamina
import Glibc

/// Reads directories in order and merges the manifests of one name.
struct CatalogReader {
    /// The files of one name so far.
    private struct Draft {
        var members = JSON.Object()
        /// The file that each top-level key came from.
        var sources: [String: String] = [:]
        var files: [String] = []
        var origin = CatalogDirectory.Origin.package
        var library: String?
        var manifest: Manifest?
        var maskedBy: String?
    }

    private var drafts: [String: Draft] = [:]
    private var broken: [CatalogEntry] = []
    private var trust = Trust()
    private(set) var problems: [LaminaError] = []

    /// The most bytes that a manifest may have.
    static let sizeLimit = 256 << 10

    mutating func read(_ directory: CatalogDirectory) {
        do throws(LaminaError) {
            let names = try File.names(in: directory.path, endingIn: ".json")
            guard !names.isEmpty else { return }
            try trust.check(folder: directory.path)
            for name in names { read("\(directory.path)/\(name)", in: directory) }
        } catch {
            problems.append(error)
        }
    }

    private mutating func read(_ file: String, in directory: CatalogDirectory) {
        var name = Manifest.stem(of: file)
        do throws(LaminaError) {
            let (bytes, status) = try File.read(file, limit: Self.sizeLimit)
            try trust.check(status, of: file)
            let json = try JSON(parsing: bytes, named: file, code: .invalidManifest)
            guard let object = json.objectValue else {
                throw LaminaError(
                    .invalidManifest,
                    file,
                    "holds \(json.kind) where an object is expected",
                    remedy: "correct the manifest"
                )
            }
            let reader = ManifestReader(object: object) { _ in file }
            name = try reader.name("name") ?? name
            try merge(object, into: name, file: file, in: directory)
        } catch {
            broken.append(
                CatalogEntry(
                    name: name,
                    manifest: nil,
                    files: [file],
                    origin: directory.origin,
                    library: nil,
                    state: .unavailable(error)
                )
            )
        }
    }

    /// Adds one file's members to what is known of its name; where the result isn't sound, nothing changes.
    private mutating func merge(
        _ object: JSON.Object,
        into name: String,
        file: String,
        in directory: CatalogDirectory
    ) throws(LaminaError) {
        var draft = drafts[name] ?? Draft()
        for (key, value) in object.members {
            draft.members[key] = value
            draft.sources[key] = file
        }
        draft.files.append(file)
        draft.origin = directory.origin
        // A pin belongs to the library that it was made for.
        if object["library"] != nil {
            for key in ["sha256", "identity"] where object[key] == nil { draft.members[key] = nil }
        }
        let sources = draft.sources
        let reader = ManifestReader(object: draft.members) { sources[$0] ?? file }
        draft.maskedBy = try reader.bool("masked") == true ? sources["masked"] : nil
        if draft.maskedBy == nil || draft.members["library"] != nil {
            let manifest = try Manifest(reader, stem: name)
            if object["library"] != nil { draft.library = directory.library(manifest.library) }
            draft.manifest = manifest
        }
        drafts[name] = draft
    }

    /// The entries by name; of one name the sound one first.
    func entries() -> [CatalogEntry] {
        let sound = drafts.map { name, draft in
            CatalogEntry(
                name: name,
                manifest: draft.manifest,
                files: draft.files,
                origin: draft.origin,
                library: draft.library,
                state: Self.state(of: draft)
            )
        }
        return (sound.sorted { $0.name < $1.name } + broken)
            .enumerated().sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }.map(\.element)
    }

    private static func state(of draft: Draft) -> CatalogEntry.State {
        if let file = draft.maskedBy { return .masked(by: file) }
        guard let manifest = draft.manifest, let file = draft.files.last else { return .available }
        let ours = LAMINA_ABI_VERSION
        guard !manifest.abi.contains(ours) else { return .available }
        let newer = manifest.abi.lowerBound > ours
        return .unavailable(
            LaminaError(
                .incompatible,
                draft.sources["library"] ?? file,
                "\"\(manifest.name)\" needs ABI version \(newer ? manifest.abi.lowerBound : manifest.abi.upperBound), "
                    + "and this Lamina speaks \(ours)",
                remedy: newer ? "install a newer Lamina" : "install a newer \"\(manifest.name)\""
            )
        )
    }
}
