import CLamina

/// Decides for each entry which function comes next.
///
/// A level stands in an entry that it fills, and in every other entry of the data classes that it is linked for: there
/// an adapter leads to an entry that it has, or the call is not supported. Nothing of such a class gets past it.
struct LinkCompiler {
    /// Top-down; level 1 is the first.
    let levels: [Level]
    let category: UInt32
    /// Which levels are linked, bit 1 for level 1.
    let active: UInt64
    /// Whether data calls go through the tables, because the links may be bound anew.
    let isIndirect: Bool
    /// What slot 0 calls instead, while the links wait for a destination, by entry.
    let binders: [Int: lamina_any_function]

    private func isActive(_ level: Int) -> Bool { active & (1 << UInt64(level)) != 0 }

    /// The link for a call from `level` down: a function and the level that it belongs to.
    func next(_ entry: Entry, below level: Int) -> (lamina_any_function, Int) {
        let number = UInt32(entry.number)
        guard entry.categories & category != 0 || entry.isOfChain else {
            return (lamina_unsupported_entry(number), level)
        }
        switch entry.number {
        case Int(LAMINA_ENTRY_OPEN): return (ColumnOpening.next, level)
        // The framework asks each level by itself.
        case Int(LAMINA_ENTRY_EXPORT_STATE): return (LevelStates.exported, level)
        case Int(LAMINA_ENTRY_ADOPT_STATE): return (LevelStates.adopted, level)
        default: break
        }
        if level == 0, let binder = binders[entry.number] { return (binder, 0) }
        for target in stride(from: level + 1, through: levels.count, by: 1) where isActive(target) {
            if let function = function(of: target, for: entry) { return (function, target) }
        }
        if level > 0, level == levels.count, levels[level - 1].kind == .terminating, goesToPrimary(entry),
            entry.classes & UInt32(LAMINA_CLASS_LIFETIME) == 0
        {
            return (lamina_primary_entry(number), level)
        }
        return (lamina_unsupported_entry(number), max(level, levels.count))
    }

    /// What a level does with an entry; nil where it passes by.
    private func function(of index: Int, for entry: Entry) -> lamina_any_function? {
        let level = levels[index - 1]
        if let own = entry.function(in: level.table) { return own }
        switch level.kind {
        case .base:
            return Adapters.function(ofBase: level.table, for: entry) ?? lamina_unsupported_entry(UInt32(entry.number))
        case .terminating:
            if entry.isOfChain { return nil }
            // What it sees by one entry must not go past it by another.
            if let made = Adapters.function(for: entry, table: level.table) { return made }
            let number = UInt32(entry.number)
            return goesToPrimary(entry) ? lamina_primary_entry(number) : lamina_unsupported_entry(number)
        case .layered: break
        }
        if entry.number == Int(LAMINA_ENTRY_ENABLE_INDICATIONS),
            level.triggers(in: category) & UInt32(LAMINA_CLASS_DATA_IN) != 0
        {
            return Adapters.enableIndications
        }
        guard entry.classes & level.triggers(in: category) & dataClasses != 0 else { return nil }
        return Adapters.function(for: entry, table: level.table) ?? lamina_unsupported_entry(UInt32(entry.number))
    }

    /// Whether a terminating level's primary column gets an entry that the level left empty, or passes on. The indications of
    /// its lower columns are its own: only itself can promise them to the level above.
    private func goesToPrimary(_ entry: Entry) -> Bool {
        !entry.isOfChain && entry.number != Int(LAMINA_ENTRY_ENABLE_INDICATIONS)
    }

    /// The link for an event from `level` up.
    func next(_ event: Entry, above level: Int) -> (lamina_any_function, Int) {
        for target in stride(from: level - 1, to: 0, by: -1) where isActive(target) {
            if let own = event.function(in: levels[target - 1].indications) { return (own, target) }
            if event.classes & levels[target - 1].triggers(in: category) & dataClasses != 0 {
                return (lamina_refused_indication(UInt32(event.number)), target)
            }
        }
        return (lamina_client_indication(UInt32(event.number)), 0)
    }
}
