import CLamina
import CLinux

/// The links of one shape of column: which levels stand in it, which of them are linked, for which category. Immutable.
final class LinkSet: @unchecked Sendable {
    // The tables are written once, before anybody sees them.
    private let down: UnsafeMutablePointer<lamina_down>
    private let up: UnsafeMutablePointer<lamina_up>
    private let slotCount: Int
    private let direct: [[(entry: UInt32, function: lamina_any_function, level: Int)]]

    init(compiling compiler: LinkCompiler) {
        slotCount = compiler.levels.count + 1
        down = .allocate(capacity: slotCount)
        up = .allocate(capacity: slotCount)
        var direct: [[(entry: UInt32, function: lamina_any_function, level: Int)]] = []
        for level in 0..<slotCount {
            down[level].count = UInt32(LAMINA_ENTRY_COUNT)
            down[level].reserved = 0
            up[level].count = UInt32(LAMINA_INDICATION_COUNT)
            up[level].reserved = 0
            var links: [(entry: UInt32, function: lamina_any_function, level: Int)] = []
            for entry in Entry.all {
                let (function, target) = compiler.next(entry, below: level)
                Self.store(function, target - level, in: down + level, entry.number)
                guard entry.isDirect else { continue }
                let number = UInt32(entry.number)
                links.append(
                    compiler.isIndirect ? (number, lamina_indirect_entry(number), level) : (number, function, target)
                )
            }
            for event in Entry.indications {
                let (function, target) = compiler.next(event, above: level)
                Self.store(function, target - level, in: up + level, event.number)
            }
            direct.append(links)
        }
        self.direct = direct
    }

    /// What a program finds in slot 0 of a socket that its process can't use: every entry answers ESTALE.
    static let stale = LinkSet()

    private init() {
        slotCount = 1
        down = .allocate(capacity: 1)
        up = .allocate(capacity: 1)
        down.pointee.count = UInt32(LAMINA_ENTRY_COUNT)
        down.pointee.reserved = 0
        up.pointee.count = UInt32(LAMINA_INDICATION_COUNT)
        up.pointee.reserved = 0
        var links: [(entry: UInt32, function: lamina_any_function, level: Int)] = []
        for entry in Entry.all {
            let function = lamina_stale_entry(UInt32(entry.number))
            Self.store(function, 0, in: down, entry.number)
            if entry.isDirect { links.append((UInt32(entry.number), function, 0)) }
        }
        for event in Entry.indications {
            Self.store(lamina_refused_indication(UInt32(event.number)), 0, in: up, event.number)
        }
        direct = [links]
    }

    deinit {
        down.deallocate()
        up.deallocate()
    }

    private static func store(
        _ function: lamina_any_function,
        _ levels: Int,
        in table: UnsafeMutableRawPointer,
        _ number: Int
    ) {
        // Both tables begin with two 32-bit words, then the links.
        let link = lamina_link(function: function, distance: Int64(levels * MemoryLayout<lamina_slot>.stride))
        let offset = 8 + number * MemoryLayout<lamina_link>.stride
        table.storeBytes(of: link, toByteOffset: offset, as: lamina_link.self)
    }

    /// Writes the links into a column that nobody calls yet.
    func write(to slots: Slot) {
        for level in 0..<slotCount {
            for link in direct[level] {
                lamina_direct_link_at(slots + level, link.entry)?.pointee = lamina_direct_link(
                    function: link.function,
                    slot: slots + link.level
                )
            }
        }
        rewrite(slots)
    }

    /// Lets slot 0 of a column that is in use follow these links, one word at a time: their functions take any slot of the
    /// column, or are those that the slots were written for.
    func replaceTop(of slots: Slot) {
        for link in direct[0] {
            guard let place = lamina_direct_link_at(slots, link.entry) else { continue }
            clinux_store_pointer(place, unsafeBitCast(link.function, to: UnsafeRawPointer.self))
        }
        let slot = UnsafeMutableRawPointer(slots)
        clinux_store_pointer(slot + (MemoryLayout<lamina_slot>.offset(of: \.down) ?? 0), down)
    }

    /// Whether an entry, called from slot 0 or passed on, comes to one of these levels (bit 1 for level 1) before it comes to
    /// `end`.
    func leads(_ entry: Int, to levels: UInt64, above end: UInt32) -> Bool {
        var level = 0
        while level < Int(end) {
            let offset = 8 + entry * MemoryLayout<lamina_link>.stride
            let link = UnsafeRawPointer(down + level).load(fromByteOffset: offset, as: lamina_link.self)
            let next = level + Int(link.distance) / MemoryLayout<lamina_slot>.stride
            // A link that leads nowhere fails the call.
            guard next > level else { return false }
            if next < Int(end), levels & (1 << UInt64(next)) != 0 { return true }
            level = next
        }
        return false
    }

    /// Calls `close` from slot 0 by these links, whatever stands in the slot.
    func close(_ slots: Slot, _ request: Request) -> lamina_status {
        let offset = 8 + Int(LAMINA_ENTRY_CLOSE) * MemoryLayout<lamina_link>.stride
        let link = UnsafeRawPointer(down).load(fromByteOffset: offset, as: lamina_link.self)
        let slot = (UnsafeMutableRawPointer(slots) + Int(link.distance)).assumingMemoryBound(to: lamina_slot.self)
        return unsafeBitCast(link.function, to: lamina_close_function.self)(slot, request)
    }

    /// Binds the links of a column anew, one pointer at a time; its data calls follow because they are indirect.
    func rewrite(_ slots: Slot) {
        for level in (0..<slotCount).reversed() {
            let slot = UnsafeMutableRawPointer(slots + level)
            clinux_store_pointer(slot + (MemoryLayout<lamina_slot>.offset(of: \.up) ?? 0), up + level)
            clinux_store_pointer(slot + (MemoryLayout<lamina_slot>.offset(of: \.down) ?? 0), down + level)
        }
    }
}
