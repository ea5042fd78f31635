import CLinux
import Glibc

/// What is wrong with the library of an entry: the first thing that would hinder its loading.
enum LibraryFault {
    case missing(LaminaError)
    case unsafe(LaminaError)
    case changed(LaminaError)
    case foreign(LaminaError)
    case noPlugin(LaminaError)
    /// Libraries that it needs and that aren't there, each with who needs it.
    case lacks([(name: String, by: String)])

    /// The cases without what they carry.
    enum Kind {
        case missing, unsafe, changed, foreign, noPlugin, lacks
    }

    /// The library of a sound entry; nil where nothing is wrong.
    init?(of entry: CatalogEntry) {
        guard let library = entry.library, let manifest = entry.manifest else { return nil }
        var verifier = LibraryVerifier()
        do throws(LaminaError) {
            try verifier.check(library, pin: manifest.sha256, identity: manifest.identity)
        } catch {
            if error.isAboutTrust {
                self = .unsafe(error)
            } else if error.code == .notFound {
                self = .missing(error)
            } else if error.code == .refused {
                self = .changed(error)
            } else {
                self = error.code == .incompatible ? .foreign(error) : .noPlugin(error)
            }
            return
        }
        let missing = LibraryDependencies.missing(of: library)
        if missing.isEmpty { return nil }
        self = .lacks(missing)
    }

    /// The error of a fault of this kind.
    func error(_ kind: Kind) -> LaminaError? {
        switch (self, kind) {
        case (.missing(let error), .missing), (.unsafe(let error), .unsafe), (.changed(let error), .changed),
            (.foreign(let error), .foreign), (.noPlugin(let error), .noPlugin):
            error
        default: nil
        }
    }
}

extension Doctor {
    /// What is wrong with libraries.
    static let libraryRules: [Rule] = [
        rule("D04", "a library that isn't there", .missing, repairs: true),
        rule("D05", "a library that isn't what was installed", .changed, repairs: true),
        rule("D06", "a library for another architecture", .foreign, repairs: false),
        rule("D07", "a library that is no plug-in", .noPlugin, repairs: false),
        Rule("D08", .fault, "a library that needs one that isn't there") { rule, examination in
            examination.libraries.compactMap { entry, fault in
                guard case .lacks(let missing) = fault else { return nil }
                let names = missing.map { need in
                    need.by == entry.library ? need.name : "\(need.name) (for \(need.by))"
                }
                return Finding(
                    rule,
                    entry.library ?? entry.name,
                    "needs \(names.joined(separator: ", ")), found nowhere; install the package that has it, or remove "
                        + "\"\(entry.name)\"",
                    command: examination.removal(of: entry),
                    directory: examination.directory(of: examination.file(of: entry))?.path
                )
            }
        },
        Rule("D09", .fault, "a provider for another ABI version than this Lamina's") { rule, examination in
            examination.entries.compactMap { entry in
                guard entry.manifest != nil, case .unavailable(let error) = entry.state else { return nil }
                return Finding(
                    rule,
                    error.subject,
                    "\(error.cause); \(error.remedy), or remove it",
                    command: examination.removal(of: entry),
                    directory: examination.directory(of: examination.file(of: entry))?.path
                )
            }
        },
        Rule("D10", .fault, "a process that runs a library's old file, which was replaced in place") { rule, examination in
            let libraries = Dictionary(
                examination.sound.compactMap { entry in
                    entry.library.flatMap(File.resolved).map { ($0, entry) }
                },
                uniquingKeysWith: { first, _ in first }
            )
            return MappedLibraries.outdated(among: Set(libraries.keys)).map { process in
                Finding(
                    rule,
                    "process \(process.identifier) (\(process.name))",
                    "runs \(process.library) as it was before it was changed in place: restart needed",
                    command: process.restart,
                    directory: libraries[process.library].flatMap { entry in
                        examination.directory(of: examination.file(of: entry))?.path
                    }
                )
            }
        },
    ]

    private static func rule(_ number: String, _ summary: String, _ kind: LibraryFault.Kind, repairs: Bool) -> Rule {
        Rule(number, .fault, summary) { rule, examination in
            examination.libraries.compactMap { entry, fault in
                guard let error = fault.error(kind) else { return nil }
                let origin = entry.manifest?.installation?.from
                let removal = examination.removal(of: entry)
                let option = examination.option(for: examination.file(of: entry))
                var command = removal
                if repairs, let origin, access(origin, R_OK) == 0 { command = "lamina install \(option) \(origin)" }
                return Finding(
                    rule,
                    error.subject,
                    "\(error.cause); \"\(entry.name)\" can't be used",
                    command: command,
                    directory: examination.directory(of: examination.file(of: entry))?.path
                )
            }
        }
    }
}
