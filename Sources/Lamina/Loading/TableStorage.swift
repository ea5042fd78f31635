import CLamina
import Glibc

/// Tables of this Lamina's size, for an instance whose plug-in was made for smaller ones: the entries that it doesn't
/// know are empty. A table of full size is used as it is.
final class TableStorage: Sendable {
    /// The instance with tables of full size.
    nonisolated(unsafe) let made: lamina_instance

    // Written in init only, and freed with this.
    nonisolated(unsafe) private let copies: [UnsafeMutableRawPointer]

    /// `made` has tables of checked sizes.
    init(_ made: lamina_instance) {
        var (made, copies) = (made, [UnsafeMutableRawPointer]())
        if let table = made.table {
            made.table = Self.widened(table, size: table.pointee.size, &copies)
        }
        if let indications = made.indications {
            made.indications = Self.widened(indications, size: indications.pointee.size, &copies)
        }
        (self.made, self.copies) = (made, copies)
    }

    deinit {
        for copy in copies { copy.deallocate() }
    }

    private static func widened<Table>(
        _ table: UnsafePointer<Table>,
        size: UInt32,
        _ copies: inout [UnsafeMutableRawPointer]
    ) -> UnsafePointer<Table> {
        let (full, size) = (MemoryLayout<Table>.size, Int(size))
        guard size < full else { return table }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: full, alignment: MemoryLayout<Table>.alignment)
        memset(copy, 0, full)
        memcpy(copy, table, size)
        copies.append(copy)
        return UnsafePointer(copy.bindMemory(to: Table.self, capacity: 1))
    }
}
