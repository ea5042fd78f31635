import LaminaProvider

/// Which calls and events are shown.
struct Filter: Sendable {
    /// All that may be, by the settings that don't change.
    let shown: EntrySet
    /// Those of them that carry no data.
    private let withoutData: EntrySet

    private static let classes: [(name: String, classes: Entry.Classes)] = [
        ("data", [.dataOut, .dataIn]), ("data-out", .dataOut), ("data-in", .dataIn), ("destination", .destination),
        ("name", .name), ("control", .control), ("lifetime", .lifetime),
    ]

    /// What a user may name: classes, `events`, and single entries and events.
    static let names: [String] = Entry.all.reduce(into: classes.map(\.name) + ["events"]) { names, entry in
        if !names.contains(entry.name) { names.append(entry.name) }
    }

    /// Shows what has one of these names; without any, everything. Without data, no entry that carries data is shown; a
    /// connect with data then arrives as a connect, through the framework's adapter.
    init(_ names: [String], withData: Bool) {
        let data = EntrySet { !$0.links.isDisjoint(with: [.dataOut, .dataIn]) }
        let named = names.isEmpty ? .all : names.reduce(into: EntrySet()) { $0.formUnion(Self.entries($1)) }
        withoutData = named.subtracting(data)
        shown = withData ? named : withoutData
    }

    /// Whether a call or event is shown in lines that look so.
    func shows(_ entry: Entry, _ look: Look) -> Bool {
        (look.data == .none ? withoutData : shown).contains(entry)
    }

    private static func entries(_ name: String) -> EntrySet {
        if name == "events" { return EntrySet { $0.isEvent } }
        let classes = Self.classes.first { $0.name == name }?.classes ?? []
        return EntrySet { $0.name == name || !$0.classes.isDisjoint(with: classes) }
    }
}
