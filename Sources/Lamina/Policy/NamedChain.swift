/// A chain that has a name: layers over a base, stored in a file of its own (an entry with a ProtocolChain).
public struct NamedChain: Sendable, Equatable {
    /// The folder of a `catalog.d` directory that holds them, each `NAME.json`.
    static let folder = "chains"

    /// Its name.
    public let name: String
    /// Its layers, its base and where their order comes from.
    public var definition: ChainDefinition
    /// The file that it comes from; empty where it has not been stored.
    public let file: String
    /// Whose directory the file lies in.
    public let origin: CatalogDirectory.Origin

    /// A chain that is not stored yet. Throws where that is no name.
    public init(_ name: String, _ definition: ChainDefinition) throws(LaminaError) {
        guard LayerGrammar.isName(name) else {
            throw LaminaError(
                .invalidArgument,
                "chain \"\(name)\"",
                "is no name",
                remedy: "a name has up to 64 letters, digits, '.', '_' and '-'"
            )
        }
        self.name = name
        self.definition = definition
        file = ""
        origin = .given
    }

    private init(_ reader: ManifestReader, _ item: StoredFile) throws(LaminaError) {
        try reader.refuseUnknown(["format", "name", "summary"] + ChainDefinition.keys)
        name = try reader.name("name") ?? item.stem
        guard name == item.stem else {
            throw reader.error("name", "is \"\(name)\" in a file of another name", remedy: "name the file \(name).json")
        }
        definition = try ChainDefinition(reader)
        file = item.file
        origin = item.origin
    }

    fileprivate static func read(_ item: StoredFile) -> Result<NamedChain, LaminaError> {
        do throws(LaminaError) { return .success(try NamedChain(try item.reader.get(), item)) } catch {
            return .failure(error)
        }
    }

    /// Its layers over its base, in a line.
    public var text: String { definition.text }

    /// The chain as its file holds it.
    public var json: JSON {
        var object = JSON.Object()
        object["format"] = .integer(Manifest.format)
        object["name"] = .string(name)
        definition.write(to: &object)
        return .object(object)
    }

    /// The chain as lists show it: what its file holds, the file, and its identity.
    public var entry: JSON {
        var object = json.objectValue ?? JSON.Object()
        object["uuid"] = .string(uuid)
        object["origin"] = .string(origin.rawValue)
        object["file"] = .string(file)
        return .object(object)
    }

    /// Its identity: made from the name, so that it is the same on every machine (a UUID of version 8).
    public var uuid: String {
        var digits = Array(SHA256.hexadecimal(of: Array("lamina chain \(name)".utf8)).prefix(32))
        digits[12] = "8"
        digits[16] = "8"
        var text = ""
        for (place, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(place) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    /// The layers as written, parsed; those that can't be are left out.
    var layers: [LayerSpecification] { definition.layers.compactMap { try? LayerSpecification(parsing: $0) } }

    /// The provider that it stands on.
    var baseName: String {
        (definition.base.flatMap { try? LayerSpecification(parsing: $0) })?.name ?? ChainDefinition.defaultBase
    }
}

extension Catalog {
    /// The chain of this name, of several the one in the last directory. Throws `notFound` with the nearest name, or what
    /// is wrong with its file. Blocks for the file.
    public func chain(named name: String) throws(LaminaError) -> NamedChain {
        if let item = storedFile(named: name, in: NamedChain.folder) { return try NamedChain.read(item).get() }
        let names = names(in: NamedChain.folder)
        throw LaminaError(
            .notFound,
            "chain \"\(name)\"",
            "is not in the catalog",
            remedy: Suggestion.remedy(
                for: name,
                among: names,
                otherwise: names.isEmpty ? "lamina chain add \(name) LAYER…" : "lamina chain show lists them"
            )
        )
    }

    /// Every named chain by name, of several of one name the last; what can't be read is an error that names the file.
    /// Blocks for files.
    public func namedChains() -> [Result<NamedChain, LaminaError>] {
        names(in: NamedChain.folder).compactMap { storedFile(named: $0, in: NamedChain.folder) }.map(NamedChain.read)
    }
}

extension CatalogWriter {
    /// Stores a chain in this directory, in the place of one of its name, after it was checked against `catalog`
    /// (see ``ChainDefinition/check(in:helper:)``). Gives what is unusual about its order, one line each. Writing what
    /// is there already changes nothing. Blocks for files.
    @discardableResult
    public func write(
        _ chain: NamedChain,
        in catalog: Catalog,
        helper: [String]? = nil
    ) throws(LaminaError) -> [String] {
        let order = try chain.definition.check(in: catalog, helper: helper)
        let file = "\(NamedChain.folder)/\(chain.name).json"
        try change("add", "chain \(chain.name)", files: [file: chain.json.text(pretty: true)])
        return order.warnings
    }

    /// Removes a chain from this directory. Throws where it isn't there, naming where it is, and where a policy of this
    /// catalog names it.
    public func remove(chain name: String, in catalog: Catalog) throws(LaminaError) {
        let file = "\(NamedChain.folder)/\(name).json"
        guard LayerGrammar.isName(name), holds(file) else {
            let found = try catalog.chain(named: name)
            throw elsewhere("chain \"\(name)\"", found.file, found.origin, "lamina chain remove", name)
        }
        let others = Catalog(directories: catalog.directories.filter { $0.path != directory.path })
        let isLeft = others.storedFile(named: name, in: NamedChain.folder) != nil
        if !isLeft, let user = catalog.policies().sound.first(where: { $0.chain == name }) {
            throw LaminaError(
                .refused,
                "chain \"\(name)\"",
                "is what the policy for \(user.subject) names (\(user.file))",
                remedy: "lamina policy remove \(user.subject) first"
            )
        }
        try change("remove", "chain \(name)", files: [file: nil])
    }
}
