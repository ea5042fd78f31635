import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Ends directions of a connection.
enum Disconnect {
    static func disconnect(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let known = LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE | LAMINA_DISCONNECT_KEEP_SENDING
        let hasData = unsafe byteCount(buffers, count) > 0
        guard flags & ~UInt32(known) == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE) != 0 {
            unsafe state.pointee.indicator?.stopEnding()
        }
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 {
            return unsafe lamina_complete(slot, request, hasData ? -EINVAL : abort(state), 0)
        }
        if flags & UInt32(LAMINA_DISCONNECT_KEEP_SENDING) != 0 {
            let isSensible = flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0 && !hasData
            let status = unsafe isSensible ? clinux_raw_shutdown(state.pointee.descriptor, shutReceiving) : -EINVAL
            return unsafe lamina_complete(slot, request, status, 0)
        }
        let lane = unsafe state.output
        let made = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_DISCONNECT,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        guard let operation = unsafe Lanes.drive(made, state, POLLOUT) else {
            return unsafe lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard unsafe lane.enter() else { return unsafe lane.submit(operation, slot, request, isInside: false) }
        guard unsafe attempt(operation, state) == .ended else {
            return unsafe lane.submit(operation, slot, request, isInside: true)
        }
        let (status, moved) = unsafe (operation.pointee.status, operation.pointee.moved)
        unsafe operation.dispose()
        return unsafe lane.leave(slot, request, status, moved)
    }

    private static var shutReceiving: Int32 { Int32(SHUT_RD) }

    /// Sends the last data, then ends the direction.
    static func attempt(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard unsafe Stream.attemptSend(operation, state) == .ended else { return .blocked }
        guard unsafe operation.pointee.status == 0 else { return .ended }
        let isBoth = unsafe operation.pointee.flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0
        unsafe operation.pointee.status = clinux_raw_shutdown(
            state.pointee.descriptor,
            Int32(isBoth ? SHUT_RDWR : SHUT_WR)
        )
        return .ended
    }

    /// Resets a TCP connection; a Unix one, which knows no reset, is shut down. What waits fails.
    private static func abort(_ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        let descriptor = unsafe state.pointee.descriptor
        var status: Int32
        if unsafe state.pointee.family == AF_UNIX {
            status = clinux_raw_shutdown(descriptor, Int32(SHUT_RDWR))
        } else {
            var nobody = sockaddr()
            nobody.sa_family = sa_family_t(AF_UNSPEC)
            status = unsafe clinux_raw_connect(descriptor, &nobody, socklen_t(MemoryLayout<sockaddr>.size))
        }
        if status == 0 {
            unsafe state.pointee.broken = -ECONNABORTED
            unsafe state.input.fail(-ECONNABORTED)
            unsafe state.output.fail(-ECONNABORTED)
        }
        return status
    }
}
