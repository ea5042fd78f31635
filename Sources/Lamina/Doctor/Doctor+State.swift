import Glibc

extension Doctor {
    /// What was switched off, crashed, or left undone.
    static let stateRules: [Rule] = [
        Rule("D14", .fault, "a provider whose library crashed and is quarantined") { rule, examination in
            let records = examination.catalog.quarantine.records().records
            return examination.sound.compactMap { entry in
                do throws(LaminaError) {
                    try Quarantine.check(entry, among: records)
                    return nil
                } catch {
                    return Finding(
                        rule,
                        entry.library ?? entry.name,
                        "\"\(entry.name)\" \(error.cause)",
                        command: "lamina clear \(entry.name)",
                        directory: examination.directory(of: examination.file(of: entry))?.path
                    )
                }
            }
        },
        Rule("D15", .fault, "an environment that disables every layer") { rule, _ in
            guard Environment.isDisabled else { return [] }
            let variable = Environment.disableVariable
            return [
                Finding(
                    rule,
                    variable,
                    "is 1: programs started from here use no layers",
                    command: "unset \(variable)"
                )
            ]
        },
        Rule("D16", .note, "a provider that is disabled") { rule, examination in
            examination.entries.compactMap { entry in
                guard case .masked(let file) = entry.state else { return nil }
                return Finding(
                    rule,
                    file,
                    "disables \"\(entry.name)\"\(entry.maskReason.map { ": \($0)" } ?? "")",
                    command: "lamina enable \(examination.option(for: file)) \(entry.name)",
                    directory: examination.directory(of: file)?.path
                )
            }
        },
        Rule("D17", .fault, "a change that a writer began and didn't finish, or what it left behind") {
            rule,
            examination in
            examination.catalog.directories.compactMap { directory in
                guard let left = CatalogWriter(directory).leftOver() else { return nil }
                return Finding(
                    rule,
                    directory.path,
                    left,
                    command: "lamina doctor --recover \(directory.option)",
                    directory: directory.path
                )
            }
        },
        Rule("D18", .fault, "a history that is damaged") { rule, examination in
            examination.catalog.directories.flatMap { directory in
                let problems: [LaminaError]
                do throws(LaminaError) {
                    problems = try CatalogWriter.log(of: directory.path).problems
                } catch {
                    problems = [error]
                }
                return problems.map { problem in
                    let file = problem.subject.prefix { $0 != ":" }
                    return Finding(
                        rule,
                        problem.subject,
                        "\(problem.cause); without it undo ends there",
                        command: "rm \(file)",
                        directory: directory.path
                    )
                }
            }
        },
        Rule("D19", .fault, "a quarantine record that can't be read") { rule, examination in
            examination.catalog.quarantine.records().problems.map { problem in
                Finding(rule, problem.subject, problem.cause, command: "rm \(problem.subject.prefix { $0 != ":" })")
            }
        },
    ]
}

extension CatalogWriter {
    /// Completes a change that a killed writer recorded, and removes what such writers and dropped records left behind.
    /// Every change does the first part of that anyway.
    public func recover() throws(LaminaError) {
        guard access(directory.path, F_OK) == 0 else { return }
        let journal = try ChangeJournal(directory.path, isThorough: true)
        sweep(journal)
    }

    /// What a writer who isn't at work any more has left; nil where there is nothing.
    func leftOver() -> String? {
        guard access("\(directory.path)/.lock", F_OK) == 0, DirectoryLock.isFree(directory.path) else { return nil }
        let applied = ((try? ChangeJournal.appliedGeneration(of: directory.path)) ?? nil) ?? 0
        if let record = (try? ChangeJournal.record(applied + 1, of: directory.path)) ?? nil {
            return
                "change \(record.generation) (\(record.action) \(record.subject)) is recorded, and its files aren't in place"
        }
        let copies = LibraryCopies(of: directory)
        let files =
            ChangeJournal.temporaries(of: directory.path) + copies.temporaries()
            + copies.unnamed(among: Set(copies.names())).sorted().map { "\(directory.libraries)/\($0)" }
        return files.isEmpty ? nil : "files that nobody needs were left behind: \(files.joined(separator: ", "))"
    }
}
