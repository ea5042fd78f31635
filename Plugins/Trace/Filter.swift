import CLamina
import Glibc
import LaminaProvider

/// Which calls and events are shown, and which the level must be linked for to show them: filling one entry of a data
/// or destination class links a level for the whole class, and an observer passes on faithfully what it doesn't show.
struct Filter {
    /// Bits by entry and indication number.
    private(set) var calls: UInt32 = 0
    private(set) var events: UInt32 = 0
    /// Those of them that carry data.
    private(set) var dataCalls: UInt32 = 0
    private(set) var dataEvents: UInt32 = 0
    private var linkedCalls: UInt32 = 0
    private var linkedEvents: UInt32 = 0
    private var isGiven = false

    private static let dataClasses = UInt32(LAMINA_CLASS_DATA_OUT | LAMINA_CLASS_DATA_IN)

    /// Whether an entry or indication that links the level for data is shown.
    var showsData: Bool {
        Self.any(calls, Self.call) { $0.triggers & Self.dataClasses != 0 }
            || Self.any(events, Self.event) { $0.triggers & Self.dataClasses != 0 }
    }

    /// Whether a call is shown in lines that look so.
    func shows(call number: Int, _ look: Look) -> Bool {
        (look.data == .none ? calls & ~dataCalls : calls) >> UInt32(number) & 1 != 0
    }

    /// Whether an event is.
    func shows(event number: Int, _ look: Look) -> Bool {
        (look.data == .none ? events & ~dataEvents : events) >> UInt32(number) & 1 != 0
    }

    /// Adds a name that the user gave: an entry, an indication, a class or `events`.
    mutating func add(_ name: UnsafePointer<CChar>) {
        isGiven = true
        if InstanceSettings.equals(name, "events") {
            events = Self.all(LAMINA_INDICATION_COUNT)
            return
        }
        let classes = Self.classes(name)
        let isMeant = { (entry: lamina_entry_description) in
            entry.classes & classes != 0 || strcmp(name, entry.name) == 0
        }
        calls |= Self.bits(LAMINA_ENTRY_COUNT, Self.call, where: isMeant)
        events |= Self.bits(LAMINA_INDICATION_COUNT, Self.event, where: isMeant)
    }

    /// Computes what is linked, once all names are added. Without data, no entry that carries data is shown; a
    /// connect with data then arrives as a connect, through the framework's adapter.
    mutating func settle(withData: Bool) {
        if !isGiven {
            calls = Self.all(LAMINA_ENTRY_COUNT)
            events = Self.all(LAMINA_INDICATION_COUNT)
        }
        let carriesData = { (entry: lamina_entry_description) in entry.triggers & Self.dataClasses != 0 }
        dataCalls = Self.bits(LAMINA_ENTRY_COUNT, Self.call, where: carriesData)
        dataEvents = Self.bits(LAMINA_INDICATION_COUNT, Self.event, where: carriesData)
        if !withData {
            calls &= ~dataCalls
            events &= ~dataEvents
        }
        var triggers = Self.union(calls, Self.call) | Self.union(events, Self.event)
        let sends = triggers & UInt32(LAMINA_CLASS_DATA_OUT) != 0
        if sends { triggers |= UInt32(LAMINA_CLASS_DESTINATION) }
        let needed = { (entry: lamina_entry_description) in entry.classes & triggers != 0 }
        linkedCalls = calls | Self.bits(LAMINA_ENTRY_COUNT, Self.call, where: needed)
        linkedEvents = events | Self.bits(LAMINA_INDICATION_COUNT, Self.event, where: needed)
        if !sends { linkedCalls &= ~(1 << UInt32(LAMINA_ENTRY_CONNECT_WITH_DATA)) }
    }

    /// The table without what isn't linked.
    func linked(_ table: lamina_table) -> lamina_table {
        Self.clearing(table, LAMINA_ENTRY_COUNT, Self.call, but: linkedCalls)
    }

    /// The indications without what isn't linked.
    func linked(_ indications: lamina_indications) -> lamina_indications {
        Self.clearing(indications, LAMINA_INDICATION_COUNT, Self.event, but: linkedEvents)
    }

    private static func call(_ number: UInt32) -> lamina_entry_description { lamina_describe_entry(number).pointee }

    private static func event(_ number: UInt32) -> lamina_entry_description {
        lamina_describe_indication(number).pointee
    }

    private static func all(_ count: Int) -> UInt32 { (1 << UInt32(count)) - 1 }

    private static func bits(
        _ count: Int,
        _ describe: (UInt32) -> lamina_entry_description,
        where isMeant: (lamina_entry_description) -> Bool
    ) -> UInt32 {
        var bits: UInt32 = 0
        for number in 0..<UInt32(count) where isMeant(describe(number)) { bits |= 1 << number }
        return bits
    }

    private static func any(
        _ bits: UInt32,
        _ describe: (UInt32) -> lamina_entry_description,
        where isMeant: (lamina_entry_description) -> Bool
    ) -> Bool {
        (0..<UInt32.bitWidth).contains { bits >> UInt32($0) & 1 != 0 && isMeant(describe(UInt32($0))) }
    }

    private static func union(_ bits: UInt32, _ describe: (UInt32) -> lamina_entry_description) -> UInt32 {
        var triggers: UInt32 = 0
        for number in 0..<UInt32(UInt32.bitWidth) where bits >> number & 1 != 0 {
            triggers |= describe(number).triggers
        }
        return triggers
    }

    private static func clearing<Table>(
        _ table: Table,
        _ count: Int,
        _ describe: (UInt32) -> lamina_entry_description,
        but kept: UInt32
    ) -> Table {
        var table = table
        withUnsafeMutableBytes(of: &table) { bytes in
            for number in 0..<UInt32(count) where kept >> number & 1 == 0 {
                bytes.storeBytes(of: 0, toByteOffset: describe(number).offset, as: UInt.self)
            }
        }
        return table
    }

    private static func classes(_ name: UnsafePointer<CChar>) -> UInt32 {
        func named(_ literal: StaticString, _ bits: Int) -> UInt32 {
            InstanceSettings.equals(name, literal) ? UInt32(bits) : 0
        }
        return named("data", LAMINA_CLASS_DATA_OUT | LAMINA_CLASS_DATA_IN) | named("data-out", LAMINA_CLASS_DATA_OUT)
            | named("data-in", LAMINA_CLASS_DATA_IN) | named("destination", LAMINA_CLASS_DESTINATION)
            | named("name", LAMINA_CLASS_NAME) | named("control", LAMINA_CLASS_CONTROL)
            | named("lifetime", LAMINA_CLASS_LIFETIME)
    }
}
