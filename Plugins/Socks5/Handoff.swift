import CLamina
import Glibc
import LaminaProvider

/// Export and adopt: where the program went, which the connection to the server doesn't say.
enum Handoff {
    private struct Record {
        static let version: UInt32 = 1
        var phase = Dial.Phase.idle
        var destination = lamina_address()
    }

    static func export(
        _ slot: Slot,
        _ asked: UnsafeMutablePointer<lamina_state>,
        _ request: Request
    ) -> lamina_status {
        guard let dial = slot.dial else { return lamina_complete(slot, request, -EBADF, 0) }
        let status: lamina_status =
            switch Int(asked.pointee.phase) {
            case LAMINA_EXPORT_ASK, LAMINA_EXPORT_FREEZE: dial.isBusy ? -EBUSY : 0
            case LAMINA_EXPORT_WRITE: dial.isBusy ? -EBUSY : write(dial, asked)
            case LAMINA_EXPORT_COMMIT, LAMINA_EXPORT_THAW: 0
            default: -EINVAL
            }
        return lamina_complete(slot, request, status, 0)
    }

    private static func write(
        _ dial: UnsafeMutablePointer<Dial>,
        _ asked: UnsafeMutablePointer<lamina_state>
    ) -> lamina_status {
        let size = MemoryLayout<Record>.size
        asked.pointee.version = Record.version
        asked.pointee.length = size
        guard asked.pointee.capacity >= size, let bytes = asked.pointee.bytes else { return -ENOBUFS }
        var record = Record(phase: dial.phase, destination: dial.pointee.destination)
        memcpy(bytes, &record, size)
        return 0
    }

    static func adopt(
        _ slot: Slot,
        _ given: UnsafePointer<lamina_state>,
        _ request: Request
    ) -> lamina_status {
        guard UnsafeMutablePointer<Dial>.begin(slot, isConnected: true) else {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        // A descriptor that came alone is as connected as it will be.
        if Int(given.pointee.mode) == LAMINA_HANDOFF_FRESH { return lamina_complete(slot, request, 0, 0) }
        var record = Record()
        guard given.pointee.version == Record.version, given.pointee.length == MemoryLayout<Record>.size,
            let bytes = given.pointee.bytes
        else {
            slot.dial?.end()
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        memcpy(&record, bytes, MemoryLayout<Record>.size)
        guard [Dial.Phase.idle, Dial.Phase.ready, Dial.Phase.broken].contains(record.phase) else {
            slot.dial?.end()
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        slot.dial?.resume(record.phase, record.destination)
        return lamina_complete(slot, request, 0, 0)
    }
}
