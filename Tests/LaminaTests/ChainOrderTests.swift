import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The order as a function of the manifests")
struct ChainOrderTests {
    private func layer(_ name: String, _ phase: Phase = .none, _ change: (inout Manifest) -> Void = { _ in })
        -> Manifest
    {
        var manifest = Manifest(name: name, library: "x.so", kind: .layered, effect: .observe)
        manifest.phase = phase
        change(&manifest)
        return manifest
    }

    /// Layers with rules that make no cycle: each rule leads from a lower to a higher number.
    private func random(_ count: Int, seed: UInt64) -> [ChainMember] {
        var generator = Congruential(state: seed)
        return (0..<count).map { number in
            let phase = Phase.allCases.randomElement(using: &generator) ?? .none
            return ChainMember(
                layer("l\(number)", phase) { manifest in
                    if number + 1 < count, Bool.random(using: &generator) {
                        manifest.before = ["l\(Int.random(in: number + 1..<count, using: &generator))"]
                    }
                    if number > 0, Int.random(in: 0..<4, using: &generator) == 0 {
                        manifest.after = ["l\(Int.random(in: 0..<number, using: &generator))", "absent"]
                    }
                }
            )
        }
    }

    @Test("Every permutation of the same layers gives the same order", arguments: 1...40 as ClosedRange<UInt64>)
    func permutations(seed: UInt64) throws {
        var members = random(9, seed: seed)
        var generator = Congruential(state: seed)
        let expected = try ChainOrder(deriving: members)
        for _ in 0..<50 {
            members.shuffle(using: &generator)
            #expect(try ChainOrder(deriving: members) == expected)
        }
    }

    @Test(
        "Every rule holds, and layers that no rule holds back keep the order of phases",
        arguments: 1...40 as ClosedRange<UInt64>
    )
    func rules(seed: UInt64) throws {
        let members = random(30, seed: seed)
        let order = try ChainOrder(deriving: members).placements.map(\.manifest)
        let places = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1.name, $0) })
        var isHeld: Set<String> = []
        for manifest in order {
            let place = try #require(places[manifest.name])
            for name in manifest.before {
                #expect(place < (places[name] ?? .max), "\(manifest.name) before \(name)")
                isHeld.insert(name)
            }
            for name in manifest.after where places[name] != nil {
                #expect(place > (places[name] ?? 0), "\(manifest.name) after \(name)")
                isHeld.insert(manifest.name)
            }
        }
        let free = order.filter { !isHeld.contains($0.name) }
        #expect(free.map(\.phase) == free.map(\.phase).sorted())
    }

    @Test("The same provider twice stands in the order of its labels, whatever came first")
    func labels() throws {
        let trace = layer("trace", .inspector)
        let members = ["b", "a", "c"].map { ChainMember(trace, label: $0) }
        #expect(try ChainOrder(deriving: members).placements.map(\.member.label) == ["a", "b", "c"])
    }

    @Test("A cycle, a conflict and an unmet requirement name the manifest files that say so")
    func files() throws {
        let directory = try TemporaryDirectory()
        try directory.plugin()
        try directory.manifest("a", ["before": ["b"]])
        try directory.manifest("b", ["before": ["c"]])
        try directory.manifest("c", ["requires": ["x"], "conflicts": ["d"]])
        try directory.manifest("d")
        try directory.write(#"{"before": ["a"]}"#, to: "later/c.json")
        let catalog = directory.catalog("catalog.d", "later")
        func message(_ names: String..., order: ChainDefinition.Order) -> String? {
            let error = #expect(throws: LaminaError.self) {
                try ChainDefinition(layers: names, order: order).check(in: catalog)
            }
            return error?.description.split(separator: "\(directory.path)/").joined(separator: "DIR/")
        }
        #expect(
            message("c", "d", order: .given)
                == "layer \"c\": conflicts with \"d\" (DIR/catalog.d/c.json); leave one of them out"
        )
        #expect(
            message("c", order: .given)
                == "layer \"c\": requires \"x\" (DIR/catalog.d/c.json), which is not in the chain; add --layer x"
        )
        try directory.manifest("c")
        let rest = Catalog(directories: catalog.directories)
        let error = #expect(throws: LaminaError.self) {
            try ChainDefinition(layers: ["b", "c", "a"], order: .derived).check(in: rest)
        }
        let text = try #require(error?.description)
        for part in [
            "a above b (\(directory.path)/catalog.d/a.json)", "above c (\(directory.path)/catalog.d/b.json)",
            "above a (\(directory.path)/later/c.json)",
        ] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test("A rule that would put a base above a layer is refused by name")
    func bases() throws {
        var base = layer("kernel")
        base.kind = .base
        let error = #expect(throws: LaminaError.self) {
            try ChainOrder(deriving: [base, layer("a") { $0.after = ["kernel"] }])
        }
        #expect(error?.description.contains("layer \"a\": can't stand below \"kernel\", which is a base") == true)
    }

    @Test("Five thousand layers with rules are ordered in seconds, not minutes")
    func many() throws {
        let members = random(5000, seed: 7)
        let clock = ContinuousClock()
        let time = try clock.measure { _ = try ChainOrder(deriving: members) }
        #expect(time < .seconds(10), "\(time)")
    }
}

/// Numbers that are the same each time.
private struct Congruential: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
