/// Which layers some programs get, stored in a file of its own (`WSCSetApplicationCategory`, the other way round: nothing
/// that no policy names is touched).
public struct Policy: Sendable, Equatable {
    /// What the programs get.
    public enum Choice: Sendable, Equatable {
        /// The chain of this name.
        case chain(String)
        /// These layers; none at all means the bare base.
        case layers(ChainDefinition)
    }

    /// The folder of a `catalog.d` directory that holds them.
    static let folder = "policies"

    /// The programs.
    public let subject: PolicySubject
    /// What they get.
    public let choice: Choice
    /// The file that it comes from; empty where it has not been stored.
    public let file: String
    /// Whose directory the file lies in.
    public let origin: CatalogDirectory.Origin

    /// A policy that is not stored yet.
    public init(_ subject: PolicySubject, _ choice: Choice) {
        self.subject = subject
        self.choice = choice
        file = ""
        origin = .given
    }

    fileprivate init(_ subject: PolicySubject, _ reader: ManifestReader, _ item: StoredFile) throws(LaminaError) {
        self.subject = subject
        file = item.file
        origin = item.origin
        try reader.refuseUnknown(["format", "subject", "chain"] + ChainDefinition.keys)
        guard let chain = try reader.name("chain") else {
            choice = .layers(try ChainDefinition(reader))
            return
        }
        if let other = ChainDefinition.keys.first(where: { reader.object[$0] != nil }) {
            throw reader.error(other, "stands beside a chain", remedy: "name a chain, or list layers")
        }
        choice = .chain(chain)
    }

    /// The chain that it names; nil where it lists layers.
    var chain: String? { if case .chain(let name) = choice { name } else { nil } }

    /// What the programs get, in a line.
    public var text: String {
        switch choice {
        case .chain(let name): "chain \(name)"
        case .layers(let definition): definition.text
        }
    }

    /// The policy as lists show it: what its file holds, and the file.
    public var entry: JSON {
        var object = json.objectValue ?? JSON.Object()
        object["origin"] = .string(origin.rawValue)
        object["file"] = .string(file)
        return .object(object)
    }

    /// The policy as its file holds it.
    public var json: JSON {
        var object = JSON.Object()
        object["format"] = .integer(Manifest.format)
        object["subject"] = .string(subject.description)
        switch choice {
        case .chain(let name): object["chain"] = .string(name)
        case .layers(let definition): definition.write(to: &object)
        }
        return .object(object)
    }
}

/// What the policies of a catalog's directories say.
public struct PolicySet: Sendable {
    /// One subject's policy, of several the one in the last directory; or why its file can't be used.
    public struct Item: Sendable {
        /// Whom it is for.
        public let subject: PolicySubject
        /// What it says; what is wrong with its file.
        public let policy: Result<Policy, LaminaError>
        /// The file.
        public let file: String
    }

    /// The policies, the most specific first.
    public let items: [Item]
    /// Files and folders that don't even say whom they are for: they are followed for nobody.
    public let problems: [LaminaError]

    /// Those that can be used.
    public var sound: [Policy] { items.compactMap { try? $0.policy.get() } }

    fileprivate init(_ catalog: Catalog) {
        var last: [PolicySubject: Item] = [:]
        var problems: [LaminaError] = []
        for item in catalog.storedFiles(in: Policy.folder) {
            do throws(LaminaError) {
                let reader = try item.reader.get()
                let subject = try Self.subject(reader)
                last[subject] = Item(subject: subject, policy: Self.read(subject, reader, item), file: item.file)
            } catch {
                problems.append(error)
            }
        }
        items = last.values.sorted { $0.subject.precedes($1.subject) }
        self.problems = problems
    }

    private static func subject(_ reader: ManifestReader) throws(LaminaError) -> PolicySubject {
        guard let text = try reader.text("subject") else { throw reader.missing("subject", "say whom it is for") }
        do throws(LaminaError) { return try PolicySubject(parsing: text) } catch {
            throw reader.error("subject", "\"\(text)\" \(error.cause)", remedy: error.remedy)
        }
    }

    private static func read(
        _ subject: PolicySubject,
        _ reader: ManifestReader,
        _ item: StoredFile
    ) -> Result<Policy, LaminaError> {
        do throws(LaminaError) { return .success(try Policy(subject, reader, item)) } catch { return .failure(error) }
    }
}

extension Catalog {
    /// The policies of this catalog's directories. Blocks for files.
    public func policies() -> PolicySet { PolicySet(self) }

    /// The policy for exactly this subject. Throws `notFound` with the nearest subject, or what is wrong with its file.
    public func policy(for subject: PolicySubject) throws(LaminaError) -> Policy {
        let policies = policies()
        if let item = policies.items.first(where: { $0.subject == subject }) { return try item.policy.get() }
        let subjects = policies.items.map(\.subject.description)
        throw LaminaError(
            .notFound,
            "policy for \(subject)",
            "is not in the catalog",
            remedy: Suggestion.remedy(
                for: subject.description,
                among: subjects,
                otherwise: subjects.isEmpty
                    ? "lamina policy set \(subject) --chain NAME" : "lamina policy show lists them"
            )
        )
    }
}

extension CatalogWriter {
    /// Stores a policy in this directory, in the place of the one for its subject, after what it names was checked against
    /// `catalog`. Gives what is unusual about it, one line each: the order of its layers, a path or a user that isn't
    /// there. Writing what is there already changes nothing. Blocks for files.
    @discardableResult
    public func write(
        _ policy: Policy,
        in catalog: Catalog,
        helper: [String]? = nil
    ) throws(LaminaError) -> [String] {
        let warnings =
            switch policy.choice {
            case .chain(let name): try catalog.chain(named: name).definition.check(in: catalog, helper: helper).warnings
            case .layers(let definition): try definition.check(in: catalog, helper: helper).warnings
            }
        let text = policy.json.text(pretty: true)
        try change("set", "policy \(policy.subject)", files: [file(of: policy.subject): text])
        return warnings + [policy.subject.doubt].compactMap { $0 }
    }

    /// Removes the policy for this subject from this directory. Throws where it isn't there, naming where it is.
    public func remove(policy subject: PolicySubject, in catalog: Catalog) throws(LaminaError) {
        let file = file(of: subject)
        guard holds(file) else {
            let found = try catalog.policy(for: subject)
            throw elsewhere("policy for \(subject)", found.file, found.origin, "lamina policy remove", "\(subject)")
        }
        try change("remove", "policy \(subject)", files: [file: nil])
    }

    /// The file here that is for this subject already, whatever its name, or the one that would be.
    private func file(of subject: PolicySubject) -> String {
        let own = PolicySet(Catalog(directories: [directory])).items.first { $0.subject == subject }
        return "\(Policy.folder)/\(own.map { Manifest.stem(of: $0.file) } ?? subject.stem).json"
    }
}
