/// Looks at a catalog and says what is wrong with it, and which command mends it. Loads no plug-in's code and changes
/// nothing.
public enum Doctor {
    /// How bad a finding is.
    public enum Severity: String, Sendable {
        /// Something that can't work, or isn't safe.
        case fault
        /// Something that somebody may have wanted.
        case note
    }

    /// One kind of thing that may be wrong.
    public struct Rule: Sendable {
        /// Its number, which stays: `D01`.
        public let number: String
        /// How bad it is.
        public let severity: Severity
        /// What it finds, as a phrase.
        public let summary: String
        let check: @Sendable (Rule, inout Examination) -> [Finding]

        init(
            _ number: String,
            _ severity: Severity = .fault,
            _ summary: String,
            _ check: @escaping @Sendable (Rule, inout Examination) -> [Finding]
        ) {
            (self.number, self.severity, self.summary, self.check) = (number, severity, summary, check)
        }

        /// The rule as `lamina doctor --rules --json` shows it.
        public var json: JSON {
            ["rule": .string(number), "severity": .string(severity.rawValue), "finds": .string(summary)]
        }
    }

    /// One thing that is wrong.
    public struct Finding: Sendable {
        /// The rule that found it.
        public let rule: Rule
        /// The file, entry or process that it is about.
        public let subject: String
        /// What is wrong, in one line.
        public let explanation: String
        /// The command that mends it; empty where there is none.
        public let command: String
        /// The catalog directory that it is about; nil where it is none of them.
        public let directory: String?

        init(
            _ rule: Rule,
            _ subject: String,
            _ explanation: String,
            command: String = "",
            directory: String? = nil
        ) {
            (self.rule, self.subject, self.explanation) = (rule, subject, explanation)
            (self.command, self.directory) = (command, directory)
        }

        /// The finding as `lamina doctor --json` shows it.
        public var json: JSON {
            [
                "rule": .string(rule.number), "severity": .string(rule.severity.rawValue), "subject": .string(subject),
                "explanation": .string(explanation), "command": .string(command),
            ]
        }
    }

    /// Every rule, by number.
    public static let rules: [Rule] = manifestRules + libraryRules + orderRules + stateRules + chainRules

    /// Applies every rule; with `directory` only what is about that one is given. Blocks for files.
    public static func examine(_ catalog: Catalog = Catalog(), in directory: CatalogDirectory? = nil) -> [Finding] {
        var examination = Examination(catalog)
        let findings = rules.flatMap { $0.check($0, &examination) }
        guard let directory else { return findings }
        return findings.filter { $0.directory == directory.path }
    }
}

/// What the rules look at.
struct Examination {
    let catalog: Catalog
    /// Every entry, with its library unchecked.
    let entries: [CatalogEntry]
    /// Those whose manifests are sound and that nothing masks.
    let sound: [CatalogEntry]
    /// What is wrong with the libraries, by entry; each entry has one fault at most.
    lazy var libraries: [(entry: CatalogEntry, fault: LibraryFault)] = sound.compactMap { entry in
        LibraryFault(of: entry).map { (entry, $0) }
    }

    init(_ catalog: Catalog) {
        self.catalog = catalog
        entries = catalog.entries
        sound = entries.filter { $0.manifest != nil && $0.isAvailable }
    }

    /// The catalog directory that a file lies in.
    func directory(of file: String) -> CatalogDirectory? {
        let folder = File.folder(of: file)
        return catalog.directories.last { folder == $0.path || folder.hasPrefix("\($0.path)/") }
    }

    /// `--user`, `--system` or `--directory PATH` for the directory of a file.
    func option(for file: String) -> String { CatalogDirectory.option(forFile: file) }

    /// The last file of an entry.
    func file(of entry: CatalogEntry) -> String { entry.files.last ?? entry.name }

    /// The command that removes what an entry's last file says.
    func removal(of entry: CatalogEntry) -> String { "lamina remove \(option(for: file(of: entry))) \(entry.name)" }
}

extension CatalogDirectory {
    /// How the command line names this directory.
    public var option: String { Self.option(forFile: "\(path)/") }

    /// How the command line names the directory of a manifest.
    static func option(forFile file: String) -> String {
        let folder = File.folder(of: file)
        if folder == user?.path { return "--user" }
        return folder == system.path ? "--system" : "--directory \(folder)"
    }
}
