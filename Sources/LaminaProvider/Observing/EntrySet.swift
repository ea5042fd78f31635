import CLamina

/// Entries and events.
public struct EntrySet: OptionSet, Sendable {
    /// A bit for each, by its index.
    public let rawValue: UInt64
    /// These.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// One.
    public init(_ entry: Entry) { rawValue = 1 << UInt64(entry.index) }
    /// Those that `isMeant` chooses.
    public init(where isMeant: (Entry) -> Bool) {
        self = []
        for entry in Entry.all where isMeant(entry) { insert(EntrySet(entry)) }
    }

    /// All.
    public static let all = EntrySet { _ in true }

    /// Whether it is one of them.
    @inline(__always)
    public func contains(_ entry: Entry) -> Bool { rawValue >> UInt64(entry.index) & 1 != 0 }

    /// The classes that a level is linked for that sees these.
    public var links: Entry.Classes {
        Entry.all.reduce(into: []) { links, entry in if contains(entry) { links.formUnion(entry.links) } }
    }

    /// These and the others of the classes that they link a level for. A level that leaves one of those out leaves it to the
    /// framework, which adapts it to what the level sees, or refuses it.
    public var withTheirClasses: EntrySet {
        var links = links
        // A connect may carry the first data, and a datagram its destination.
        if links.contains(.dataOut) { links.insert(.destination) }
        var all = union(EntrySet { !$0.classes.isDisjoint(with: links) })
        if !links.contains(.dataOut) { all.remove(EntrySet(.connectWithData)) }
        return all
    }
}

/// A layer whose levels see fewer calls and events than the type has protocols for, by their settings. A level that sees none
/// with data has no effect on them, whatever its description says.
public protocol ChoosesEntries: Layer, ~Copyable {
    /// What this level sees, which is asked once. It is opened and closed with its sockets all the same.
    var entries: EntrySet { get }

    /// Whether the others of the classes that it is linked for by these are passed on to the levels below, through its methods;
    /// else the framework adapts them to what it sees, or refuses them.
    var passesOthersOn: Bool { get }
}

extension ChoosesEntries where Self: ~Copyable {
    /// Yes.
    public var passesOthersOn: Bool { true }
}

/// The tables of a level that has chosen. They live as long as it does.
final class ChosenTables {
    let table = UnsafeMutablePointer<lamina_table>.allocate(capacity: 1)
    let indications = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)

    init(
        _ table: UnsafePointer<lamina_table>,
        _ indications: UnsafePointer<lamina_indications>,
        _ chosen: EntrySet,
        isStateless: Bool
    ) {
        self.table.initialize(to: table.pointee)
        self.indications.initialize(to: indications.pointee)
        var kept = chosen.union(EntrySet(.open))
        if !isStateless { kept.insert(EntrySet(.close)) }
        // What one process exports the other adopts.
        let handover: EntrySet = [EntrySet(.exportState), EntrySet(.adoptState)]
        if !kept.isDisjoint(with: handover) { kept.formUnion(handover) }
        for entry in Entry.all where !kept.contains(entry) {
            let place = entry.isEvent ? UnsafeMutableRawPointer(self.indications) : UnsafeMutableRawPointer(self.table)
            place.storeBytes(of: 0, toByteOffset: entry.known.offset, as: UInt.self)
        }
    }

    deinit {
        table.deallocate()
        indications.deallocate()
    }
}
