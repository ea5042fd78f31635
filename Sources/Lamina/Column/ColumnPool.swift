import CLamina
import CLinux
import Glibc

/// The memory of columns: one allocation a socket, never given back, so that a late call finds a column, with another
/// generation.
enum ColumnPool {
    private struct State {
        /// By the number of slots.
        var free: [Int: [Column]] = [:]
        /// The open ones, linked by `framework.2` to the next and `framework.3` to the one before.
        var open: Column?
    }

    private static let state = Locked(State())

    /// A column of `slotCount` slots, all zero but for the generation, which is odd. Nil without memory.
    static func take(slotCount: Int) -> Column? {
        _ = Threads.start
        if let column = state.withLock({ $0.free[slotCount]?.popLast() }) {
            clinux_store_u64(&column.pointee.generation, clinux_load_u64(&column.pointee.generation) + 1)
            return column
        }
        let size = size(slotCount)
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, size) == 0, let memory else { return nil }
        memset(memory, 0, size)
        let column = memory.bindMemory(to: lamina_column.self, capacity: 1)
        clinux_store_u64(&column.pointee.generation, 1)
        return column
    }

    /// Notes a column that has its state as open, until `give`.
    static func add(_ column: Column) {
        state.withLock { state in
            column.pointee.framework.2 = state.open.map { UnsafeMutableRawPointer($0) }
            column.pointee.framework.3 = nil
            state.open?.pointee.framework.3 = UnsafeMutableRawPointer(column)
            state.open = column
        }
    }

    /// The sockets of a chain that programs hold and nobody has closed, the newest first.
    static func sockets(of chain: Chain) -> [lamina_socket] {
        columns(of: chain) { clinux_load_u32(&$0.isGivenOut) != 0 }
    }

    /// The columns of a chain that nobody has closed, those that are still being opened and those of levels among them,
    /// the newest first.
    static func columns(
        of chain: Chain,
        where isMeant: (ColumnState) -> Bool = { _ in true }
    ) -> [lamina_socket] {
        let chain = Unmanaged.passUnretained(chain).toOpaque()
        return state.withLock { state in
            var found: [lamina_socket] = []
            var next = state.open
            while let column = next {
                next = column.pointee.framework.2?.assumingMemoryBound(to: lamina_column.self)
                let generation = clinux_load_u64(&column.pointee.generation)
                guard column.pointee.chain == chain, generation % 2 == 1 else { continue }
                guard isMeant(ColumnState.of(slots(column))) else { continue }
                found.append(lamina_socket(slot: slots(column), generation: generation))
            }
            return found
        }
    }

    /// Takes a column back whose generation is even: nobody is inside, and no handle fits it any more.
    static func give(_ column: Column, slotCount: Int) {
        assert(clinux_load_u64(&column.pointee.generation) % 2 == 0)
        state.withLock { state in
            let next = column.pointee.framework.2?.assumingMemoryBound(to: lamina_column.self)
            let before = column.pointee.framework.3?.assumingMemoryBound(to: lamina_column.self)
            next?.pointee.framework.3 = before.map { UnsafeMutableRawPointer($0) }
            if let before {
                before.pointee.framework.2 = next.map { UnsafeMutableRawPointer($0) }
            } else if state.open == column {
                state.open = next
            }
            let offset = MemoryLayout<UInt64>.size
            memset(UnsafeMutableRawPointer(column) + offset, 0, size(slotCount) - offset)
            state.free[slotCount, default: []].append(column)
        }
    }

    private static func size(_ slotCount: Int) -> Int {
        MemoryLayout<lamina_column>.size + slotCount * MemoryLayout<lamina_slot>.size
    }

    /// Slot 0 of a column.
    static func slots(_ column: Column) -> Slot {
        UnsafeMutableRawPointer(column + 1).assumingMemoryBound(to: lamina_slot.self)
    }

    /// In a child process: what pends belongs to the parent, and sockets that can't be shared are stale.
    static func beginChild() {
        var next = state.withLock { $0.open }
        while let column = next {
            next = column.pointee.framework.2?.assumingMemoryBound(to: lamina_column.self)
            clinux_store_u32(&column.pointee.pending, 0)
            clinux_store_u32(&column.pointee.deferred, 0)
            ColumnState.of(slots(column)).beginChild()
        }
    }

    private static let serial = Locked<UInt64>(0)

    /// A number that no other socket of this process has.
    static func nextSerial() -> UInt64 {
        serial.withLock {
            $0 += 1
            return $0
        }
    }
}
