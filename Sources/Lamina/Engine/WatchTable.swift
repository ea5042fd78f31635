import CLamina
import CLinux

/// What epoll's events name. An identity leads to a place that stays where it is for good, and that says whose it is
/// now: so a late event finds a place with another identity, and no lock is needed to look.
struct WatchTable {
    private struct Entry {
        /// Whose place it is, 0 while it is nobody's. Read and written by atomic operations.
        var identity: UInt64
        /// Constant while the identity stands.
        var watch: UnsafeMutablePointer<lamina_watch>?
        /// How often the place was given out.
        var generation: UInt32
        /// The next free place, counted from 1; 0 for none.
        var nextFree: UInt32
    }

    // Part k has 64 << k places. A part is published before an identity that leads to it.
    private let parts: UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
    private static let partCount = 26
    private static let firstPart = 64
    private var count: UInt32 = 0
    private var free: UInt32 = 0

    init() {
        parts = .allocate(capacity: Self.partCount)
        parts.initialize(repeating: nil, count: Self.partCount)
    }

    /// Gives the memory back; nobody looks any more.
    func destroy() {
        for part in 0..<Self.partCount { parts[part]?.deallocate() }
        parts.deallocate()
    }

    /// A copy that shares the places and only looks.
    var look: Look { Look(table: self) }

    /// The half of the table that needs no lock.
    struct Look {
        fileprivate let table: WatchTable

        /// Whether the identity still stands, and for which watch.
        func watch(_ identity: UInt64) -> UnsafeMutablePointer<lamina_watch>? {
            guard let entry = table.entry(UInt32(truncatingIfNeeded: identity)),
                clinux_load_u64(&entry.pointee.identity) == identity
            else { return nil }
            return entry.pointee.watch
        }

        /// Ends an identity. False: somebody else did.
        func end(_ identity: UInt64) -> Bool {
            guard let entry = table.entry(UInt32(truncatingIfNeeded: identity)) else { return false }
            return clinux_replace_u64(&entry.pointee.identity, identity, 0) != 0
        }
    }

    /// `place` counts from 1. Nil: there is no such place.
    private func entry(_ place: UInt32) -> UnsafeMutablePointer<Entry>? {
        let shifted = Int(place) - 1 + Self.firstPart
        let part = Int.bitWidth - 1 - shifted.leadingZeroBitCount - Self.firstPart.trailingZeroBitCount
        guard place > 0, part < Self.partCount, let entries = clinux_load_pointer(parts + part) else { return nil }
        return entries.assumingMemoryBound(to: Entry.self) + (shifted - (Self.firstPart << part))
    }

    /// A new identity, never 0, for a watch. Nil: there is no more room.
    mutating func add(_ watch: UnsafeMutablePointer<lamina_watch>) -> UInt64? {
        let place = takePlace()
        guard let entry = entry(place) else { return nil }
        entry.pointee.generation &+= 1
        entry.pointee.watch = watch
        let identity = UInt64(entry.pointee.generation) << 32 | UInt64(place)
        clinux_store_u64(&entry.pointee.identity, identity)
        return identity
    }

    private mutating func takePlace() -> UInt32 {
        if free != 0 {
            defer { free = entry(free)?.pointee.nextFree ?? 0 }
            return free
        }
        let shifted = Int(count) + Self.firstPart
        let part = shifted.trailingZeroBitCount - Self.firstPart.trailingZeroBitCount
        guard part < Self.partCount else { return 0 }
        count += 1
        if shifted.nonzeroBitCount == 1 {
            let entries = UnsafeMutablePointer<Entry>.allocate(capacity: shifted)
            entries.initialize(
                repeating: Entry(identity: 0, watch: nil, generation: 0, nextFree: 0),
                count: shifted
            )
            clinux_store_pointer(parts + part, entries)
        }
        return count
    }

    /// Lets another watch have the place of an identity that has ended, once nobody looks at it any more.
    mutating func giveBack(_ identity: UInt64) {
        let place = UInt32(truncatingIfNeeded: identity)
        guard let entry = entry(place) else { return }
        entry.pointee.nextFree = free
        free = place
    }

    /// Ends every identity. For one thread alone.
    mutating func endAll() {
        free = 0
        for place in 0..<count {
            guard let entry = entry(place + 1) else { continue }
            clinux_store_u64(&entry.pointee.identity, 0)
            giveBack(UInt64(place + 1))
        }
    }
}
