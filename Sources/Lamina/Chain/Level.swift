import CLamina

/// A slot of a column.
typealias Slot = UnsafeMutablePointer<lamina_slot>
/// The header of a column.
typealias Column = UnsafeMutablePointer<lamina_column>
/// A request.
typealias Request = UnsafeMutablePointer<lamina_request>

/// What the link compiler knows of one level.
struct Level {
    let table: UnsafePointer<lamina_table>?
    let indications: UnsafePointer<lamina_indications>?
    let kind: ProviderKind
    let categories: UInt32
    /// What filling its entries and indications links it for, with the categories that have them.
    private let filled: [(triggers: UInt32, categories: UInt32)]
    private let transforms: Bool

    init(_ instance: Instance) {
        table = instance.table
        indications = instance.indications
        kind = instance.provider.manifest.kind
        categories = instance.provider.manifest.categories.rawValue
        let entries = Entry.all.filter { $0.function(in: instance.table) != nil }
        let events = Entry.indications.filter { $0.function(in: instance.indications) != nil }
        transforms = instance.effect == .transform
        filled = (entries + events).map { ($0.triggers, $0.categories) }
    }

    /// The classes for which it stands in every entry that sockets of a category have: those of the entries that it
    /// fills for the category, so that a layer which sees the destination of a datagram isn't linked for what a
    /// connection sends. A level that transforms data lets none of a class pass by, whatever the category.
    func triggers(in category: UInt32) -> UInt32 {
        filled.reduce(0) { transforms || $1.categories & category != 0 ? $0 | $1.triggers : $0 }
    }
}

/// One entry of the dispatch table, or one indication, from the one list of them.
struct Entry {
    let number: Int
    let classes: UInt32
    let triggers: UInt32
    let categories: UInt32
    let isDirect: Bool
    let isOfChain: Bool
    let offset: Int

    init(_ number: Int, _ description: lamina_entry_description) {
        self.number = number
        classes = description.classes
        triggers = description.triggers
        categories = description.categories
        isDirect = description.direct != 0
        isOfChain = description.chain != 0
        offset = description.offset
    }

    /// The entries, in their order.
    static let all = (0..<Int(LAMINA_ENTRY_COUNT)).map { Entry($0, lamina_describe_entry(UInt32($0)).pointee) }
    /// The indications, in their order.
    static let indications = (0..<Int(LAMINA_INDICATION_COUNT)).map {
        Entry($0, lamina_describe_indication(UInt32($0)).pointee)
    }

    /// The function for it in a table; nil where it is empty.
    func function(in table: UnsafeRawPointer?) -> lamina_any_function? {
        lamina_function_at(table, offset)
    }
}

/// The classes that bind a layer to all of their entries.
let dataClasses = UInt32(LAMINA_CLASS_DATA_OUT | LAMINA_CLASS_DATA_IN | LAMINA_CLASS_DESTINATION)
