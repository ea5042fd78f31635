import Glibc

/// One change of a `catalog.d` directory, as its history keeps it.
public struct ChangeRecord: Sendable, Equatable {
    /// What a change does to one file.
    public struct File: Sendable, Equatable {
        /// The file, relative to the directory.
        public let path: String
        /// What it held before; nil where it wasn't there.
        public let before: String?
        /// What it holds afterwards; nil where it is removed.
        public let after: String?
    }

    /// The change's number in its directory, from 1.
    public let generation: Int
    /// When it was made, in seconds since 1970.
    public let time: Int64
    /// The user who made it.
    public let user: UInt32
    /// The executable that made it.
    public let program: String
    /// What was done: `install`, `remove`, `disable`, `undo` and so on.
    public let action: String
    /// The provider, chain or policy that it was done to.
    public let subject: String
    /// Where it came from: the path of the library that was installed.
    public let origin: String?
    /// The change that this one undoes.
    public let undoes: Int?
    /// The files, by path.
    public let files: [File]
}

extension ChangeRecord {
    /// The folder of the records in a directory.
    static let folder = ".history"

    /// How many records a directory keeps.
    static let limit = 100

    /// The most bytes that a record may have: a library's manifests, before and after, escaped.
    static let sizeLimit = 64 << 20

    /// A record's path, relative to its directory.
    static func path(_ generation: Int) -> String {
        let digits = String(generation)
        return "\(folder)/\(String(repeating: "0", count: max(8 - digits.count, 0)))\(digits).json"
    }

    /// The record as its file's content, and as `lamina log --json` shows it.
    public var json: JSON {
        var object = JSON.Object()
        object["format"] = 1
        object["generation"] = .integer(Int64(generation))
        object["time"] = .integer(time)
        object["user"] = .integer(Int64(user))
        object["program"] = .string(program)
        object["action"] = .string(action)
        object["subject"] = .string(subject)
        if let origin { object["origin"] = .string(origin) }
        if let undoes { object["undoes"] = .integer(Int64(undoes)) }
        var (before, after) = (JSON.Object(), JSON.Object())
        for file in files {
            before[file.path] = file.before.map { .string($0) } ?? .null
            after[file.path] = file.after.map { .string($0) } ?? .null
        }
        object["before"] = .object(before)
        object["after"] = .object(after)
        return .object(object)
    }

    /// Reads the record of a change; `file` is its path for errors.
    init(parsing bytes: [UInt8], file: String, generation: Int) throws(LaminaError) {
        let json = try JSON(parsing: bytes, named: file, limit: Self.sizeLimit, code: .invalidManifest)
        func number(_ key: String) throws(LaminaError) -> Int64 {
            guard let number = json[key]?.integerValue else { throw Self.damaged(file, key) }
            return number
        }
        func text(_ key: String) throws(LaminaError) -> String {
            guard let text = json[key]?.stringValue else { throw Self.damaged(file, key) }
            return text
        }
        guard try number("format") == 1 else { throw Self.damaged(file, "format") }
        guard let before = json["before"]?.objectValue, let after = json["after"]?.objectValue else {
            throw Self.damaged(file, "after")
        }
        var files: [File] = []
        for (path, value) in after.members {
            guard Self.isChangeable(path), value == .null || value.stringValue != nil else {
                throw Self.damaged(file, "after")
            }
            files.append(File(path: path, before: before[path]?.stringValue, after: value.stringValue))
        }
        // A reader that follows a record to another one than the next would never end.
        guard try number("generation") == Int64(generation) else { throw Self.damaged(file, "generation") }
        self.generation = generation
        time = try number("time")
        user = UInt32(truncatingIfNeeded: try number("user"))
        program = try text("program")
        action = try text("action")
        subject = try text("subject")
        origin = json["origin"]?.stringValue
        undoes = json["undoes"]?.integerValue.map { Int($0) }
        self.files = files
    }

    private static func damaged(_ file: String, _ key: String) -> LaminaError {
        LaminaError(
            .invalidManifest,
            "\(file): key \"\(key)\"",
            "is missing or wrong: the record is damaged",
            remedy: "lamina doctor says what can be done"
        )
    }

    /// Whether a change may touch this path: `NAME.json`, or one in the folders of chains and policies.
    static func isChangeable(_ path: String) -> Bool {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.popLast(), name.hasSuffix(".json"), LayerGrammar.isName(String(name.dropLast(5))),
            name.utf8.first != UInt8(ascii: ".")
        else { return false }
        return parts.isEmpty || parts.count == 1 && CatalogDirectory.folders.contains(String(parts[0]))
    }
}
