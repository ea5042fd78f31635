import CLamina

extension Instance {
    /// What the level does to the data of sockets of these categories: at most its effect, and none where it only observes
    /// and has none of their data calls.
    public func effect(on categories: SocketCategories) -> Effect {
        guard effect == .observe, provider.manifest.kind == .layered else { return effect }
        let filled =
            Entry.all.filter { $0.function(in: table) != nil }
            + Entry.indications.filter { $0.function(in: indications) != nil }
        return filled.contains { $0.carriesData(on: categories) } ? effect : .none
    }
}

extension Manifest {
    /// The same, as far as its lists of entries and indications tell it.
    func effect(on categories: SocketCategories) -> Effect {
        guard effect == .observe, kind == .layered, !entries.isEmpty else { return effect }
        let filled =
            Entry.all.filter { entries.contains($0.name(lamina_describe_entry)) }
            + Entry.indications.filter { indications.contains($0.name(lamina_describe_indication)) }
        return filled.contains { $0.carriesData(on: categories) } ? effect : .none
    }
}

extension Entry {
    fileprivate func carriesData(on categories: SocketCategories) -> Bool {
        self.categories & categories.rawValue != 0
            && classes & UInt32(LAMINA_CLASS_DATA_OUT | LAMINA_CLASS_DATA_IN) != 0
    }

    fileprivate func name(_ describe: (UInt32) -> UnsafePointer<lamina_entry_description>) -> String {
        String(cString: describe(UInt32(number)).pointee.name)
    }
}
