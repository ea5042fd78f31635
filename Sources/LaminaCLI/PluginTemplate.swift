import Glibc
import Lamina

/// The files of a plug-in's package, as they are installed: texts in which `__name__` and other words stand for what is
/// known when the package is made.
struct PluginTemplate {
    let name: String
    let kind: NewCommand.Kind
    let language: NewCommand.Language
    /// Where Lamina is installed.
    private let prefix: String
    /// What the plug-in's type and module are called.
    private let module: String

    init(name: String, kind: NewCommand.Kind, language: NewCommand.Language) throws(LaminaError) {
        guard let executable = Environment.executable else { throw File.error("/proc/self/exe", "can't be read") }
        self.name = name
        self.kind = kind
        self.language = language
        prefix = File.folder(of: File.folder(of: executable))
        module = try Self.module(name)
    }

    /// `rate-limit` is `RateLimit`: a word that Swift and file systems take.
    private static func module(_ name: String) throws(LaminaError) -> String {
        func error(_ cause: String, _ remedy: String) -> LaminaError {
            LaminaError(.invalidArgument, "\"\(name)\"", cause, remedy: remedy)
        }
        for character in name
        where !(character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))) {
            throw error("'\(character)' can't stand in a name", "a name has letters, digits, '.', '_' and '-'")
        }
        guard let first = name.first, first.isLetter else { throw error("begins with no letter", "put one first") }
        guard name.utf8.count <= 64 else { throw error("has \(name.utf8.count) letters", "take at most 64") }
        return name.split { "._-".contains($0) }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// Refuses a name that an installed provider has, or that a module has which the package uses.
    func checkName() throws(LaminaError) {
        let own = [
            "Lamina", "LaminaProvider", "LaminaFFI", "LaminaConformance", "CLamina", "CLaminaPlugin", "CLaminaFFI",
            "CLinux",
            "CFFI", "Swift", "Glibc", "Synchronization", "Foundation", "Testing",
        ]
        if let entry = try? Catalog().entry(named: name) {
            throw LaminaError(
                .invalidArgument,
                "\"\(name)\"",
                "is the name of an installed provider (\(entry.files.last ?? entry.origin.rawValue))",
                remedy: "take another name"
            )
        }
        if language == .swift, own.contains(module) {
            throw LaminaError(.invalidArgument, "\"\(name)\"", "is a module that it uses", remedy: "take another name")
        }
    }

    // MARK: - Writing

    /// Writes the files into a folder, which is made, and gives their names there. An existing folder must be empty. Nothing
    /// is written where a template is missing.
    func write(to folder: String) throws(LaminaError) -> [String] {
        try checkEmpty(folder)
        var texts: [(name: String, text: String)] = []
        let uuid = Self.uuid()
        for part in [language.rawValue, "\(language.rawValue)-\(kind.rawValue)"] {
            let root = "\(prefix)/share/lamina/templates/\(part)"
            for file in try Self.files(below: root) {
                let bytes = try File.content(of: "\(root)/\(file)", limit: 1 << 20)
                texts.append((fill(file, uuid), fill(String(decoding: bytes, as: UTF8.self), uuid)))
            }
        }
        for (name, text) in texts {
            let path = "\(folder)/\(name)"
            try Self.makeFolder(File.folder(of: path))
            let file = try File.Descriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o666)
            try file.write(Array(text.utf8), to: path)
        }
        return texts.map(\.name).sorted()
    }

    private func checkEmpty(_ folder: String) throws(LaminaError) {
        guard let stream = opendir(folder) else {
            guard errno != ENOENT else { return }
            throw File.error(folder, "can't be listed")
        }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        // Every folder has . and ..
        guard count > 2 else { return }
        throw LaminaError(
            .invalidArgument,
            folder,
            "exists and isn't empty",
            remedy: "take another --directory, or another name"
        )
    }

    private func fill(_ text: String, _ uuid: String) -> String {
        let words = [
            "__name__": name, "__Module__": module, "__prefix__": prefix, "__uuid__": uuid, "__lamina__": command,
        ]
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "_") {
            result += rest[..<start]
            rest = rest[start...]
            if let word = words.keys.first(where: { rest.hasPrefix($0) }), let value = words[word] {
                result += value
                rest = rest.dropFirst(word.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }

    /// The files below a folder, by their names there.
    private static func files(below root: String, _ folder: String = "") throws(LaminaError) -> [String] {
        guard let stream = opendir("\(root)/\(folder)") else {
            throw LaminaError(
                errno == ENOENT ? .notFound : .system,
                root,
                String(cString: strerror(errno)),
                remedy: "templates come with an installed Lamina: ./install.sh",
                errno: errno
            )
        }
        defer { closedir(stream) }
        var files: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            files += Int32(entry.pointee.d_type) == Int32(DT_DIR) ? try Self.files(below: root, path) : [path]
        }
        return files
    }

    private static func makeFolder(_ path: String) throws(LaminaError) {
        if mkdir(path, 0o777) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path.contains("/") else { throw File.error(path, "can't be made") }
        try makeFolder(File.folder(of: path))
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw File.error(path, "can't be made") }
    }

    /// A random identity (RFC 9562, version 4).
    private static func uuid() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0\(text)" : text
        }
        let groups = [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]]
        return groups.map { $0.joined() }.joined(separator: "-")
    }

    // MARK: - What to do next

    /// How a shell here calls this command.
    private var command: String {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let found = path.split(separator: ":").first { access("\($0)/lamina", X_OK) == 0 }
        let own = "\(prefix)/bin/lamina"
        guard let found, let real = realpath("\(found)/lamina", nil) else { return own }
        defer { free(real) }
        return String(cString: real) == own ? "lamina" : own
    }

    private func library(in folder: String) -> String {
        language == .swift ? "\(folder)/.build/release/lib\(module).so" : "\(folder)/lib\(module).so"
    }

    /// The commands that build, test and install the package in a folder.
    func commands(in folder: String) -> [String] {
        let place = Self.quoted(folder)
        let build =
            language == .swift
            ? ["swift build -c release --package-path \(place)", "swift test --package-path \(place)"]
            : ["make -C \(place)", "make -C \(place) test"]
        return build + ["\(command) install \(Self.quoted(library(in: folder)))"]
    }

    /// The command that uses the plug-in before it is installed.
    func trial(in folder: String) -> String {
        let file = library(in: folder.hasPrefix("/") ? folder : "./\(folder)")
        switch kind {
        case .base: return "\(command) check \(Self.quoted(file))"
        case .layer, .terminating: return "\(command) run --layer \(Self.quoted(file)) -- curl -s http://example.org/"
        }
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+".contains($0)) }
        return isPlain
            ? word : "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    }
}
