/// The order of a chain's levels, the first one next to the program, and why each stands where it does.
public struct ChainOrder: Sendable, Equatable {
    /// One level's place.
    public struct Placement: Sendable, Equatable {
        /// The level.
        public let member: ChainMember
        /// Why it stands here, each a phrase.
        public let reasons: [String]

        /// What the provider says.
        public var manifest: Manifest { member.manifest }
    }

    /// The levels from the program down.
    public let placements: [Placement]
    /// What is unusual about an explicit order, one line each.
    public let warnings: [String]

    /// Derives the order of these levels from their phases and their `before` and `after`.
    ///
    /// A pure function of the members, whatever order they come in: of the levels that nothing holds back, the one with
    /// the earliest phase is next, then the one whose name, then whose label is first. Bases come last. A conflict, an unmet
    /// `requires` and a cycle are refused, with the manifest files that say so. Takes time in proportion to the levels and
    /// their rules, but for a logarithm.
    public init(deriving members: [ChainMember]) throws(LaminaError) {
        try Self.check(members)
        let rules = OrderRules(members)
        if let (upper, lower) = rules.againstBases.first { throw Self.belowBase(upper, lower) }
        var arrangement = Arrangement(rules)
        placements = try arrangement.run { waiting throws(LaminaError) in throw Self.cycle(among: waiting, rules) }
            .map { Placement(member: rules.members[$0], reasons: rules.reasons(for: $0)) }
        warnings = []
    }

    /// The order of these manifests, derived as from members without files.
    public init(deriving manifests: [Manifest]) throws(LaminaError) {
        try self.init(deriving: manifests.map { ChainMember($0) })
    }

    /// The order in which a catalog tries its entries: the derived one, except that nothing is refused; where rules make
    /// a cycle, the first by phase and name goes first.
    static func catalogOrder(of manifests: [Manifest]) -> [Manifest] {
        let rules = OrderRules(manifests.map { ChainMember($0) })
        var arrangement = Arrangement(rules)
        return arrangement.run { waiting throws(Never) in waiting[0] }.map { rules.members[$0].manifest }
    }

    /// Keeps an order that somebody gave. An order against phases, `before` or `after` gives warnings; a conflict and
    /// an unmet `requires` are refused.
    public init(keeping members: [ChainMember]) throws(LaminaError) {
        try Self.check(members)
        var warnings: [String] = []
        for (place, upper) in members.enumerated() {
            for lower in members[(place + 1)...] {
                let (above, below) = (upper.manifest, lower.manifest)
                if let rule = OrderRules.rule(placing: lower, above: upper) {
                    warnings.append("\(above.name) stands above \(below.name), but \(rule)")
                } else if above.kind != .base, below.kind != .base, above.phase != .none, below.phase != .none,
                    above.phase > below.phase
                {
                    warnings.append(
                        "\(above.name) (\(above.phase.rawValue)) stands above \(below.name) (\(below.phase.rawValue)), "
                            + "against the order of the phases"
                    )
                }
            }
        }
        placements = members.map { Placement(member: $0, reasons: ["the order was given"]) }
        self.warnings = warnings
    }

    /// Keeps an order of these manifests, as of members without files.
    public init(keeping manifests: [Manifest]) throws(LaminaError) {
        try self.init(keeping: manifests.map { ChainMember($0) })
    }

    // MARK: - What is refused

    private static func check(_ members: [ChainMember]) throws(LaminaError) {
        let names = Set(members.map(\.manifest.name))
        for member in members {
            let manifest = member.manifest
            if let other = manifest.conflicts.first(where: { $0 != manifest.name && names.contains($0) }) {
                throw LaminaError(
                    .invalidChain,
                    "layer \"\(manifest.name)\"",
                    "conflicts with \"\(other)\"\(member.source(of: "conflicts"))",
                    remedy: "leave one of them out"
                )
            }
            if let other = manifest.requires.first(where: { !names.contains($0) }) {
                throw LaminaError(
                    .invalidChain,
                    "layer \"\(manifest.name)\"",
                    "requires \"\(other)\"\(member.source(of: "requires")), which is not in the chain",
                    remedy: "add --layer \(other)"
                )
            }
        }
    }

    private static func belowBase(_ base: ChainMember, _ layer: ChainMember) -> LaminaError {
        let rule = OrderRules.rule(placing: base, above: layer) ?? ""
        return LaminaError(
            .invalidChain,
            "layer \"\(layer.manifest.name)\"",
            "can't stand below \"\(base.manifest.name)\", which is a base: \(rule)",
            remedy: "remove that rule; a base stands last"
        )
    }

    /// An error that names one cycle: from any level that is held back, what holds it back must come round.
    private static func cycle(among waiting: [Int], _ rules: OrderRules) -> LaminaError {
        let held = Set(waiting)
        var path = Array(waiting.prefix(1))
        while let last = path.last, let holder = rules.holders[last].first(where: held.contains) {
            if let start = path.firstIndex(of: holder) {
                path = Array(path[start...])
                break
            }
            path.append(holder)
        }
        // The path goes up; it is told from the top.
        let levels = (path + path.prefix(1)).reversed().map { rules.members[$0] }
        var text = levels.first?.manifest.name ?? ""
        for (upper, lower) in zip(levels, levels.dropFirst()) {
            text += " above \(lower.manifest.name)\(OrderRules.source(placing: upper, above: lower))"
        }
        return LaminaError(
            .invalidChain,
            "chain",
            "before and after make a cycle: \(text)",
            remedy: "change one of these manifests, or give the order"
        )
    }
}

/// Which level of an order holds which other one back, by their places among the members, which are sorted by rank.
private struct OrderRules {
    let members: [ChainMember]
    /// For each level, those that must stand above it.
    private(set) var holders: [[Int]]
    /// For each level, those that must stand below it.
    private(set) var held: [[Int]]
    /// The rules that would put a base above a layer; nobody follows them.
    private(set) var againstBases: [(base: ChainMember, layer: ChainMember)] = []

    init(_ unsorted: [ChainMember]) {
        let members = unsorted.sorted { Self.rank($0) < Self.rank($1) }
        self.members = members
        holders = Array(repeating: [], count: members.count)
        held = holders
        var places: [String: [Int]] = [:]
        for (place, member) in members.enumerated() { places[member.manifest.name, default: []].append(place) }
        var known: Set<Int> = []
        func add(_ upper: Int, above lower: Int) {
            let (above, below) = (members[upper], members[lower])
            guard above.manifest.name != below.manifest.name, known.insert(upper * members.count + lower).inserted else { return }
            if above.manifest.kind == .base, below.manifest.kind != .base { return againstBases.append((above, below)) }
            holders[lower].append(upper)
            held[upper].append(lower)
        }
        for (place, member) in members.enumerated() {
            for name in member.manifest.before { for lower in places[name] ?? [] { add(place, above: lower) } }
            for name in member.manifest.after { for upper in places[name] ?? [] { add(upper, above: place) } }
        }
        for place in members.indices {
            holders[place].sort()
            held[place].sort()
        }
    }

    private static func rank(_ member: ChainMember) -> (Int, String, String) {
        let manifest = member.manifest
        return (manifest.kind == .base ? Phase.allCases.count : manifest.phase.rank, manifest.name, member.label)
    }

    /// Why a level stands where it does.
    func reasons(for place: Int) -> [String] {
        let member = members[place]
        let phase =
            switch (member.manifest.kind, member.manifest.phase) {
            case (.base, _): "a base stands last"
            case (_, .none): "no phase is declared"
            default: "phase \(member.manifest.phase.rawValue)"
            }
        return [phase] + holders[place].compactMap { Self.rule(placing: members[$0], above: member) }
            + held[place].compactMap { Self.rule(placing: member, above: members[$0]) }
    }

    /// The rule by which `upper` must stand above `lower`, where there is one.
    static func rule(placing upper: ChainMember, above lower: ChainMember) -> String? {
        let (above, below) = (upper.manifest, lower.manifest)
        guard above.name != below.name else { return nil }
        if above.before.contains(below.name) { return "\(above.name) declares before \(below.name)" }
        if below.after.contains(above.name) { return "\(below.name) declares after \(above.name)" }
        return nil
    }

    /// The file that has that rule: ` (FILE)`, or nothing where there is no file.
    static func source(placing upper: ChainMember, above lower: ChainMember) -> String {
        upper.manifest.before.contains(lower.manifest.name) ? upper.source(of: "before") : lower.source(of: "after")
    }
}

/// Places one level after another: always the lowest rank of those that nothing holds back.
private struct Arrangement {
    private let rules: OrderRules
    private var holderCounts: [Int]
    private var isPlaced: [Bool]
    private var free = Heap()

    init(_ rules: OrderRules) {
        self.rules = rules
        holderCounts = rules.holders.map(\.count)
        isPlaced = Array(repeating: false, count: rules.members.count)
        for place in rules.members.indices where holderCounts[place] == 0 { free.insert(place) }
    }

    /// The places in order; `cycle` says which of those that wait goes next when each holds another back.
    mutating func run<Failure: Error>(_ cycle: ([Int]) throws(Failure) -> Int) throws(Failure) -> [Int] {
        var order: [Int] = []
        while order.count < rules.members.count {
            let next: Int
            if let first = free.removeFirst() {
                next = first
            } else {
                next = try cycle(isPlaced.indices.filter { !isPlaced[$0] })
            }
            guard !isPlaced[next] else { continue }
            isPlaced[next] = true
            order.append(next)
            for lower in rules.held[next] {
                holderCounts[lower] -= 1
                if holderCounts[lower] == 0, !isPlaced[lower] { free.insert(lower) }
            }
        }
        return order
    }
}

/// A binary heap of numbers, the least first.
private struct Heap {
    private var items: [Int] = []

    mutating func insert(_ item: Int) {
        items.append(item)
        var place = items.count - 1
        while place > 0, items[place] < items[(place - 1) / 2] {
            items.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func removeFirst() -> Int? {
        guard let first = items.first, let last = items.popLast() else { return nil }
        guard !items.isEmpty else { return first }
        items[0] = last
        var place = 0
        while true {
            let children = [2 * place + 1, 2 * place + 2].filter { $0 < items.count }
            guard let child = children.min(by: { items[$0] < items[$1] }), items[child] < items[place] else { break }
            items.swapAt(place, child)
            place = child
        }
        return first
    }
}
