import Glibc

/// Changes one `catalog.d` directory: installs, masks and removes (WSCInstallProvider, WSCDeinstallProvider).
///
/// Each change happens under the directory's lock, replaces files atomically, and is recorded in `.history`. Catalogs
/// that were read before don't change.
public struct CatalogWriter: Sendable {
    /// The directory that is changed.
    public let directory: CatalogDirectory

    /// A writer of this directory.
    public init(_ directory: CatalogDirectory) {
        self.directory = directory
    }

    /// The administrator's directory for root, else the user's own.
    public static func standard() throws(LaminaError) -> CatalogWriter {
        if geteuid() == 0 { return CatalogWriter(.system) }
        guard let user = CatalogDirectory.user else {
            throw LaminaError(.notFound, "HOME", "is not set", remedy: "set HOME, or name a directory")
        }
        return CatalogWriter(user)
    }

    /// Installs a library: copies it to a name made from its content, probes the copy in a child process, and writes one
    /// manifest for each of its providers. Where anything fails, nothing has changed.
    ///
    /// `helper` is the command for `Probe.run`. Gives the manifests written. Blocks for files and the child.
    public func install(
        _ library: String,
        helper: [String],
        timeout: Int64 = 10_000_000_000
    ) throws(LaminaError) -> [Manifest] {
        let bytes = try File.read(library, limit: 1 << 30).bytes
        try ELFImage(library).checkPlugin()
        let digest = SHA256.hexadecimal(of: bytes)
        let lock = try DirectoryLock(directory.path)
        try File.makeFolders(directory.libraries)
        let copy = "\(directory.libraries)/\(Self.copyName(of: library, digest: digest))"
        let isNew = access(copy, F_OK) != 0
        try File.replace(copy, with: bytes, mode: 0o755)
        do throws(LaminaError) {
            var manifests = try Probe.run(copy, helper: helper, timeout: timeout)
            let identity = try File.identity(of: copy)
            for index in manifests.indices {
                manifests[index].library = copy
                manifests[index].sha256 = digest
                manifests[index].identity = identity
            }
            let before = Catalog(directories: [directory])
            for manifest in manifests { try write(manifest, action: "install", lock) }
            sweep(before)
            return manifests
        } catch {
            if isNew { unlink(copy) }
            // The copy's name means nothing to whoever named the file.
            throw LaminaError(
                error.code,
                error.subject.replacingPrefix(copy, with: library),
                error.cause,
                remedy: error.remedy,
                errno: error.errno
            )
        }
    }

    /// Writes one manifest, replacing the one of its name.
    public func write(_ manifest: Manifest) throws(LaminaError) {
        try write(manifest, action: "write", try DirectoryLock(directory.path))
    }

    /// Masks a provider that another directory has.
    public func mask(_ name: String) throws(LaminaError) {
        let lock = try DirectoryLock(directory.path)
        try replace(name, with: ["name": .string(name), "masked": true], action: "mask", lock)
    }

    /// Removes what this directory says about a provider: its manifest, and the copy of its library where nothing else
    /// here refers to it.
    public func remove(_ name: String) throws(LaminaError) {
        let lock = try DirectoryLock(directory.path)
        let own = Catalog(directories: [directory])
        let found = own.entries.filter { $0.name == name }
        guard !found.isEmpty else {
            throw LaminaError(
                .notFound,
                "provider \"\(name)\"",
                "is not installed in \(directory.path)",
                remedy: Suggestion.remedy(
                    for: name,
                    among: own.entries.map(\.name),
                    otherwise: "lamina list shows what is"
                )
            )
        }
        for file in found.flatMap(\.files) {
            let before = String(
                decoding: (try? File.read(file, limit: CatalogReader.sizeLimit).bytes) ?? [],
                as: UTF8.self
            )
            guard unlink(file) == 0 else { throw File.error(file, "can't be removed") }
            try record("remove", name, before: before, after: nil, lock)
        }
        try File.synchronizeFolder(directory.path)
        sweep(own)
    }

    /// Removes the copies of libraries that nothing here refers to any more.
    private func sweep(_ before: Catalog) {
        let kept = Set(Catalog(directories: [directory]).entries.compactMap(\.library))
        for library in Set(before.entries.compactMap(\.library)).subtracting(kept)
        where File.folder(of: library) == directory.libraries {
            unlink(library)
        }
    }

    private func write(_ manifest: Manifest, action: String, _ lock: borrowing DirectoryLock) throws(LaminaError) {
        try replace(manifest.name, with: manifest.json, action: action, lock)
    }

    private func replace(
        _ name: String,
        with json: JSON,
        action: String,
        _ lock: borrowing DirectoryLock
    ) throws(LaminaError) {
        let file = "\(directory.path)/\(name).json"
        let before = (try? File.read(file, limit: CatalogReader.sizeLimit)).map {
            String(decoding: $0.bytes, as: UTF8.self)
        }
        let after = json.text(pretty: true)
        try File.replace(file, with: Array(after.utf8), mode: 0o644)
        try record(action, name, before: before, after: after, lock)
    }

    /// Adds one line to `.history`: who did what to which provider, when, and the manifest before and after.
    private func record(
        _ action: String,
        _ name: String,
        before: String?,
        after: String?,
        _ lock: borrowing DirectoryLock
    ) throws(LaminaError) {
        let path = "\(directory.path)/.history"
        let file = try File.Descriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
        let line: JSON = [
            "time": .integer(Int64(time(nil))), "user": .integer(Int64(getuid())),
            "program": .string(Environment.executable ?? ""), "action": .string(action), "name": .string(name),
            "before": before.map { .string($0) } ?? .null, "after": after.map { .string($0) } ?? .null,
        ]
        try file.write(Array((line.text() + "\n").utf8), to: path)
        try file.synchronize(path)
    }

    /// `libMine-0123456789abcdef.so`: the file's own name, with what its content is.
    private static func copyName(of library: String, digest: String) -> String {
        let name = File.name(of: library)
        let stem = name.hasSuffix(".so") ? String(name.dropLast(3)) : name
        return "\(stem)-\(digest.prefix(16)).so"
    }
}

/// The lock of one directory, held as long as this lives; other writers wait.
struct DirectoryLock: ~Copyable {
    private let file: File.Descriptor

    init(_ directory: String) throws(LaminaError) {
        try File.makeFolders(directory)
        let path = "\(directory)/.lock"
        let file = try File.Descriptor(opening: path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        guard retrying({ flock(file.number, LOCK_EX) }) == 0 else { throw File.error(path, "can't be locked") }
        self.file = file
    }
}

extension File {
    /// Makes a folder and those above it, where they are missing.
    static func makeFolders(_ path: String) throws(LaminaError) {
        if access(path, F_OK) == 0 { return }
        if path.contains("/"), folder(of: path) != path { try makeFolders(folder(of: path)) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw error(path, "can't be made") }
    }

    /// Puts a file in `path`'s place that is whole whenever anybody looks, and on disk when this returns.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t) throws(LaminaError) {
        let temporary = "\(folder(of: path))/.\(name(of: path)).\(getpid())"
        do throws(LaminaError) {
            let file = try Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
            guard fchmod(file.number, mode) == 0 else { throw error(temporary, "can't be given its mode") }
            try file.write(bytes, to: temporary)
            try file.synchronize(temporary)
            guard rename(temporary, path) == 0 else { throw error(path, "can't be replaced") }
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronizeFolder(folder(of: path))
    }

    /// Brings a folder's own changes to disk.
    static func synchronizeFolder(_ path: String) throws(LaminaError) {
        try Descriptor(opening: path, O_RDONLY | O_DIRECTORY).synchronize(path)
    }
}

extension String {
    /// This text with `prefix`, where it begins so, exchanged.
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
