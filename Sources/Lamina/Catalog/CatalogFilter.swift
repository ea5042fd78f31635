/// Which entries of a catalog are wanted: all that fit each term that is given.
public struct CatalogFilter: Sendable, Equatable {
    /// What an entry can be.
    public enum Kind: String, Sendable, CaseIterable {
        /// A base provider.
        case base
        /// A layered provider.
        case layered
        /// A terminating provider.
        case terminating
        /// A named chain.
        case chain
    }

    /// Only entries of this kind.
    public var kind: Kind?
    /// Only layers of this phase.
    public var phase: Phase?
    /// Only layers of this effect.
    public var effect: Effect?
    /// Only entries whose last file lies in such a directory.
    public var origin: CatalogDirectory.Origin?
    /// Only what serves this address family: bases, and chains over them.
    public var family: Int32?
    /// Only what serves this socket type.
    public var type: Int32?
    /// Only entries in this state, by the name that lists have for it.
    public var state: String?

    /// A filter that lets everything pass.
    public init() {}

    /// The terms that `init(_:)` takes.
    public static let terms = ["kind", "phase", "effect", "from", "family", "type", "state"]

    /// The values that a term takes.
    public static func values(of term: String) -> [String] {
        switch term {
        case "kind": Kind.allCases.map(\.rawValue)
        case "phase": Phase.allCases.map(\.rawValue)
        case "effect": Effect.allCases.map(\.rawValue)
        case "from": CatalogDirectory.Origin.allCases.map(\.rawValue)
        case "family": ProtocolEntry.families.map(\.name)
        case "type": ProtocolEntry.types.map(\.name)
        case "state": CatalogEntry.State.names
        default: []
        }
    }

    /// A filter of these terms, each with its value. A value that the term doesn't take is refused, with the nearest.
    public init(_ terms: [(term: String, value: String)]) throws(LaminaError) {
        for (term, value) in terms {
            let values = Self.values(of: term)
            guard values.contains(value) else {
                throw LaminaError(
                    .invalidArgument,
                    "\(term) \"\(value)\"",
                    values.isEmpty ? "is no term" : "is unknown",
                    remedy: Suggestion.remedy(
                        for: values.isEmpty ? term : value,
                        among: values.isEmpty ? Self.terms : values,
                        otherwise: "say one of \((values.isEmpty ? Self.terms : values).joined(separator: ", "))"
                    )
                )
            }
            switch term {
            case "kind": kind = Kind(rawValue: value)
            case "phase": phase = Phase(rawValue: value)
            case "effect": effect = Effect(rawValue: value)
            case "from": origin = CatalogDirectory.Origin(rawValue: value)
            case "family": family = ProtocolEntry.families.first { $0.name == value }?.value
            case "type": type = ProtocolEntry.types.first { $0.name == value }?.value
            default: state = value
            }
        }
    }

    /// Whether an entry is wanted.
    public func admits(_ entry: CatalogEntry) -> Bool {
        let manifest = entry.manifest
        if let kind, kind.rawValue != manifest?.kind.rawValue { return false }
        if let phase, manifest == nil || manifest?.kind == .base || manifest?.phase != phase { return false }
        if let effect, manifest == nil || manifest?.kind == .base || manifest?.effect != effect { return false }
        if let origin, origin != entry.origin { return false }
        if let state, state != entry.state.name { return false }
        return serves(manifest?.protocols ?? [])
    }

    /// Whether a named chain is wanted; `catalog` knows what its base serves. Blocks for files.
    public func admits(_ chain: NamedChain, in catalog: Catalog) -> Bool {
        if let kind, kind != .chain { return false }
        guard phase == nil, effect == nil else { return false }
        if let origin, origin != chain.origin { return false }
        if let state, state != "available" { return false }
        guard family != nil || type != nil else { return true }
        return serves((try? catalog.manifest(named: chain.baseName))?.protocols ?? [])
    }

    private func serves(_ protocols: [ProtocolEntry]) -> Bool {
        guard family != nil || type != nil else { return true }
        return protocols.contains { ($0.family == family ?? $0.family) && ($0.type == type ?? $0.type) }
    }
}

extension CatalogEntry.State {
    /// The names that lists have for the states.
    static let names = ["available", "unavailable", "masked"]

    /// The name that lists have for it.
    public var name: String {
        switch self {
        case .available: "available"
        case .unavailable: "unavailable"
        case .masked: "masked"
        }
    }
}
