import CLamina
import Lamina

/// A provider under check, with the bases that it may stand on.
struct Subject {
    let provider: Provider
    let layer: LayerSpecification
    /// Bases of the catalog, by name.
    let bases: [(name: String, provider: Provider)]

    var isBase: Bool { provider.manifest.kind == .base }
    var isStraight: Bool { provider.manifest.kind == .layered }

    /// Whether it may answer or redirect a call by its own decision.
    var decides: Bool { [.firewall, .redirector, .proxy].contains(provider.manifest.phase) || !isStraight }

    func has(_ category: SocketCategories) -> Bool { !provider.manifest.categories.isDisjoint(with: category) }

    /// Throws `NotApplicable` unless the provider stands in a category.
    func need(_ category: SocketCategories) throws {
        guard has(category) else {
            throw NotApplicable(
                "it doesn't stand in the category \(category == .datagram ? "datagram" : "connection")",
                isGeneral: true
            )
        }
    }

    /// Runs a check over the stage, which a base doesn't have.
    func onStage(_ check: @escaping (Rig) throws -> Void) throws {
        guard !isBase else { throw NotApplicable("a base has nothing below it", isGeneral: true) }
        try check(try Rig(stageFor: self))
    }

    /// Runs a check over each transport that there is: a layer's over the bases of the catalog, a base's over itself.
    func onLoopback(_ check: @escaping (Rig) throws -> Void) throws {
        if isBase { return try check(try Rig(alone: self)) }
        guard !bases.isEmpty else { throw NotApplicable("the catalog has neither memory nor kernel", isGeneral: true) }
        try checkAll(bases.map { base in { try check(try Rig(self, over: base)) } })
    }

    /// Runs a check where the provider stands in any case: a layer over the stage, a base by itself.
    func inItsPlace(_ check: @escaping (Rig) throws -> Void) throws {
        try check(isBase ? try Rig(alone: self) : try Rig(stageFor: self))
    }

    /// Runs a check at every place that there is.
    func everywhere(_ check: @escaping (Rig) throws -> Void) throws {
        try checkAll({ try onStage(check) }, { try onLoopback(check) })
    }
}
