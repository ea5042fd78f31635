import Glibc

extension CatalogWriter {
    /// Installs a library: copies it to a name made from its content, probes the copy in a child process, and writes one
    /// manifest for each of its providers. Installing the same again changes nothing.
    ///
    /// Owner and mode of the file, of its copy, and of every directory above them are checked, and the copy's SHA-256 is
    /// pinned. `helper` is the command for `Probe.run`; `timeout`, in nanoseconds, is for it. Gives the manifests, each with
    /// who installed it, when and from where. A probe that crashes quarantines the file. Blocks for files and the child.
    public func install(
        _ library: String,
        helper: [String],
        timeout: Int64 = 10_000_000_000
    ) throws(LaminaError) -> [Manifest] {
        try install(library) { copy throws(LaminaError) in
            try Probe.run(copy, helper: helper, timeout: timeout) { signal, place in
                let name = LayerSpecification(name: library).label
                let program = Environment.executable ?? "install"
                // The file itself, whose path means something, with what was tried of it.
                guard var record = try? Quarantine.Record(
                    of: copy, names: [name], signal: signal, place: place, program: program)
                else { return }
                record.file = File.resolved(library) ?? library
                if let identity = try? File.identity(of: library) { record.identity = identity }
                try? quarantine.add(record)
            }
        }
    }

    /// Installs a library whose providers `probe` names, given its copy.
    package func install(
        _ library: String,
        probe: (String) throws(LaminaError) -> [Manifest]
    ) throws(LaminaError) -> [Manifest] {
        var trust = Trust(ofCaller: true)
        let (bytes, status) = try File.read(library, limit: 1 << 30)
        try trust.check(status, of: library)
        try trust.check(folder: File.folder(of: library))
        try ELFImage(library).checkPlugin()
        let digest = SHA256.hexadecimal(of: bytes)
        if let record = quarantine.record(of: library, pin: digest) {
            throw record.error(about: library, clearing: record.names.first ?? library)
        }
        var journal = try ChangeJournal(directory.path)
        defer { sweep(journal) }
        try File.makeFolders(directory.libraries)
        for folder in [directory.path, directory.libraries] { try trust.check(folder: folder) }
        let copy = "\(directory.libraries)/\(Self.copyName(of: library, digest: digest))"
        let isNew = try Self.place(bytes, digest: digest, at: copy)
        do throws(LaminaError) {
            let installation = Installation(
                from: File.resolved(library) ?? library,
                time: Int64(time(nil)),
                user: getuid()
            )
            let identity = try File.identity(of: copy)
            var manifests = try probe(copy)
            var files: [String: String?] = [:]
            for index in manifests.indices {
                manifests[index].library = copy
                manifests[index].sha256 = digest
                manifests[index].identity = identity
                manifests[index].installation = installation
                let path = "\(manifests[index].name).json"
                let (manifest, text) = try Self.merged(manifests[index], with: journal.text(of: path), file: path)
                manifests[index] = manifest
                files[path] = text
            }
            let names = manifests.map(\.name).joined(separator: ", ")
            _ = try journal.change("install", names, origin: installation.from, files: files)
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

    /// Copies a library to its name, unless it is there already; whether it wasn't.
    private static func place(_ bytes: [UInt8], digest: String, at copy: String) throws(LaminaError) -> Bool {
        if let there = try? File.read(copy, limit: 1 << 30).bytes, SHA256.hexadecimal(of: there) == digest {
            return false
        }
        try File.replace(copy, with: bytes, mode: 0o755)
        return true
    }

    /// The manifest to write, and its text: what is there already where it says the same, and as disabled as that is.
    private static func merged(
        _ manifest: Manifest,
        with text: String?,
        file: String
    ) throws(LaminaError) -> (Manifest, String) {
        guard case .object(var object) = manifest.json else { return (manifest, "") }
        let there = text.flatMap { try? JSON(parsing: $0) }
        for key in DisabledMark.keys { object[key] = there?[key] }
        if let text, let old = try? Manifest(parsing: Array(text.utf8), file: file) {
            var same = manifest
            same.installation = old.installation
            if same == old { return (old, text) }
        }
        return (manifest, JSON.object(object).text(pretty: true))
    }

    /// `libMine-0123456789abcdef.so`: the file's own name, with what its content is.
    private static func copyName(of library: String, digest: String) -> String {
        let name = File.name(of: library)
        let stem = name.hasSuffix(".so") ? String(name.dropLast(3)) : name
        return "\(stem)-\(digest.prefix(16)).so"
    }
}

/// Where an installed library came from.
public struct Installation: Sendable, Equatable {
    /// The file that was given to `install`.
    public let from: String
    /// When, in seconds since 1970.
    public let time: Int64
    /// The user.
    public let user: UInt32
}

extension Installation {
    init(_ reader: ManifestReader) throws(LaminaError) {
        from = try reader.text("from") ?? ""
        time = try reader.integer("time") ?? 0
        user = UInt32(truncatingIfNeeded: try reader.integer("user") ?? 0)
    }

    /// The installation as it stands in a manifest.
    public var json: JSON {
        ["from": .string(from), "time": .integer(time), "user": .integer(Int64(user))]
    }
}

extension String {
    /// This text with `prefix`, where it begins so, exchanged.
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
