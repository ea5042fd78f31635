extension Doctor {
    /// What is wrong with manifests, and with who may write them.
    static let manifestRules: [Rule] = [
        Rule("D01", .fault, "a manifest, a library or a directory above them that others may change") { rule, examination in
            var errors = examination.catalog.problems
            for entry in examination.entries where entry.manifest == nil {
                if case .unavailable(let error) = entry.state { errors.append(error) }
            }
            errors += examination.libraries.compactMap { $0.fault.error(.unsafe) }
            var found: [LaminaError] = []
            for error in errors where error.isAboutTrust && !found.contains(error) { found.append(error) }
            return found.map { error in
                Finding(
                    rule,
                    error.subject,
                    error.cause,
                    command: error.trustCommand,
                    directory: examination.directory(of: "\(error.subject)/")?.path
                        ?? examination.directory(of: error.subject)?.path
                )
            }
        },
        Rule("D02", .fault, "a manifest that can't be read, or that says something impossible") { rule, examination in
            broken(in: examination).compactMap { entry, error in
                guard !error.isAboutTrust, !error.isAboutName else { return nil }
                let file = entry.files[0]
                let isText = error.code == .invalidManifest
                return Finding(
                    rule,
                    error.subject,
                    error.remedy.isEmpty ? error.cause : "\(error.cause); \(error.remedy)",
                    command: isText ? examination.removal(of: entry) : "rm -r \(file)",
                    directory: examination.directory(of: file)?.path
                )
            }
        },
        Rule("D03", .fault, "a manifest whose file has another name than its provider") { rule, examination in
            broken(in: examination).compactMap { entry, error in
                guard error.isAboutName else { return nil }
                let file = entry.files[0]
                let name = String(error.remedy.dropFirst("rename it to ".count))
                return Finding(
                    rule,
                    file,
                    error.cause,
                    command: "mv \(file) \(File.folder(of: file))/\(name)",
                    directory: examination.directory(of: file)?.path
                )
            }
        },
    ]

    private static func broken(in examination: Examination) -> [(CatalogEntry, LaminaError)] {
        examination.entries.compactMap { entry in
            guard entry.manifest == nil, case .unavailable(let error) = entry.state else { return nil }
            return (entry, error)
        }
    }
}

extension LaminaError {
    /// Whether this says that somebody else could change a file.
    var isAboutTrust: Bool { code == .refused && (remedy == Trust.chmod || remedy == Trust.chown) }

    /// The command that an error about trust asks for.
    var trustCommand: String {
        remedy == Trust.chmod ? "chmod go-w \(subject)" : "sudo chown root \(subject)"
    }

    /// Whether this says that a manifest has another name than its file.
    var isAboutName: Bool { code == .invalidManifest && remedy.hasPrefix("rename it to ") }
}
