import CLinux
import Glibc

/// One directory as it was after one of its changes, without a lock: files are read as they are now, and the records of
/// later changes say what they held before.
struct DirectorySnapshot {
    /// What a file held.
    enum Content: Equatable {
        case absent
        case text([UInt8])
        case failed(LaminaError)
    }

    let directory: CatalogDirectory
    /// The number of the change after which this is; 0 where none was recorded.
    let generation: Int
    /// When the directory itself last changed, as far as this process could see.
    let stamp: Int64
    /// Files of the change that wasn't applied yet when the snapshot was taken.
    private let pending: [String: Content]
    /// Files of later changes, as they were before the first of these.
    private var earlier: [String: Content] = [:]
    /// The last change that was seen.
    private var seen: Int
    /// What is wrong with the history.
    private(set) var problem: LaminaError?

    /// Takes a snapshot. Reads nothing but the generation.
    init(_ directory: CatalogDirectory, trust: inout Trust) {
        self.directory = directory
        stamp = Self.stamp(of: directory.path)
        var (generation, pending, problem) = (0, [String: Content](), LaminaError?.none)
        do throws(LaminaError) {
            if let applied = try ChangeJournal.appliedGeneration(of: directory.path) {
                generation = applied
                if let record = try Self.record(applied + 1, of: directory, trust: &trust) {
                    generation = record.generation
                    for file in record.files { pending[file.path] = Self.content(file.after) }
                }
            }
        } catch {
            problem = error
        }
        (self.generation, self.pending, self.problem, seen) = (generation, pending, problem, generation)
    }

    static func stamp(of directory: String) -> Int64 {
        var status = stat()
        return stat(directory, &status) == 0 ? FileIdentity(status).modified : 0
    }

    private static func content(_ text: String?) -> Content {
        text.map { .text(Array($0.utf8)) } ?? .absent
    }

    /// A record whose file nobody else could have written.
    private static func record(
        _ generation: Int,
        of directory: CatalogDirectory,
        trust: inout Trust
    ) throws(LaminaError) -> ChangeRecord? {
        let file = "\(directory.path)/\(ChangeRecord.path(generation))"
        do throws(LaminaError) {
            let (bytes, status) = try File.read(file, limit: ChangeRecord.sizeLimit)
            try trust.check(status, of: file)
            try trust.check(folder: File.folder(of: file))
            return try ChangeRecord(parsing: bytes, file: file, generation: generation)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// What these files held, in their order; nil where the history doesn't reach back to the snapshot any more.
    mutating func contents(of paths: [String], trust: inout Trust) -> [Content]? {
        var found: [Content] = []
        for path in paths { found.append(read(path, trust: &trust)) }
        guard catchUp(&trust) else { return nil }
        for (index, path) in paths.enumerated() {
            if let known = earlier[path] ?? pending[path] { found[index] = known }
        }
        return found
    }

    /// The names of the files in one of the directory's folders (empty: the directory itself) that end in `.json`,
    /// without that, sorted; nil as with `contents`.
    mutating func names(in folder: String, trust: inout Trust) throws(LaminaError) -> [String]? {
        let path = folder.isEmpty ? directory.path : "\(directory.path)/\(folder)"
        let listed = try File.names(in: path, endingIn: ".json")
        guard catchUp(&trust) else { return nil }
        let known = pending.merging(earlier) { _, earlier in earlier }
            .filter { File.folder(of: $0.key) == (folder.isEmpty ? "." : folder) }
        guard !known.isEmpty else { return listed.map { Manifest.stem(of: $0) } }
        var names = Set(listed)
        for (path, content) in known {
            if content == .absent { names.remove(File.name(of: path)) } else { names.insert(File.name(of: path)) }
        }
        return names.sorted().map { Manifest.stem(of: $0) }
    }

    private func read(_ path: String, trust: inout Trust) -> Content {
        let file = "\(directory.path)/\(path)"
        do throws(LaminaError) {
            let (bytes, status) = try File.read(file, limit: CatalogReader.sizeLimit)
            try trust.check(status, of: file)
            return .text(bytes)
        } catch {
            // A link that leads nowhere is no absent file.
            var status = stat()
            if error.errno == ENOENT || error.errno == ENOTDIR, lstat(file, &status) != 0 { return .absent }
            return .failed(error)
        }
    }

    /// Reads the records of changes since; whether there is one for each of these.
    private mutating func catchUp(_ trust: inout Trust) -> Bool {
        guard problem == nil else { return true }
        do throws(LaminaError) {
            while true {
                if let record = try Self.record(seen + 1, of: directory, trust: &trust) {
                    for file in record.files where earlier[file.path] == nil {
                        earlier[file.path] = Self.content(file.before)
                    }
                    seen = record.generation
                    continue
                }
                let applied = try ChangeJournal.appliedGeneration(of: directory.path) ?? 0
                if applied <= seen { return true }
                // Either it was made just now, or it was dropped.
                if try Self.record(seen + 1, of: directory, trust: &trust) == nil { return false }
            }
        } catch {
            problem = error
            return true
        }
    }
}
