import Glibc

/// Libraries that crashed a process of this user, each until its file changes or somebody clears it.
///
/// An entry of a catalog whose library is here can't be used; a layer that is given by its path can. Records lie one a file in
/// `lamina/quarantine` in `XDG_STATE_HOME` or `~/.local/state`. Under `AT_SECURE` there are none. Calls block for files.
public struct Quarantine: Sendable, Equatable {
    /// One crash.
    public struct Record: Sendable, Equatable {
        /// What the library's providers are called; the file's name where it crashed before it said so.
        public var names: [String]
        /// The library, without links.
        public var file: String
        /// Which file it was.
        public var identity: FileIdentity
        /// The SHA-256 of its content, in hexadecimal.
        public var sha256: String
        /// The signal that ended the process.
        public var signal: Int32
        /// Whose code was being run, as a phrase: `in connect`.
        public var place: String
        /// The labels of the chain that it stood in, from the program down.
        public var chain: [String]
        /// When, in seconds since 1970.
        public var time: Int64
        /// The program that the process served.
        public var program: String

        /// A crash of the library in this file, now. Reads the file.
        public init(
            of file: String,
            names: [String],
            signal: Int32,
            place: String,
            chain: [String] = [],
            program: String
        ) throws(LaminaError) {
            self.names = names
            self.file = File.resolved(file) ?? file
            identity = try File.identity(of: file)
            sha256 = SHA256.hexadecimal(of: try File.read(file, limit: 1 << 30).bytes)
            self.signal = signal
            self.place = place
            self.chain = chain
            time = Int64(Glibc.time(nil))
            self.program = program
        }
    }

    /// Where the records lie; nil where there are none, whatever happens.
    public let path: String?

    /// The records in this directory.
    public init(path: String?) {
        self.path = path
    }

    /// This user's.
    public static var standard: Quarantine {
        Quarantine(
            path: Environment.userDirectory("XDG_STATE_HOME", or: ".local/state").map { "\($0)/lamina/quarantine" }
        )
    }

    /// Everything that is quarantined, the oldest first, and records that can't be read.
    public func records() -> (records: [Record], problems: [LaminaError]) {
        guard let path else { return ([], []) }
        var records: [Record] = []
        var problems: [LaminaError] = []
        do throws(LaminaError) {
            for name in try File.names(in: path, endingIn: ".json") {
                do throws(LaminaError) {
                    let file = "\(path)/\(name)"
                    let bytes = try File.read(file, limit: 1 << 20).bytes
                    records.append(try Record(JSON(parsing: bytes, named: file, code: .invalidManifest), file: file))
                } catch {
                    problems.append(error)
                }
            }
        } catch {
            problems.append(error)
        }
        return (records.sorted { ($0.time, $0.sha256) < ($1.time, $1.sha256) }, problems)
    }

    /// Adds a record, in the place of an older one of the same content.
    public func add(_ record: Record) throws(LaminaError) {
        guard let path else { return }
        try File.makeFolders(path)
        try File.replace(file(of: record, in: path), with: Array(record.json.text(pretty: true).utf8), mode: 0o600)
    }

    /// Forgets the crashes of the provider or library of this name or path, and gives them.
    ///
    /// Throws `notFound` with the nearest name where nothing of this name is quarantined.
    @discardableResult
    public func clear(_ name: String) throws(LaminaError) -> [Record] {
        let records = records().records
        let resolved = name.contains("/") ? File.resolved(name) ?? name : nil
        let found = records.filter { $0.names.contains(name) || $0.file == resolved }
        guard !found.isEmpty, let path else {
            throw LaminaError(
                .notFound,
                "\"\(name)\"",
                "is not quarantined",
                remedy: Suggestion.remedy(
                    for: name,
                    among: records.flatMap(\.names),
                    otherwise: records.isEmpty
                        ? "" : "quarantined are \(records.flatMap(\.names).joined(separator: ", "))"
                )
            )
        }
        for record in found { try File.remove(file(of: record, in: path)) }
        return found
    }

    private func file(of record: Record, in path: String) -> String {
        "\(path)/\(record.sha256.prefix(32)).json"
    }

    // MARK: - Checking

    /// The record that a library has, by its pin where it has one, else by its identity, or by its content where the
    /// path is the same.
    func record(of library: String, pin: String?) -> Record? {
        Self.record(of: library, pin: pin, among: path == nil ? [] : records().records)
    }

    private static func record(of library: String, pin: String?, among records: [Record]) -> Record? {
        guard !records.isEmpty else { return nil }
        if let pin { return records.first { $0.sha256 == pin } }
        guard let identity = try? File.identity(of: library) else { return nil }
        if let known = records.first(where: { $0.identity == identity }) { return known }
        var rivals = records.filter { $0.identity.size == identity.size }
        guard !rivals.isEmpty else { return nil }
        let resolved = File.resolved(library)
        rivals.removeAll { $0.file != resolved }
        guard !rivals.isEmpty, let bytes = try? File.read(library, limit: 1 << 30).bytes else { return nil }
        let digest = SHA256.hexadecimal(of: bytes)
        return rivals.first { $0.sha256 == digest }
    }

    /// Refuses an entry whose library is quarantined.
    func check(_ entry: CatalogEntry) throws(LaminaError) {
        try Self.check(entry, among: records().records)
    }

    /// The same, of records that were read before.
    static func check(_ entry: CatalogEntry, among records: [Record]) throws(LaminaError) {
        guard let library = entry.library,
            let record = record(of: library, pin: entry.manifest?.sha256, among: records)
        else { return }
        throw record.error(about: "provider \"\(entry.name)\"", clearing: entry.name)
    }
}

extension Quarantine.Record {
    /// Why a library can't be used.
    func error(about subject: String, clearing name: String) -> LaminaError {
        let what = "it crashed \(program) with \(CrashRecord.name(ofSignal: signal)) \(place) at \(Moment.text(time))"
        return LaminaError(
            .refused,
            subject,
            "is quarantined: \(what)",
            remedy: "install another file, or try this one again: lamina clear \(name)"
        )
    }

    /// The record as its file's content.
    public var json: JSON {
        [
            "format": 1, "names": .array(names.map { .string($0) }), "file": .string(file), "identity": identity.json,
            "sha256": .string(sha256), "signal": .integer(Int64(signal)), "place": .string(place),
            "chain": .array(chain.map { .string($0) }), "time": .integer(time), "program": .string(program),
        ]
    }

    init(_ json: JSON, file path: String) throws(LaminaError) {
        guard let object = json.objectValue else {
            throw LaminaError(.invalidManifest, path, "holds \(json.kind) where an object is expected")
        }
        let reader = ManifestReader(object: object) { _ in path }
        func required<Value>(_ value: Value?, _ key: String) throws(LaminaError) -> Value {
            guard let value else { throw reader.missing(key, "remove the file") }
            return value
        }
        names = try reader.texts("names")
        file = try required(try reader.text("file"), "file")
        identity = try FileIdentity(try required(try reader.object("identity"), "identity"))
        sha256 = try required(try reader.text("sha256"), "sha256")
        signal = Int32(truncatingIfNeeded: try required(try reader.integer("signal"), "signal"))
        place = try reader.text("place") ?? ""
        chain = try reader.texts("chain")
        time = try reader.integer("time") ?? 0
        program = try reader.text("program") ?? ""
    }
}

/// Points in time, for people.
package enum Moment {
    /// `2026-03-01T12:30:05Z`, of seconds since 1970.
    package static func text(_ seconds: Int64) -> String {
        var (time, parts) = (time_t(seconds), tm())
        guard gmtime_r(&time, &parts) != nil else { return "\(seconds)" }
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
