extension Doctor {
    /// What keeps named chains and policies from being followed.
    static let chainRules: [Rule] = [
        Rule("D20", .fault, "a named chain that can't be used") { rule, examination in
            let catalog = examination.catalog
            return catalog.namedChains().compactMap { item in
                do throws(LaminaError) {
                    let chain = try item.get()
                    do throws(LaminaError) { try chain.definition.check(in: catalog) } catch {
                        return examination.finding(rule, chain.file, error, "lamina chain remove \(chain.name)")
                    }
                    return nil
                } catch {
                    return examination.finding(rule, error.file, error)
                }
            }
        },
        Rule("D21", .fault, "a policy that fails the programs that it names") { rule, examination in
            let catalog = examination.catalog
            return catalog.policies().items.compactMap { item in
                do throws(LaminaError) {
                    switch try item.policy.get().choice {
                    case .chain(let name): _ = try catalog.chain(named: name)
                    case .layers(let definition): try definition.check(in: catalog)
                    }
                    return nil
                } catch {
                    return examination.finding(rule, item.file, error, "lamina policy remove \(item.subject)")
                }
            }
        },
        Rule("D22", .fault, "a policy's file that doesn't say whom it is for, and is followed for nobody") {
            rule, examination in
            examination.catalog.policies().problems.map { examination.finding(rule, $0.file, $0) }
        },
    ]
}

extension LaminaError {
    /// The file that the error's subject begins with.
    fileprivate var file: String {
        guard let end = subject.utf8.firstIndex(of: UInt8(ascii: ":")) else { return subject }
        return String(subject[..<end])
    }
}

extension Examination {
    /// A finding about a chain's or a policy's file. Without a command the file is to be corrected by whoever wrote it.
    fileprivate func finding(
        _ rule: Doctor.Rule,
        _ file: String,
        _ error: LaminaError,
        _ command: String = ""
    ) -> Doctor.Finding {
        let folder = File.folder(of: File.folder(of: file))
        let option = CatalogDirectory.option(forFile: "\(folder)/x")
        return Doctor.Finding(
            rule,
            file,
            error.subject == file ? "\(error.cause); \(error.remedy)" : error.description,
            command: command.isEmpty ? "rm \(file)" : "\(command) \(option)",
            directory: directory(of: "\(folder)/x")?.path
        )
    }
}
