import CLamina
import Glibc

/// Reads directories in order, as they were when the reader was made, and merges what they say of one name.
struct CatalogReader {
    /// A file of the same path in one of the directories.
    struct Document: Equatable {
        let file: String
        let directory: CatalogDirectory
        let content: DirectorySnapshot.Content
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
            // A pin belongs to the library that it was made for, and a mask's reason to that mask.
            if new["library"] != nil {
                for key in ["sha256", "identity", "installation"] { object[key] = nil }
            }
            if new[DisabledMark.masked] != nil { object[DisabledMark.reason] = nil }
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

    /// What the files of one name say so far.
    private struct Draft {
        var members = Members()
        var files: [String] = []
        var origin = CatalogDirectory.Origin.package
        var library: String?
        var manifest: Manifest?
        var maskedBy: String?
        var maskReason: String?
        /// The file that the library's path came from.
        var libraryFile = ""
    }

    private var snapshots: [DirectorySnapshot]
    private var trust = Trust()
    /// The manifests of directories that were listed, by the directory's place.
    private var listed: [Int: Set<String>] = [:]
    /// What was wrong with whole directories.
    private(set) var problems: [LaminaError] = []

    /// The most bytes that a manifest may have.
    static let sizeLimit = 256 << 10

    /// How often a directory is looked at anew whose history was dropped while it was read.
    private static let attempts = 50

    /// Takes snapshots of the directories.
    init(_ directories: [CatalogDirectory]) {
        var trust = Trust()
        snapshots = directories.map { DirectorySnapshot($0, trust: &trust) }
        self.trust = trust
    }

    /// The numbers of the changes that the snapshots show, by directory.
    var generation: CatalogGeneration {
        CatalogGeneration(snapshots.filter { $0.generation > 0 }.map { ($0.directory.path, $0.generation) })
    }

    /// The times of the directories' own last changes.
    var stamps: [Int64] { snapshots.map(\.stamp) }

    // MARK: - Files

    /// The files of one path, relative to each directory, in those that have it, the first one read first.
    mutating func documents(at path: String) -> [Document] {
        documents(at: [path])[0]
    }

    /// The same for several paths.
    mutating func documents(at paths: [String]) -> [[Document]] {
        var found = [[Document]](repeating: [], count: paths.count)
        for index in snapshots.indices {
            let directory = snapshots[index].directory
            for (place, content) in contents(of: paths, in: index).enumerated() where content != .absent {
                var content = content
                do throws(LaminaError) { try trust.check(folder: directory.path) } catch { content = .failed(error) }
                found[place].append(
                    Document(file: "\(directory.path)/\(paths[place])", directory: directory, content: content)
                )
            }
        }
        return found
    }

    private mutating func contents(of paths: [String], in index: Int) -> [DirectorySnapshot.Content] {
        if let listed = listed[index] {
            let there = paths.indices.filter { place in
                paths[place].contains("/") || listed.contains(Manifest.stem(of: paths[place]))
            }
            if there.count < paths.count {
                var contents = [DirectorySnapshot.Content](repeating: .absent, count: paths.count)
                guard !there.isEmpty else { return contents }
                let found = self.contents(of: there.map { paths[$0] }, in: index)
                for (place, content) in zip(there, found) { contents[place] = content }
                return contents
            }
        }
        for _ in 0..<Self.attempts {
            if let contents = snapshots[index].contents(of: paths, trust: &trust) { return contents }
            listed[index] = nil
            snapshots[index] = DirectorySnapshot(snapshots[index].directory, trust: &trust)
        }
        return paths.map { _ in .failed(Self.unsteady(snapshots[index].directory.path)) }
    }

    private static func unsteady(_ directory: String) -> LaminaError {
        LaminaError(.system, directory, "is changed faster than it can be read", remedy: "try again", errno: EAGAIN)
    }

    /// The names of the files in a folder of the directories, `chains` for instance, or of the manifests.
    mutating func names(in folder: String = "") -> [String] {
        var names: Set<String> = []
        for index in snapshots.indices {
            do throws(LaminaError) {
                let found = try self.names(in: folder, of: index)
                // A directory that isn't used need not be sound.
                if !found.isEmpty { try trust.check(folder: snapshots[index].directory.path) }
                names.formUnion(found)
            } catch {
                note(error)
            }
            if let problem = snapshots[index].problem { note(problem) }
        }
        return names.sorted()
    }

    private mutating func note(_ problem: LaminaError) {
        if !problems.contains(problem) { problems.append(problem) }
    }

    private mutating func names(in folder: String, of index: Int) throws(LaminaError) -> [String] {
        for _ in 0..<Self.attempts {
            if let names = try snapshots[index].names(in: folder, trust: &trust) {
                if folder.isEmpty { listed[index] = Set(names) }
                return names
            }
            snapshots[index] = DirectorySnapshot(snapshots[index].directory, trust: &trust)
        }
        throw Self.unsteady(snapshots[index].directory.path)
    }

    // MARK: - Entries

    /// The entries of these names, each with the sound one first and then a broken one for each file that can't be used.
    mutating func entries(named names: [String]) -> [[CatalogEntry]] {
        zip(names, documents(at: names.map { "\($0).json" })).map { name, documents in
            Self.entries(named: name, documents)
        }
    }

    private static func entries(named name: String, _ documents: [Document]) -> [CatalogEntry] {
        var draft = Draft()
        var broken: [CatalogEntry] = []
        for document in documents {
            do throws(LaminaError) {
                draft = try merge(document, into: draft, name: name)
            } catch {
                broken.append(
                    CatalogEntry(
                        name: name,
                        manifest: nil,
                        files: [document.file],
                        origin: document.directory.origin,
                        library: nil,
                        state: .unavailable(error)
                    )
                )
            }
        }
        guard !draft.files.isEmpty else { return broken }
        let sound = CatalogEntry(
            name: name,
            manifest: draft.manifest,
            files: draft.files,
            origin: draft.origin,
            library: draft.library,
            state: state(of: draft),
            maskReason: draft.maskReason
        )
        return [sound] + broken
    }

    /// Adds one file's members to what is known of its name.
    private static func merge(
        _ document: Document,
        into draft: Draft,
        name: String
    ) throws(LaminaError) -> Draft {
        let object = try object(of: document)
        let own = try ManifestReader(object: object) { _ in document.file }.name("name") ?? name
        guard own == name else {
            throw LaminaError(
                .invalidManifest,
                document.file,
                "its name says \"\(own)\"",
                remedy: "rename it to \(own).json"
            )
        }
        var draft = draft
        draft.members.add(object, from: document.file)
        draft.files.append(document.file)
        draft.origin = document.directory.origin
        let reader = draft.members.reader
        let isMasked = try reader.bool(DisabledMark.masked) == true
        draft.maskedBy = isMasked ? reader.file(DisabledMark.masked) : nil
        draft.maskReason = isMasked ? try reader.text(DisabledMark.reason) : nil
        if !isMasked || draft.members.object["library"] != nil {
            let manifest = try Manifest(reader, stem: name)
            if object["library"] != nil {
                draft.library = document.directory.library(manifest.library)
                draft.libraryFile = document.file
            }
            draft.manifest = manifest
        }
        return draft
    }

    /// The object that a document holds.
    static func object(of document: Document) throws(LaminaError) -> JSON.Object {
        let bytes: [UInt8]
        switch document.content {
        case .absent: return JSON.Object()
        case .failed(let error): throw error
        case .text(let text): bytes = text
        }
        let json = try JSON(parsing: bytes, named: document.file, code: .invalidManifest)
        guard let object = json.objectValue else {
            throw LaminaError(
                .invalidManifest,
                document.file,
                "holds \(json.kind) where an object is expected",
                remedy: "correct the manifest"
            )
        }
        return object
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
