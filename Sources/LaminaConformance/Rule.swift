/// One rule of the contract between the framework and its providers.
public struct Rule: Sendable, Hashable, CustomStringConvertible {
    /// The rule's name, which stays.
    public let name: String
    /// What it demands, in one sentence.
    public let demand: String
    /// Why.
    public let reason: String
    /// Which header says so, and where.
    public let source: String
    let check: @Sendable (Subject) throws -> Void

    /// The name.
    public var description: String { name }

    /// Whether both are the same rule.
    public static func == (left: Rule, right: Rule) -> Bool { left.name == right.name }

    /// By name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// The rule of this name; nil where there is none.
    public static func named(_ name: String) -> Rule? { all.first { $0.name == name } }
}
