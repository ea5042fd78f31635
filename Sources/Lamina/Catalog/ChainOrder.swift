/// The order of a chain's levels, the first one next to the program, and why each stands where it does.
public struct ChainOrder: Sendable, Equatable {
    /// One level's place.
    public struct Placement: Sendable, Equatable {
        /// The provider.
        public let manifest: Manifest
        /// Why it stands here, each a phrase.
        public let reasons: [String]
    }

    /// The levels from the program down.
    public let placements: [Placement]
    /// What is unusual about an explicit order, one line each.
    public let warnings: [String]

    /// Derives the order of these providers from their phases and their `before` and `after`.
    ///
    /// A pure function of the manifests, whatever order they come in: of the levels that nothing holds back, the one with
    /// the earliest phase is next, then the one whose name is first. Bases come last. A conflict, an unmet `requires`
    /// and a cycle are refused; a cycle's error names its manifests.
    public init(deriving manifests: [Manifest]) throws(LaminaError) {
        try Self.check(manifests)
        placements = try Self.arrange(manifests) { waiting throws(LaminaError) in throw Self.cycle(among: waiting) }
        warnings = []
    }

    /// The order in which a catalog tries its entries: the derived one, except that nothing is refused; where rules make
    /// a cycle, the first by phase and name goes first.
    static func catalogOrder(of manifests: [Manifest]) -> [Manifest] {
        let placements = Self.arrange(manifests) { _ throws(Never) in 0 }
        return placements.map(\.manifest)
    }

    /// Places one level after another; `cycle` says which of those that wait goes next when each holds another back.
    private static func arrange<Failure: Error>(
        _ manifests: [Manifest],
        cycle: ([Manifest]) throws(Failure) -> Int
    ) throws(Failure) -> [Placement] {
        var waiting = manifests.sorted { rank($0) < rank($1) }
        var placed: [Placement] = []
        while !waiting.isEmpty {
            let free = waiting.firstIndex { candidate in !waiting.contains { stands($0, above: candidate) != nil } }
            let index = if let free { free } else { try cycle(waiting) }
            let next = waiting.remove(at: index)
            let above = placed.compactMap { stands($0.manifest, above: next) }
            let below = waiting.compactMap { stands(next, above: $0) }
            placed.append(Placement(manifest: next, reasons: [phaseReason(next)] + above + below))
        }
        return placed
    }

    /// Keeps an order that somebody gave. An order against phases, `before` or `after` gives warnings; a conflict and
    /// an unmet `requires` are refused.
    public init(keeping manifests: [Manifest]) throws(LaminaError) {
        try Self.check(manifests)
        var warnings: [String] = []
        for (place, upper) in manifests.enumerated() {
            for lower in manifests[(place + 1)...] {
                if let rule = Self.stands(lower, above: upper) {
                    warnings.append("\(upper.name) stands above \(lower.name), but \(rule)")
                } else if upper.kind != .base, lower.kind != .base, upper.phase != .none, lower.phase != .none,
                    upper.phase > lower.phase
                {
                    warnings.append(
                        "\(upper.name) (\(upper.phase.rawValue)) stands above \(lower.name) (\(lower.phase.rawValue)), "
                            + "against the order of the phases"
                    )
                }
            }
        }
        placements = manifests.map { Placement(manifest: $0, reasons: ["the order was given"]) }
        self.warnings = warnings
    }

    private static func rank(_ manifest: Manifest) -> (Int, String) {
        (manifest.kind == .base ? Phase.allCases.count : manifest.phase.rank, manifest.name)
    }

    private static func phaseReason(_ manifest: Manifest) -> String {
        switch (manifest.kind, manifest.phase) {
        case (.base, _): "a base stands last"
        case (_, .none): "no phase is declared"
        default: "phase \(manifest.phase.rawValue)"
        }
    }

    /// The rule by which `upper` must stand above `lower`, where there is one.
    private static func stands(_ upper: Manifest, above lower: Manifest) -> String? {
        guard upper.name != lower.name else { return nil }
        if upper.before.contains(lower.name) { return "\(upper.name) declares before \(lower.name)" }
        if lower.after.contains(upper.name) { return "\(lower.name) declares after \(upper.name)" }
        return nil
    }

    private static func check(_ manifests: [Manifest]) throws(LaminaError) {
        let names = Set(manifests.map(\.name))
        for manifest in manifests {
            if let other = manifest.conflicts.first(where: names.contains), other != manifest.name {
                throw LaminaError(
                    .invalidChain,
                    "layer \"\(manifest.name)\"",
                    "conflicts with \"\(other)\"",
                    remedy: "leave one of them out"
                )
            }
            if let other = manifest.requires.first(where: { !names.contains($0) }) {
                throw LaminaError(
                    .invalidChain,
                    "layer \"\(manifest.name)\"",
                    "requires \"\(other)\", which is not in the chain",
                    remedy: "add --layer \(other)"
                )
            }
        }
    }

    /// An error that names one cycle: from any level that is held back, what holds it back must come round.
    private static func cycle(among waiting: [Manifest]) -> LaminaError {
        var path: [Manifest] = waiting.first.map { [$0] } ?? []
        while let last = path.last, let holder = waiting.first(where: { stands($0, above: last) != nil }) {
            if let start = path.firstIndex(where: { $0.name == holder.name }) {
                path = Array(path[start...])
                break
            }
            path.append(holder)
        }
        let names = (path + path.prefix(1)).reversed().map(\.name).joined(separator: " above ")
        return LaminaError(
            .invalidChain,
            "chain",
            "before and after make a cycle: \(names)",
            remedy: "change one of these manifests, or give the order"
        )
    }
}
