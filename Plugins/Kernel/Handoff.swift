import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Export and adopt: the descriptor, which the kernel lets two processes have, and what the kernel doesn't say of it.
enum Handoff {
    /// What is written beside the descriptor.
    private struct Record {
        static let version: UInt32 = 1
        var family: Int32 = 0
        var type: Int32 = 0
        var transport: Int32 = 0
        /// Bits: any family, bound, connected, listening, without delay, reports, destination.
        var flags: UInt32 = 0
        var inspected = lamina_inspect_id()
        var sendTo = lamina_address()
    }

    static func export(
        _ slot: Slot,
        _ asked: UnsafeMutablePointer<lamina_state>,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let status: Int32
        switch unsafe Int(asked.pointee.phase) {
        case LAMINA_EXPORT_ASK: status = 0
        case LAMINA_EXPORT_FREEZE:
            // What indications left here would be lost to both processes.
            let isAtRest = unsafe (state.pointee.indicator?.kept ?? 0) == 0 && state.pointee.acceptance?.hasLeft != true
            status = unsafe isAtRest && state.group.freeze(receiving: state.input, sending: state.output) ? 0 : -EBUSY
        case LAMINA_EXPORT_WRITE: status = unsafe write(state, asked)
        case LAMINA_EXPORT_THAW:
            unsafe state.group.thaw(state.input, state.output)
            status = 0
        case LAMINA_EXPORT_COMMIT: status = 0
        default: status = -EINVAL
        }
        return unsafe lamina_complete(slot, request, status, 0)
    }

    private static func write(
        _ state: UnsafeMutablePointer<SocketState>,
        _ asked: UnsafeMutablePointer<lamina_state>
    ) -> Int32 {
        unsafe asked.pointee.version = Record.version
        unsafe asked.pointee.length = MemoryLayout<Record>.size
        guard unsafe asked.pointee.capacity >= MemoryLayout<Record>.size, let bytes = unsafe asked.pointee.bytes else {
            return -ENOBUFS
        }
        var record = unsafe Record(
            family: state.pointee.family,
            type: state.pointee.type,
            transport: state.pointee.transport,
            inspected: state.pointee.inspected
        )
        let hasDestination = unsafe clinux_load_u32(state.field(\.hasSendTo)) != 0
        if hasDestination { record.sendTo = unsafe state.sendToAddress }
        let hasReports = unsafe clinux_load_u32(state.field(\.hasReports)) != 0
        let flags = unsafe [
            state.pointee.isAnyFamily, state.pointee.isBound, state.pointee.isConnected, state.pointee.isListening,
            state.pointee.isWithoutDelay, hasReports, hasDestination,
        ]
        for (bit, flag) in flags.enumerated() where flag { record.flags |= 1 << UInt32(bit) }
        if unsafe state.pointee.descriptor >= 0 {
            guard unsafe asked.pointee.descriptor_capacity > 0, let room = unsafe asked.pointee.descriptors else {
                return -ENOBUFS
            }
            let copy = unsafe clinux_duplicate_descriptor(state.pointee.descriptor)
            guard copy >= 0 else { return copy }
            unsafe room.pointee = copy
            unsafe asked.pointee.descriptor_count = 1
        }
        unsafe bytes.copyMemory(from: &record, byteCount: MemoryLayout<Record>.size)
        return 0
    }

    static func adopt(
        _ slot: Slot,
        _ given: UnsafePointer<lamina_state>,
        _ request: Request
    ) -> lamina_status {
        unsafe lamina_complete(slot, request, adopt(slot, given.pointee), 0)
    }

    private static func adopt(_ slot: Slot, _ given: lamina_state) -> Int32 {
        guard unsafe slot.pointee.context == nil else { return -EINVAL }
        guard let record = unsafe given.mode == UInt32(LAMINA_HANDOFF_FRESH) ? fresh(given) : read(given) else {
            return -EINVAL
        }
        let hasDescriptor = unsafe given.descriptor_count == 1
        guard unsafe hasDescriptor || (given.descriptor_count == 0 && record.flags & 1 != 0) else { return -EINVAL }
        var descriptor: Int32 = -1
        if hasDescriptor, let first = unsafe given.descriptors {
            descriptor = unsafe first.pointee
            var kind: [Int32] = [0, 0, 0, 0]
            let status = unsafe clinux_socket_kind(descriptor, &kind)
            guard status == 0 else { return status }
            guard kind[0] == record.family, kind[1] == record.type else { return -EINVAL }
            let nonBlocking = clinux_set_non_blocking(descriptor)
            guard nonBlocking == 0 else { return nonBlocking }
        }
        let state = unsafe UnsafeMutablePointer<SocketState>.make(
            slot,
            descriptor: descriptor,
            family: record.family,
            type: record.type,
            transport: record.transport
        )
        guard let state = unsafe state else { return -ENOMEM }
        // The descriptor is this socket's from here on.
        if hasDescriptor { unsafe given.descriptors?.pointee = -1 }
        unsafe state.pointee.isAnyFamily = record.flags & 1 != 0
        unsafe state.pointee.isBound = record.flags & 2 != 0
        unsafe state.pointee.isConnected = record.flags & 4 != 0
        unsafe state.pointee.isListening = record.flags & 8 != 0
        unsafe state.pointee.isWithoutDelay = record.flags & 16 != 0
        unsafe clinux_store_u32(state.field(\.hasReports), record.flags & 32 != 0 ? 1 : 0)
        unsafe state.pointee.inspected = record.inspected
        if record.flags & 64 != 0 {
            var destination = record.sendTo
            guard destination.form == UInt16(LAMINA_ADDRESS_SOCKET),
                unsafe destination.length <= UnsafeMutablePointer<lamina_address>.capacity,
                unsafe Destination.change(state, &destination, UInt32(LAMINA_CONNECT_SEND_ONLY)) == 0
            else {
                if descriptor >= 0 { _ = clinux_raw_close(descriptor) }
                unsafe state.pointee.descriptor = -1
                unsafe StatePool.give(state)
                return -EINVAL
            }
        }
        if descriptor >= 0, unsafe given.mode == UInt32(LAMINA_HANDOFF_FRESH) { unsafe state.applySettings() }
        unsafe slot.pointee.context = UnsafeMutableRawPointer(state)
        return 0
    }

    /// What another process's base wrote.
    private static func read(_ given: lamina_state) -> Record? {
        guard unsafe given.version == Record.version, unsafe given.length == MemoryLayout<Record>.size,
            let bytes = unsafe given.bytes
        else {
            return nil
        }
        return unsafe bytes.loadUnaligned(as: Record.self)
    }

    /// What the kernel says of a descriptor that came alone.
    private static func fresh(_ given: lamina_state) -> Record? {
        guard unsafe given.descriptor_count == 1, let descriptor = unsafe given.descriptors?.pointee else { return nil }
        var kind: [Int32] = [0, 0, 0, 0]
        guard unsafe clinux_socket_kind(descriptor, &kind) == 0 else { return nil }
        var record = Record(family: kind[0], type: kind[1], transport: kind[2], flags: 2)
        var peer = lamina_address()
        if unsafe kind[1] != streamType || Names.remote(descriptor, &peer) == 0 { record.flags |= 4 }
        if kind[3] != 0 { record.flags |= 8 }
        return record
    }
}
