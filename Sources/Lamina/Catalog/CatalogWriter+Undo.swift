extension CatalogWriter {
    /// The changes that the directory remembers, the last one first, and records that can't be read.
    public func log() throws(LaminaError) -> (records: [ChangeRecord], problems: [LaminaError]) {
        try Self.log(of: directory.path)
    }

    static func log(of directory: String) throws(LaminaError) -> (records: [ChangeRecord], problems: [LaminaError]) {
        var records: [ChangeRecord] = []
        var problems: [LaminaError] = []
        for generation in try ChangeJournal.generations(of: directory).reversed() {
            do throws(LaminaError) {
                if let record = try ChangeJournal.record(generation, of: directory) { records.append(record) }
            } catch {
                problems.append(error)
            }
        }
        return (records, problems)
    }

    /// Restores what the last change that isn't undone has found, by a new change, and gives the record of what was undone.
    /// Undoing twice goes two changes back. Throws `refused` where a file has been changed since by somebody else, and
    /// `notFound` where the history holds nothing more to undo.
    @discardableResult
    public func undo() throws(LaminaError) -> ChangeRecord {
        var journal = try ChangeJournal(directory.path)
        defer { sweep(journal) }
        let record = try Self.undoable(of: directory.path)
        var files: [String: String?] = [:]
        for file in record.files {
            guard try journal.text(of: file.path) == file.after else {
                throw LaminaError(
                    .refused,
                    "\(directory.path)/\(file.path)",
                    "has been edited since change \(record.generation) (\(record.action) \(record.subject))",
                    remedy: "edit it again, or remove what was edited and undo then"
                )
            }
            files.updateValue(file.before, forKey: file.path)
        }
        _ = try journal.change("undo", record.subject, undoes: record.generation, files: files)
        return record
    }

    /// The last change that is no undo, and that no undo names.
    private static func undoable(of directory: String) throws(LaminaError) -> ChangeRecord {
        var undone: Set<Int> = []
        for generation in try ChangeJournal.generations(of: directory).reversed() {
            guard let record = try ChangeJournal.record(generation, of: directory) else { continue }
            if let number = record.undoes {
                undone.insert(number)
            } else if !undone.contains(generation) {
                return record
            }
        }
        throw LaminaError(.notFound, directory, "there is nothing left to undo", remedy: "lamina log shows the changes")
    }
}
