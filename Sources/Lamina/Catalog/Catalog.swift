import CLamina
import Glibc

/// What is installed, as the manifests in `catalog.d` directories say (Winsock's catalog; WSCEnumProtocols).
///
/// A catalog is a snapshot: later changes of files make another one. Reading it never loads a plug-in's code, and a bad
/// file never affects another entry. A manifest in a later directory overrides one of the same name, key by key;
/// `"masked": true` masks it. Within one directory the files are read in the order of their names.
public struct Catalog: Sendable {
    /// Every entry, masked and broken ones included, by name. Libraries have not been looked at; see `verified()`.
    public let entries: [CatalogEntry]
    /// The directories that were read.
    public let directories: [CatalogDirectory]
    /// Directories that exist but can't be listed or trusted, and why.
    public let problems: [LaminaError]

    private let places: [String: Int]

    /// Reads the directories given, and those alone; without any given, the standard ones. Blocks for the files.
    public init(directories: [CatalogDirectory] = CatalogDirectory.standard()) {
        var reader = CatalogReader()
        for directory in directories { reader.read(directory) }
        self.directories = directories
        problems = reader.problems
        entries = reader.entries()
        // A broken file must not hide the sound entry of its name.
        var places: [String: Int] = [:]
        for (index, entry) in entries.enumerated() {
            if let place = places[entry.name], entries[place].manifest != nil { continue }
            places[entry.name] = index
        }
        self.places = places
    }

    /// The entry of this name with its library checked, available or not.
    ///
    /// Throws `notFound` with the nearest name where there is none. Blocks for the library's file; loads no code.
    public func entry(named name: String) throws(LaminaError) -> CatalogEntry {
        let entry = try unverified(name)
        var verifier = LibraryVerifier()
        return verifier.verify(entry)
    }

    /// The provider that a layer names: of the catalog's entry, or of the file where it is a path. Loads its library
    /// like `Library.load`, and throws as that does.
    public func provider(for layer: LayerSpecification) throws(LaminaError) -> Provider {
        if layer.isPath { return try Library.load(layer.name).provider() }
        return try Library.load(try unverified(layer.name)).provider(named: layer.name)
    }

    private func unverified(_ name: String) throws(LaminaError) -> CatalogEntry {
        guard let place = places[name] else {
            let names = entries.filter { $0.manifest != nil }.map(\.name)
            let otherwise =
                names.isEmpty ? "the catalog is empty: lamina install FILE.so" : "lamina list shows what is installed"
            throw LaminaError(
                .notFound,
                "provider \"\(name)\"",
                "is not in the catalog",
                remedy: Suggestion.remedy(for: name, among: names, otherwise: otherwise)
            )
        }
        return entries[place]
    }

    /// The manifest of an entry that can be used; throws the reason why it can't.
    public func manifest(named name: String) throws(LaminaError) -> Manifest {
        let entry = try entry(named: name)
        switch entry.state {
        case .unavailable(let error): throw error
        case .masked(let file):
            throw LaminaError(.refused, "provider \"\(name)\"", "is masked by \(file)", remedy: "remove that file")
        case .available: break
        }
        guard let manifest = entry.manifest else {
            throw LaminaError(.invalidManifest, "provider \"\(name)\"", "has no manifest")
        }
        return manifest
    }

    /// Every entry with its library checked: there, trusted, unchanged since it was pinned, an ELF shared object of
    /// this machine with a start-up symbol. Blocks for the files; loads no code.
    public func verified() -> [CatalogEntry] {
        var verifier = LibraryVerifier()
        return entries.map { verifier.verify($0) }
    }

    /// The base that serves a socket: the first available one in catalog order that matches family, type and protocol
    /// (WSPSocket's selection); hidden ones never match. Catalog order is the derived order of all bases.
    public func base(family: Int32, type: Int32, protocol: Int32) throws(LaminaError) -> CatalogEntry {
        var verifier = LibraryVerifier()
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
