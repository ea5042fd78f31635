/// One protocol of a provider or a named chain, with everything that is said about it (WSAPROTOCOL_INFO).
///
/// A base has one for each protocol that it serves, and so has a named chain; a layer has one without protocol.
public struct ProtocolInformation: Sendable, Equatable {
    /// What the entry is, by the length of Winsock's ProtocolChain.
    public enum Kind: String, Sendable, CaseIterable {
        /// A layer, which no socket can be opened on (length 0).
        case layer
        /// A base (length 1).
        case base
        /// Layers over a base (longer).
        case chain
    }

    /// The provider's or the chain's name.
    public let name: String
    /// The provider's identity for good (ProviderId); a chain's is made from its name. UUID text, empty where none is
    /// declared.
    public let uuid: String
    /// The provider's own version; empty for a chain.
    public let version: String
    /// One line about it (szProtocol).
    public let summary: String
    /// What it is.
    public let kind: Kind
    /// The labels from the program down, the base last; a base's own name; empty for a layer (ProtocolChain).
    public let chain: [String]
    /// The protocol that it serves, with its service flags; nil for a layer.
    public let `protocol`: ProtocolEntry?
    /// The provider flags, the derived ones among them.
    public let flags: ProviderFlags
    /// Whose directory it lies in.
    public let origin: CatalogDirectory.Origin
    /// Why it can't be used, in one line; nil where it can.
    public let reason: String?

    /// The bytes of its addresses, from the shortest to the longest (`iMinSockAddr`, `iMaxSockAddr`); nil for a layer.
    public var addressSizes: ClosedRange<Int>? { `protocol`?.addressSizes }
}

extension ProtocolInformation {
    /// The entry with everything in it.
    public var json: JSON {
        var object = JSON.Object()
        object["name"] = .string(name)
        for (key, text) in [("uuid", uuid), ("version", version), ("summary", summary)] where !text.isEmpty {
            object[key] = .string(text)
        }
        object["kind"] = .string(kind.rawValue)
        object["chain"] = .array(chain.map { .string($0) })
        for (key, value) in self.protocol?.json.objectValue?.members ?? [] { object[key] = value }
        object["flags"] = .array(flags.texts.map { .string($0) })
        if let sizes = addressSizes {
            object["address-size"] = [
                "min": .integer(Int64(sizes.lowerBound)), "max": .integer(Int64(sizes.upperBound)),
            ]
        }
        object["origin"] = .string(origin.rawValue)
        if let reason { object["reason"] = .string(reason) }
        return .object(object)
    }
}

extension Catalog {
    /// What sockets can be opened on: each protocol of the bases and named chains that can be used, without hidden ones, in
    /// catalog order (WSAEnumProtocols). Only those of these protocol numbers where any are given. Blocks for files.
    public func protocols(of numbers: [Int32] = []) -> [ProtocolInformation] {
        allProtocols().filter { item in
            guard item.reason == nil, item.kind != .layer, !item.flags.contains(.hidden), let entry = item.protocol
            else {
                return false
            }
            return numbers.isEmpty || numbers.contains { entry.matches(family: 0, type: 0, protocol: $0) }
        }
    }

    /// Every protocol of every entry, layers, hidden, masked and broken ones as well (WSCEnumProtocols): named chains
    /// first, then bases in catalog order, then layers in theirs. Blocks for files; loads no code.
    public func allProtocols() -> [ProtocolInformation] {
        let entries = verified()
        let manifests = entries.compactMap(\.manifest)
        let order = ChainOrder.catalogOrder(of: manifests.filter { $0.kind == .base })
        let layers = ChainOrder.catalogOrder(of: manifests.filter { $0.kind != .base })
        let byName = Dictionary(entries.map { ($0.name, $0) }) { first, _ in first }
        func information(_ manifests: [Manifest]) -> [ProtocolInformation] {
            manifests.compactMap { byName[$0.name] }.flatMap(\.protocols)
        }
        let bases = information(order)
        let broken = entries.filter { $0.manifest == nil }.flatMap(\.protocols)
        return namedChains().flatMap { $0.protocols(over: bases) } + bases + information(layers) + broken
    }
}

extension CatalogEntry {
    /// Each protocol of a base; one entry without protocol for a layer and for what can't be read.
    fileprivate var protocols: [ProtocolInformation] {
        guard let manifest, manifest.kind == .base, !manifest.protocols.isEmpty else { return [information(of: nil)] }
        return manifest.protocols.map { information(of: $0) }
    }

    private func information(of entry: ProtocolEntry?) -> ProtocolInformation {
        var flags = entry?.providerFlags ?? []
        if manifest?.isHidden == true { flags.insert(.hidden) }
        if let manifest, manifest.protocols.count > 1 { flags.insert(.multipleProtocols) }
        return ProtocolInformation(
            name: name,
            uuid: manifest?.uuid ?? "",
            version: manifest?.version ?? "",
            summary: manifest?.summary ?? "",
            kind: manifest?.kind == .base ? .base : .layer,
            chain: manifest?.kind == .base ? [name] : [],
            protocol: entry,
            flags: flags,
            origin: origin,
            reason: reason
        )
    }
}

extension Result<NamedChain, LaminaError> {
    /// What a named chain serves: its base's protocols.
    fileprivate func protocols(over bases: [ProtocolInformation]) -> [ProtocolInformation] {
        guard case .success(let chain) = self else { return [] }
        return bases.filter { $0.name == chain.baseName }.map { base in
            ProtocolInformation(
                name: chain.name,
                uuid: chain.uuid,
                version: "",
                summary: chain.text,
                kind: .chain,
                chain: chain.layers.map(\.label) + [base.name],
                protocol: base.protocol,
                flags: base.flags.subtracting(.hidden),
                origin: chain.origin,
                reason: base.reason
            )
        }
    }
}
