import CLamina
import Glibc

/// Reads directories in order and merges the manifests of one name.
struct CatalogReader {
    /// The files of one name so far. Their text is kept rather than their values, which are only needed again where
    /// another file overrides them.
    private struct Draft {
        var layers: [(file: String, text: [UInt8])] = []
        var origin = CatalogDirectory.Origin.package
        var library: String?
        var manifest: Manifest?
        var maskedBy: String?
        /// The file that the library's path came from.
        var libraryFile = ""
    }

    /// The members of several files, each key from the last that has it.
    private struct Members {
        private(set) var object = JSON.Object()
        private var files: [String: String] = [:]
        private var first: String?

        mutating func add(_ new: JSON.Object, from file: String) {
            guard first != nil else {
                (object, first) = (new, file)
                return
            }
            // A pin belongs to the library that it was made for.
            if new["library"] != nil {
                for key in ["sha256", "identity"] { object[key] = nil }
            }
            for (key, value) in new.members {
                object[key] = value
                files[key] = file
            }
        }

        var reader: ManifestReader {
            let (files, first) = (files, first ?? "")
            return ManifestReader(object: object) { files[$0] ?? first }
        }
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
            let folder = directory.path + "/"
            for name in names { read(folder + name, in: directory) }
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
            try merge(object, of: bytes, into: name, file: file, in: directory)
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
        of text: [UInt8],
        into name: String,
        file: String,
        in directory: CatalogDirectory
    ) throws(LaminaError) {
        var draft = drafts[name] ?? Draft()
        var members = Members()
        for layer in draft.layers {
            let json = try JSON(parsing: layer.text, named: layer.file, code: .invalidManifest)
            members.add(json.objectValue ?? JSON.Object(), from: layer.file)
        }
        members.add(object, from: file)
        draft.layers.append((file, text))
        draft.origin = directory.origin
        let reader = members.reader
        draft.maskedBy = try reader.bool("masked") == true ? reader.file("masked") : nil
        if draft.maskedBy == nil || members.object["library"] != nil {
            let manifest = try Manifest(reader, stem: name)
            if object["library"] != nil {
                draft.library = directory.library(manifest.library)
                draft.libraryFile = file
            }
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
                files: draft.layers.map(\.file),
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
        guard let manifest = draft.manifest else { return .available }
        let ours = LAMINA_ABI_VERSION
        guard !manifest.abi.contains(ours) else { return .available }
        let newer = manifest.abi.lowerBound > ours
        return .unavailable(
            LaminaError(
                .incompatible,
                draft.libraryFile,
                "\"\(manifest.name)\" needs ABI version \(newer ? manifest.abi.lowerBound : manifest.abi.upperBound), "
                    + "and this Lamina speaks \(ours)",
                remedy: newer ? "install a newer Lamina" : "install a newer \"\(manifest.name)\""
            )
        )
    }
}
