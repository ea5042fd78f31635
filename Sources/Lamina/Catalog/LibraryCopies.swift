import Glibc

extension CatalogWriter {
    /// Removes the copies of libraries that nothing names any more: those of dropped records, and all that a writer who
    /// didn't finish may have left.
    func sweep(_ journal: borrowing ChangeJournal, thoroughly: Bool = false) {
        let isThorough = thoroughly || journal.wasLeft
        let copies = LibraryCopies(of: directory)
        var candidates = Set(journal.dropped.flatMap(copies.named(in:)))
        if isThorough { candidates.formUnion(copies.names()) }
        for name in copies.unnamed(among: candidates) { unlink("\(directory.libraries)/\(name)") }
        if isThorough { for file in copies.temporaries() { unlink(file) } }
    }
}

/// The copies of libraries that `install` has made for a directory.
struct LibraryCopies {
    let directory: CatalogDirectory

    init(of directory: CatalogDirectory) {
        self.directory = directory
    }

    /// The file names of all that are there.
    func names() -> [String] {
        ((try? File.names(in: directory.libraries, endingIn: ".so")) ?? []).filter(Self.isCopy)
    }

    /// The files of copies that were never finished.
    func temporaries() -> [String] {
        if directory.libraries == directory.path { return [] }
        return File.hiddenNames(in: directory.libraries, endingIn: ".new").map { "\(directory.libraries)/\($0)" }
    }

    /// The file names of those that a record names.
    func named(in record: ChangeRecord) -> [String] {
        record.files.flatMap { [$0.before, $0.after] }.compactMap { text in
            guard let text, let library = (try? JSON(parsing: text))?["library"]?.stringValue else { return nil }
            let name = File.name(of: library)
            return Self.isCopy(name) ? name : nil
        }
    }

    /// Those of these that no manifest and no record of the directory names, whether these can be parsed or not.
    func unnamed(among names: Set<String>) -> Set<String> {
        var rest = names
        let folders = [directory.path, "\(directory.path)/\(ChangeRecord.folder)"]
        for folder in folders {
            for file in (try? File.names(in: folder, endingIn: ".json")) ?? [] where !rest.isEmpty {
                guard let text = try? File.read("\(folder)/\(file)", limit: ChangeRecord.sizeLimit).bytes else {
                    // What can't be read may name any.
                    return []
                }
                rest = rest.filter { !Self.holds(text, $0) }
            }
        }
        return rest
    }

    private static func holds(_ text: [UInt8], _ name: String) -> Bool {
        let name = Array(name.utf8)
        return text.withUnsafeBytes { text in
            var rest = text[...]
            while rest.count >= name.count, let start = rest.firstIndex(of: name[0]) {
                rest = rest[start...]
                if rest.starts(with: name) { return true }
                rest = rest.dropFirst()
            }
            return false
        }
    }

    /// `libMine-0123456789abcdef.so`.
    private static func isCopy(_ name: String) -> Bool {
        let digits = name.utf8.dropLast(3).suffix(16)
        return name.hasSuffix(".so") && name.utf8.count > 20 && digits.count == 16
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            && name.utf8.dropLast(19).last == UInt8(ascii: "-")
    }
}
