import CLamina
import CLinux
import Glibc

/// The memory of columns: one allocation a socket, never given back, so that a late call finds a column, with another
/// generation.
enum ColumnPool {
    private static let free = Locked<[Int: [Column]]>([:])

    /// A column of `slotCount` slots, all zero but for the generation, which is odd. Nil without memory.
    static func take(slotCount: Int) -> Column? {
        _ = Threads.start
        if let column = free.withLock({ $0[slotCount]?.popLast() }) {
            clinux_store_u64(&column.pointee.generation, column.pointee.generation + 1)
            return column
        }
        let size = MemoryLayout<lamina_column>.size + slotCount * MemoryLayout<lamina_slot>.size
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, size) == 0, let memory else { return nil }
        memset(memory, 0, size)
        let column = memory.bindMemory(to: lamina_column.self, capacity: 1)
        clinux_store_u64(&column.pointee.generation, 1)
        return column
    }

    /// Takes a column back whose generation is even: nobody is inside, and no handle fits it any more.
    static func give(_ column: Column, slotCount: Int) {
        let generation = column.pointee.generation
        let size = MemoryLayout<lamina_column>.size + slotCount * MemoryLayout<lamina_slot>.size
        let offset = MemoryLayout<UInt64>.size
        memset(UnsafeMutableRawPointer(column) + offset, 0, size - offset)
        assert(generation % 2 == 0)
        free.withLock { $0[slotCount, default: []].append(column) }
    }

    /// Slot 0 of a column.
    static func slots(_ column: Column) -> Slot {
        UnsafeMutableRawPointer(column + 1).assumingMemoryBound(to: lamina_slot.self)
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
