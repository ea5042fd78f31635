import CLamina
import CLinux
import Glibc

/// Which slots descriptors belong to that providers gave out. They are known by what the kernel carries across `dup`, `fork`
/// and passing, never by their number.
enum BoundDescriptors {
    private struct Key: Hashable {
        let first: UInt64
        let second: UInt64

        /// Nil, with a negative errno: it is no descriptor.
        init?(_ descriptor: Int32, _ status: inout Int32) {
            var key: [UInt64] = [0, 0]
            status = clinux_descriptor_key(descriptor, &key)
            guard status == 0 else { return nil }
            (first, second) = (key[0], key[1])
        }
    }

    private struct Binding {
        let slot: UInt
        /// Not through the slot, which holds nothing any more where the socket has closed.
        let column: UInt
        let generation: UInt64
        let context: UInt

        /// Whether the socket is still the one that it was bound to. Columns stay columns for good.
        var isCurrent: Bool {
            guard let column = Column(bitPattern: column) else { return false }
            return clinux_load_u64(&column.pointee.generation) == generation
        }
    }

    private static let bound = Locked<[Key: Binding]>([:])
    // How many there were at most since the last clearing, so that bindings of closed sockets don't pile up.
    private static let fewest = 64

    private static func bind(_ descriptor: Int32, to slot: Slot, _ context: UnsafeMutableRawPointer?) -> lamina_status {
        var status: Int32 = 0
        guard let key = Key(descriptor, &status) else { return status }
        let binding = Binding(
            slot: UInt(bitPattern: slot),
            column: UInt(bitPattern: slot.pointee.column),
            generation: lamina_socket_of(slot).generation,
            context: UInt(bitPattern: context)
        )
        bound.withLock { bound in
            if bound.count >= fewest, bound.count.nonzeroBitCount == 1 { bound = bound.filter { $0.value.isCurrent } }
            bound[key] = binding
        }
        return 0
    }

    /// `create_descriptor`.
    static let create:
        @convention(c) (Slot, Int32, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int32>) -> lamina_status = {
            slot,
            type,
            context,
            ends in
            let made = clinux_pair(type, ends)
            guard made == 0 else { return made }
            let status = bind(ends[0], to: slot, context)
            guard status < 0 else { return 0 }
            Glibc.close(ends[0])
            Glibc.close(ends[1])
            return status
        }

    /// `claim_descriptor`.
    static let claim: @convention(c) (Slot, Int32, UnsafeMutableRawPointer?) -> lamina_status = {
        bind($1, to: $0, $2)
    }

    /// `descriptor_context`.
    static let find:
        @convention(c) (
            Int32, UnsafeMutablePointer<Slot?>, UnsafeMutablePointer<UInt64>,
            UnsafeMutablePointer<UnsafeMutableRawPointer?>
        ) -> lamina_status = { descriptor, slot, generation, context in
            slot.pointee = nil
            generation.pointee = 0
            context.pointee = nil
            var status: Int32 = 0
            guard let key = Key(descriptor, &status) else { return status }
            guard let binding = bound.withLock({ $0[key] }), binding.isCurrent else { return -ENOENT }
            slot.pointee = Slot(bitPattern: binding.slot)
            generation.pointee = binding.generation
            context.pointee = UnsafeMutableRawPointer(bitPattern: binding.context)
            return 0
        }

    /// `close_descriptor`.
    static let close: @convention(c) (Int32) -> lamina_status = { descriptor in
        var status: Int32 = 0
        guard let key = Key(descriptor, &status) else { return status }
        let binding = bound.withLock { $0.removeValue(forKey: key) }
        guard Glibc.close(descriptor) == 0 else { return -errno }
        return binding == nil ? -ENOENT : 0
    }
}
