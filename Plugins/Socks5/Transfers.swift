import CLamina
import Glibc
import LaminaProvider

/// What a program does with a socket: it has to wait until the way is open, so that nothing of its own goes to the server.
enum Transfers {
    /// Whether the socket's data are the program's.
    private static func isOpen(_ slot: Slot) -> Bool { slot.dial?.phase == Dial.Phase.ready }

    static func send(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        return lamina_send(slot, buffers, count, flags, request)
    }

    static func receive(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        return lamina_receive(slot, buffers, count, flags, request)
    }

    static func disconnect(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        return lamina_disconnect(slot, buffers, count, flags, request)
    }

    /// What tells of data. What a listening socket tells is the levels' below.
    private static let ofData =
        UInt32(1) << UInt32(LAMINA_INDICATION_RECEIVE) | 1 << UInt32(LAMINA_INDICATION_DISCONNECT)
        | 1 << UInt32(LAMINA_INDICATION_SEND_BACKLOG)

    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let dial = slot.dial, dial.postpones(set: set & ofData, clear: clear & ofData) else {
            return lamina_enable_indications(slot, set, clear, request)
        }
        let (set, clear) = (set & ~ofData, clear & ~ofData)
        guard set | clear != 0 else { return lamina_complete(slot, request, 0, 0) }
        return lamina_enable_indications(slot, set, clear, request)
    }

    static func remoteAddress(
        _ slot: Slot,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot), let dial = slot.dial, dial.pointee.destination.form != UInt16(LAMINA_ADDRESS_NONE) else {
            return lamina_remote_address(slot, address, request)
        }
        address.pointee = dial.pointee.destination
        return lamina_complete(slot, request, 0, 0)
    }
}
