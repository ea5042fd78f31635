import Glibc
public import Lamina

/// A catalog directory whose changes touch several files each, in such a way that a half of one shows.
public struct CatalogSubject: Sendable {
    static let groups = 4
    static let members = ["a", "b", "c"]
    let root: String

    /// In this directory, which holds `plugin.so`, what is installed.
    public init(root: String) {
        self.root = root
    }

    /// The catalog's directory.
    public var directory: CatalogDirectory { CatalogDirectory("\(root)/catalog.d", libraries: "\(root)/lib") }
    /// Changes it.
    public var writer: CatalogWriter { CatalogWriter(directory, quarantine: Quarantine(path: nil)) }
    /// A snapshot of it.
    public var catalog: Catalog { Catalog(directories: [directory], quarantine: Quarantine(path: nil)) }

    static func name(_ group: Int, _ member: String) -> String { "p\(group)\(member)" }

    // MARK: - Changes

    /// Installs a library of three providers, all of this version.
    func install(_ group: Int, version: Int) throws {
        let source = "\(root)/source-\(getpid())-\(group).so"
        guard let file = fopen("\(root)/plugin.so", "r"), let made = fopen(source, "w") else {
            throw Failure("no source")
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { fwrite(chunk, 1, count, made) }
        fputs("version \(version) of \(group)", made)
        fclose(file)
        fclose(made)
        defer { unlink(source) }
        _ = try writer.install(source) { copy throws(LaminaError) in
            Self.members.map { member in
                var manifest = Manifest(name: Self.name(group, member), library: copy, kind: .layered, effect: .observe)
                manifest.version = "\(version)"
                return manifest
            }
        }
    }

    /// Removes a group's three providers.
    func remove(_ group: Int) throws {
        let files = Self.members.map { ("\(Self.name(group, $0)).json", String?.none) }
        try writer.change("remove", "group \(group)", files: Dictionary(files) { first, _ in first })
    }

    /// Rotates the order of four providers, which a chain's file and their manifests both tell.
    func reorder(by steps: Int) throws {
        try writer.change("reorder", "order") { text throws(LaminaError) in
            let file = try text("chains/order.json") ?? #"{"order": "0123"}"#
            let old = try JSON(parsing: file)["order"]?.stringValue ?? ""
            let order = old.dropFirst(steps) + old.prefix(steps)
            var files: [String: String?] = ["chains/order.json": (["order": .string(String(order))] as JSON).text()]
            for (place, digit) in order.enumerated() {
                var manifest = Manifest(name: "o\(digit)", library: "none.so", kind: .layered, effect: .observe)
                manifest.summary = "\(place)"
                files["o\(digit).json"] = manifest.json.text()
            }
            return files
        }
    }

    /// One change, chosen by a number.
    public func change(_ number: Int) throws {
        let group = number % Self.groups
        switch number / 16 % 4 {
        case 0, 1: try install(group, version: number / 64 % 5)
        case 2: try remove(group)
        default: try reorder(by: 1 + number % 3)
        }
    }

    // MARK: - Looking

    /// Throws where a reader sees something that is neither before nor after a change. Gives the generation.
    @discardableResult
    public func check(byName: Bool = false) throws -> Int {
        let catalog = catalog
        let generation = catalog.generation[directory.path]
        func version(_ name: String) throws -> String? {
            let entry: CatalogEntry? =
                byName ? try? catalog.entry(named: name) : catalog.entries.first { $0.name == name }
            guard let entry else { return nil }
            guard let manifest = entry.manifest else { throw Failure("\(name) is broken: \(entry.reason ?? "")") }
            return "\(manifest.version) \(manifest.sha256 ?? "")"
        }
        if !byName, let problem = catalog.problems.first { throw Failure(problem.description) }
        for group in 0..<Self.groups {
            let found = try Self.members.map { try version(Self.name(group, $0)) }
            guard Set(found).count == 1 else { throw Failure("group \(group) at \(generation): \(found)") }
        }
        guard let text = catalog.text(at: "chains/order.json") else { return generation }
        let order = try JSON(parsing: text)["order"]?.stringValue ?? ""
        guard order.count == 4 else { throw Failure("order \(text)") }
        for (place, digit) in order.enumerated() {
            let summary = try catalog.entry(named: "o\(digit)").manifest?.summary
            guard summary == "\(place)" else {
                throw Failure("\(order) at \(generation): \(digit) is at \(summary ?? "?")")
            }
        }
        return generation
    }

    /// Every file of the catalog, as a reader sees it, without what differs from run to run.
    public func contents() -> [String: String] {
        let catalog = catalog
        var contents: [String: String] = [:]
        for name in catalog.entries.map(\.name) { contents[name] = catalog.text(at: "\(name).json") }
        contents["chains/order"] = catalog.text(at: "chains/order.json")
        return contents.mapValues { text in
            // When and by whom it was installed, and the copy's path and inode.
            guard case .object(var object) = try? JSON(parsing: text) else { return text }
            for key in ["library", "installation", "identity"] { object[key] = nil }
            return JSON.object(object).text()
        }
    }
}

/// What a reader saw that can't be.
public struct Failure: Error, CustomStringConvertible {
    /// What.
    public let description: String

    /// Of this.
    public init(_ description: String) {
        self.description = description
    }
}
