import CLamina
import CLinux
import Glibc
import LaminaProvider

/// A connection that somebody else has made (`LAMINA_OPTION_DESCRIPTOR`).
enum TakenOver {
    /// Whether an operation that sets an option brings one.
    static func isMeant(_ asked: lamina_operation) -> Bool {
        unsafe asked.level == LAMINA_LEVEL && asked.code == UInt32(LAMINA_OPTION_DESCRIPTOR)
    }

    /// Goes on with the descriptor of the operation's input in a connect's place.
    static func takeOver(
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>,
        _ slot: Slot,
        _ request: Request
    ) -> lamina_status {
        guard unsafe asked.input_length == MemoryLayout<Int32>.size, let input = unsafe asked.input else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        // No connect is under way, and none begins meanwhile.
        let lane = unsafe state.output
        guard unsafe lane.enter() else { return unsafe lamina_complete(slot, request, -EALREADY, 0) }
        return unsafe lane.leave(slot, request, takeOver(input.loadUnaligned(as: Int32.self), state), 0)
    }

    private static func takeOver(_ descriptor: Int32, _ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        guard unsafe state.pointee.isAnyFamily, unsafe state.pointee.descriptor < 0 else { return -EISCONN }
        var kind: [Int32] = [0, 0, 0, 0]
        var status = unsafe clinux_socket_kind(descriptor, &kind)
        guard status == 0 else { return status }
        guard unsafe kind[1] == state.pointee.type else { return -EPROTOTYPE }
        var peer = lamina_address()
        status = unsafe Names.remote(descriptor, &peer)
        if status == 0 { status = clinux_set_non_blocking(descriptor) }
        guard status == 0 else { return status }
        unsafe state.pointee.descriptor = descriptor
        unsafe state.pointee.family = kind[0]
        unsafe state.pointee.isBound = true
        unsafe state.applySettings()
        unsafe state.connected()
        return 0
    }
}
