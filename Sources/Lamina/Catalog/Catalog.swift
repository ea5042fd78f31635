import CLamina
import Glibc

/// What is installed, as the manifests in `catalog.d` directories say (Winsock's catalog; WSCEnumProtocols).
///
/// A catalog is a snapshot of the changes that had been made when it was made: later ones make another one. It reads what is
/// asked for, when it is first asked for: one small file of each directory for a name, all of them for `entries`. Reading
/// never loads a plug-in's code, and a bad file never affects another entry. A manifest in a later directory overrides
/// the one of the same name, key by key; `"masked": true` masks it. <doc:The-catalog> says how it is stored.
public struct Catalog: Sendable {
    /// The directories that are read.
    public let directories: [CatalogDirectory]
    /// What can't be used because it crashed.
    public let quarantine: Quarantine

    private let storage: Locked<Storage>

    private struct Storage {
        var reader: CatalogReader
        var named: [String: [CatalogEntry]] = [:]
        var names: [String]?
        var documents: [String: [CatalogReader.Document]] = [:]
        var listings: [String: [String]] = [:]
    }

    /// A catalog of the directories given, and those alone; without any given, of the standard ones.
    public init(
        directories: [CatalogDirectory] = CatalogDirectory.standard(),
        quarantine: Quarantine = .standard
    ) {
        self.directories = directories
        self.quarantine = quarantine
        storage = Locked(Storage(reader: CatalogReader(directories)))
    }

    // MARK: - Reading

    /// Every entry, masked and broken ones included, by name. Libraries have not been looked at; see `verified()`. Blocks
    /// for the files at its first use.
    public var entries: [CatalogEntry] {
        storage.withLock { storage in
            let names = storage.names ?? storage.reader.names()
            storage.names = names
            Self.read(names, into: &storage)
            return names.flatMap { storage.named[$0] ?? [] }
        }
    }

    /// Directories that exist but can't be listed or trusted, or whose history is damaged, and why. Blocks for the files at
    /// its first use.
    public var problems: [LaminaError] {
        _ = entries
        return storage.withLock { $0.reader.problems }
    }

    /// After which changes of the directories this is.
    public var generation: CatalogGeneration {
        storage.withLock { $0.reader.generation }
    }

    /// The entries of these names, one for each that there is, read together.
    func unverified(_ names: [String]) -> [CatalogEntry?] {
        storage.withLock { storage in
            Self.read(names.filter(LayerGrammar.isName), into: &storage)
            // A broken file must not hide the sound entry of its name.
            return names.map { storage.named[$0]?.first }
        }
    }

    private static func read(_ names: [String], into storage: inout Storage) {
        let missing = names.filter { storage.named[$0] == nil }
        guard !missing.isEmpty else { return }
        for (name, entries) in zip(missing, storage.reader.entries(named: missing)) { storage.named[name] = entries }
    }

    /// The files of one path, such as `chains/NAME.json`, in the directories that have it, the first one read first.
    func documents(at path: String) -> [CatalogReader.Document] {
        storage.withLock { storage in
            if let known = storage.documents[path] { return known }
            let documents = storage.reader.documents(at: path)
            storage.documents[path] = documents
            return documents
        }
    }

    /// What the last directory that has a file of this path says in it; nil where there is none that can be read.
    package func text(at path: String) -> String? {
        guard case .text(let text) = documents(at: path).last?.content else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// The names of the files in a folder of the directories, such as `chains`, without `.json`, sorted.
    func names(in folder: String) -> [String] {
        storage.withLock { storage in
            let names = storage.listings[folder] ?? storage.reader.names(in: folder)
            storage.listings[folder] = names
            return names
        }
    }

    /// Whether another catalog says the same of everything that has been asked of this one.
    func isConfirmed(by other: Catalog) -> Bool {
        let (named, documents, listings, names) = storage.withLock {
            ($0.named, $0.documents, $0.listings, $0.names)
        }
        return other.storage.withLock { storage in
            if let names, storage.reader.names() != names { return false }
            Self.read(Array(named.keys), into: &storage)
            return named.allSatisfy { storage.named[$0.key] == $0.value }
                && documents.allSatisfy { storage.reader.documents(at: $0.key) == $0.value }
                && listings.allSatisfy { storage.reader.names(in: $0.key) == $0.value }
        }
    }

    /// Whether everything has been read.
    var isRead: Bool { storage.withLock { $0.names != nil } }

    /// The times of the directories' own last changes when the snapshot was taken.
    var stamps: [Int64] { storage.withLock { $0.reader.stamps } }

    // MARK: - Names

    /// The entry of this name with its library checked, available or not.
    ///
    /// Throws `notFound` with the nearest name where there is none. Blocks for the manifests and the library's file; loads
    /// no code.
    public func entry(named name: String) throws(LaminaError) -> CatalogEntry {
        guard let entry = unverified([name])[0] else { throw missing(name) }
        var verifier = LibraryVerifier(quarantine)
        return verifier.verify(entry)
    }

    /// The provider that a layer names: of the catalog's entry, or of the file where it is a path. Loads its library
    /// like `Library.load`, and throws as that does.
    public func provider(for layer: LayerSpecification) throws(LaminaError) -> Provider {
        if layer.isPath { return try Library.load(layer.name).provider() }
        guard let entry = unverified([layer.name])[0] else { throw missing(layer.name) }
        return try Library.load(entry, quarantine: quarantine).provider(named: layer.name)
    }

    /// The provider of each layer, and what is absent: layers that are missing, masked, broken or quarantined and that say
    /// `required=no`. Any other one that can't be had is thrown. The names are read together.
    public func providers(
        for layers: [LayerSpecification]
    ) throws(LaminaError) -> (parts: [(layer: LayerSpecification, provider: Provider)], absences: [Absence]) {
        _ = unverified(layers.filter { !$0.isPath }.map(\.name))
        var parts: [(LayerSpecification, Provider)] = []
        var absences: [Absence] = []
        for layer in layers {
            do throws(LaminaError) {
                parts.append((layer, try provider(for: layer)))
            } catch {
                guard layer.required == false else { throw error }
                absences.append(Absence(label: layer.label, reason: error))
            }
        }
        return (parts, absences)
    }

    /// The parts of a chain of these layers over a base, and what it goes without; with `LAMINA_DISABLE=1` the base alone.
    package func parts(
        layers: [LayerSpecification],
        base: LayerSpecification
    ) throws(LaminaError) -> (parts: [(layer: LayerSpecification, provider: Provider)], absences: [Absence]) {
        if Environment.isDisabled {
            return ([(base, try provider(for: base))], layers.map { Absence(disabled: $0.label) })
        }
        _ = unverified((layers + [base]).filter { !$0.isPath }.map(\.name))
        let (parts, absences) = try providers(for: layers)
        return (parts + [(base, try provider(for: base))], absences)
    }

    private func missing(_ name: String) -> LaminaError {
        let names = names(in: "")
        let otherwise =
            name.hasSuffix(".so")
            ? "write ./\(name) for a file"
            : names.isEmpty ? "the catalog is empty: lamina install FILE.so" : "lamina list shows what is installed"
        return LaminaError(
            .notFound,
            "provider \"\(name)\"",
            "is not in the catalog",
            remedy: Suggestion.remedy(for: name, among: names, otherwise: otherwise)
        )
    }

    /// The manifest of an entry that can be used; throws the reason why it can't.
    public func manifest(named name: String) throws(LaminaError) -> Manifest {
        let entry = try entry(named: name)
        switch entry.state {
        case .unavailable(let error): throw error
        case .masked: throw entry.maskError
        case .available: break
        }
        guard let manifest = entry.manifest else {
            throw LaminaError(.invalidManifest, "provider \"\(name)\"", "has no manifest")
        }
        return manifest
    }

    /// Every entry with its library checked: there, trusted, unchanged since it was pinned, not quarantined, an ELF shared
    /// object of this machine with a start-up symbol. Blocks for the files; loads no code.
    public func verified() -> [CatalogEntry] {
        var verifier = LibraryVerifier(quarantine)
        return entries.map { verifier.verify($0) }
    }

    /// The base that serves a socket: the first available one in catalog order that matches family, type and protocol
    /// (WSPSocket's selection); hidden ones never match. Catalog order is the derived order of all bases.
    public func base(family: Int32, type: Int32, protocol: Int32) throws(LaminaError) -> CatalogEntry {
        var verifier = LibraryVerifier(quarantine)
        let bases = entries.filter { $0.manifest?.kind == .base && $0.manifest?.isHidden == false && $0.isAvailable }
        let order = ChainOrder.catalogOrder(of: bases.compactMap(\.manifest))
        var reason = LaminaError(
            .notFound,
            "family \(family), type \(type), protocol \(`protocol`)",
            "no installed base serves it",
            remedy: "lamina list --all shows what each one serves"
        )
        for manifest in order
        where manifest.protocols.contains(where: {
            $0.matches(family: family, type: type, protocol: `protocol`)
        }) {
            guard let entry = bases.first(where: { $0.name == manifest.name }) else { continue }
            let verified = verifier.verify(entry)
            switch verified.state {
            case .available: return verified
            case .unavailable(let error): reason = error
            case .masked: break
            }
        }
        throw reason
    }
}

/// A layer that was named and that a chain goes without (`required=no`).
public struct Absence: Sendable, Equatable, CustomStringConvertible {
    /// Its label.
    public let label: String
    /// Why it isn't there.
    public let reason: LaminaError

    init(label: String, reason: LaminaError) {
        (self.label, self.reason) = (label, reason)
    }

    /// A layer of a process that uses none.
    init(disabled label: String) {
        let variable = Environment.disableVariable
        let reason = LaminaError(.refused, "\(variable)=1", "this process uses no layers", remedy: "unset it")
        self.init(label: label, reason: reason)
    }

    /// One line.
    public var description: String { "layer \"\(label)\" is left out: \(reason)" }
}
