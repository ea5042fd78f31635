import Glibc

/// One writer at work on a directory: holds its lock, completes what was left, and makes changes that are whole.
struct ChangeJournal: ~Copyable {
    let directory: String
    private let lock: DirectoryLock
    /// The last change.
    private(set) var generation: Int
    /// Whether there may be library copies that nobody names, because the one before didn't finish.
    let wasLeft: Bool
    /// The records that were dropped meanwhile.
    private(set) var dropped: [ChangeRecord] = []
    /// Whether everything that was begun is done.
    private var isComplete = true

    /// Waits for the lock, then completes a change that was recorded and removes what killed writers left; `isThorough`
    /// looks for that in any case.
    init(_ directory: String, isThorough: Bool = false) throws(LaminaError) {
        let lock = try DirectoryLock(directory)
        let wasLeft = lock.wasLeft || isThorough
        let applied: Int
        do throws(LaminaError) {
            applied = try Self.begin(in: directory, sweeping: wasLeft)
        } catch {
            if !lock.wasLeft { lock.finish() }
            throw error
        }
        generation = try Self.complete(after: applied, in: directory)
        self.wasLeft = wasLeft
        self.directory = directory
        self.lock = lock
        // One who was killed after a change may not have come to this.
        if wasLeft { dropped = drop() }
    }

    /// Gets a directory ready for changes; the number of the last one that was applied.
    private static func begin(in directory: String, sweeping: Bool) throws(LaminaError) -> Int {
        try File.makeFolders("\(directory)/\(ChangeRecord.folder)")
        if sweeping { try sweepTemporaries(of: directory) }
        if let applied = try appliedGeneration(of: directory) { return applied }
        // Before the first record, so that records without it are never taken for changes to make.
        try File.replace("\(directory)/.generation", with: Array("0\n".utf8), mode: 0o644)
        return 0
    }

    /// Applies a change that was recorded and not applied; the last change's number.
    private static func complete(after applied: Int, in directory: String) throws(LaminaError) -> Int {
        guard let record = try record(applied + 1, of: directory) else { return applied }
        do throws(LaminaError) {
            try prepare(record, in: directory)
            try apply(record, in: directory)
        } catch {
            let cause = "change \(record.generation) (\(record.action) \(record.subject)) can't be completed"
            throw LaminaError(
                error.code,
                error.subject,
                "\(cause): \(error.cause)",
                remedy: error.remedy,
                errno: error.errno
            )
        }
        return record.generation
    }

    deinit {
        if isComplete { lock.finish() }
    }

    /// What a file holds; nil where it isn't there.
    func text(of path: String) throws(LaminaError) -> String? {
        try Self.text(of: path, in: directory)
    }

    /// What a file of a directory holds; nil where it isn't there.
    static func text(of path: String, in directory: String) throws(LaminaError) -> String? {
        let file = "\(directory)/\(path)"
        do throws(LaminaError) {
            return String(decoding: try File.read(file, limit: CatalogReader.sizeLimit).bytes, as: UTF8.self)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// Makes a change of these files, nil for a removal; those that would hold what they hold are left out. Gives its
    /// number, or nil where nothing would change. Where this throws, nothing has changed, unless the error says so.
    mutating func change(
        _ action: String,
        _ subject: String,
        origin: String? = nil,
        undoes: Int? = nil,
        files: [String: String?]
    ) throws(LaminaError) -> Int? {
        var changed: [ChangeRecord.File] = []
        for (path, after) in files.sorted(by: { $0.key < $1.key }) {
            guard ChangeRecord.isChangeable(path) else {
                throw LaminaError(
                    .invalidArgument,
                    "\"\(path)\"",
                    "is no file of a catalog",
                    remedy: "use NAME.json, where a name has up to 64 letters, digits, '.', '_' and '-'"
                )
            }
            let before = try text(of: path)
            if before != after { changed.append(ChangeRecord.File(path: path, before: before, after: after)) }
        }
        guard !changed.isEmpty else { return nil }
        let record = ChangeRecord(
            generation: generation + 1,
            time: Int64(time(nil)),
            user: getuid(),
            program: Environment.executable ?? "",
            action: action,
            subject: subject,
            origin: origin,
            undoes: undoes,
            files: changed
        )
        try commit(record)
        generation = record.generation
        // From here on the change stands: readers follow its record, and the next writer completes what fails.
        do throws(LaminaError) {
            try Self.apply(record, in: directory)
            dropped += drop()
        } catch {
            isComplete = false
        }
        return record.generation
    }

    /// Makes the change's record the truth, with all that is needed to apply it already on disk.
    private func commit(_ record: ChangeRecord) throws(LaminaError) {
        let file = "\(directory)/\(ChangeRecord.path(record.generation))"
        let temporary = File.temporary(for: file)
        do throws(LaminaError) {
            try Self.prepare(record, in: directory)
            try File.write(Array(record.json.text().utf8), to: temporary, mode: 0o644)
            try File.move(temporary, to: file)
            do throws(LaminaError) {
                try File.synchronizeFolder(File.folder(of: file))
            } catch {
                try takeBack(file, because: error)
            }
        } catch {
            unlink(temporary)
            removeTemporaries(of: record)
            throw error
        }
    }

    /// A record that isn't known to be on disk is no change.
    private func takeBack(_ file: String, because cause: LaminaError) throws(LaminaError) {
        guard unlink(file) == 0 else {
            throw LaminaError(
                cause.code,
                cause.subject,
                "\(cause.cause); the change stands, and may not outlast a power failure",
                remedy: "check the disk, then make any other change",
                errno: cause.errno
            )
        }
        _ = try? File.synchronizeFolder(File.folder(of: file))
        throw cause
    }

    /// Writes what the files will hold beside them, and brings it to disk.
    private static func prepare(_ record: ChangeRecord, in directory: String) throws(LaminaError) {
        for file in record.files {
            let path = "\(directory)/\(file.path)"
            try File.makeFolders(File.folder(of: path))
            guard let after = file.after else { continue }
            try File.write(Array(after.utf8), to: File.temporary(for: path), mode: 0o644)
        }
        let generation = "\(directory)/.generation"
        try File.write(Array("\(record.generation)\n".utf8), to: File.temporary(for: generation), mode: 0o644)
    }

    private func removeTemporaries(of record: ChangeRecord) {
        for file in record.files { unlink(File.temporary(for: "\(directory)/\(file.path)")) }
        unlink(File.temporary(for: "\(directory)/.generation"))
    }

    /// Puts the files of a recorded change in their places, and says that it is done.
    private static func apply(_ record: ChangeRecord, in directory: String) throws(LaminaError) {
        var folders: Set<String> = []
        for file in record.files {
            let path = "\(directory)/\(file.path)"
            if file.after != nil {
                try File.move(File.temporary(for: path), to: path)
            } else {
                try File.remove(path)
            }
            folders.insert(File.folder(of: path))
        }
        for folder in folders.sorted() { try File.synchronizeFolder(folder) }
        let generation = "\(directory)/.generation"
        try File.move(File.temporary(for: generation), to: generation)
        try File.synchronizeFolder(directory)
    }

    /// Drops the records that are too old, the oldest first: one who is killed at it leaves the next ones in their row.
    private func drop() -> [ChangeRecord] {
        var old: [ChangeRecord] = []
        var number = generation - ChangeRecord.limit
        while number > 0, let record = (try? Self.record(number, of: directory)) ?? nil {
            old.insert(record, at: 0)
            number -= 1
        }
        for record in old { unlink("\(directory)/\(ChangeRecord.path(record.generation))") }
        return old
    }

    // MARK: - What is there

    /// The number that `.generation` holds; where it is missing or damaged that of the last record, and nil where there
    /// is none either.
    static func appliedGeneration(of directory: String) throws(LaminaError) -> Int? {
        do throws(LaminaError) {
            let bytes = try File.read("\(directory)/.generation", limit: 64).bytes
            if let number = Int(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)), number >= 0 {
                return number
            }
        } catch {
            guard error.errno == ENOENT else { throw error }
        }
        return try generations(of: directory).last
    }

    /// The numbers of the records, the oldest first.
    static func generations(of directory: String) throws(LaminaError) -> [Int] {
        try File.names(in: "\(directory)/\(ChangeRecord.folder)", endingIn: ".json")
            .compactMap { Int($0.dropLast(5)) }.sorted()
    }

    /// A record; nil where there is none.
    static func record(_ generation: Int, of directory: String) throws(LaminaError) -> ChangeRecord? {
        let file = "\(directory)/\(ChangeRecord.path(generation))"
        do throws(LaminaError) {
            let bytes = try File.read(file, limit: ChangeRecord.sizeLimit).bytes
            return try ChangeRecord(parsing: bytes, file: file, generation: generation)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// The hidden files that writers leave when they are killed; for the holder of the lock.
    static func temporaries(of directory: String) -> [String] {
        ([""] + CatalogDirectory.folders + [ChangeRecord.folder]).flatMap { folder in
            let path = folder.isEmpty ? directory : "\(directory)/\(folder)"
            return (File.hiddenNames(in: path, endingIn: ".new")).map { "\(path)/\($0)" }
        }
    }

    private static func sweepTemporaries(of directory: String) throws(LaminaError) {
        for file in temporaries(of: directory) { try File.remove(file) }
    }
}
