import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Open and close.
enum Lifetime {
    static func open(
        _ slot: Slot,
        _ arguments: UnsafePointer<lamina_open_arguments>,
        _ request: Request
    ) -> lamina_status {
        // An accepted socket has its state before the levels above are asked.
        if unsafe slot.pointee.context != nil { return unsafe lamina_complete(slot, request, 0, 0) }
        let asked = unsafe arguments.pointee
        var descriptor: Int32 = -1
        if unsafe asked.family != AF_UNSPEC {
            descriptor = unsafe clinux_raw_socket(asked.family, asked.type, asked.protocol)
            guard descriptor >= 0 else { return unsafe lamina_complete(slot, request, descriptor, 0) }
        }
        let state = unsafe UnsafeMutablePointer<SocketState>.make(
            slot,
            descriptor: descriptor,
            family: asked.family,
            type: asked.type,
            transport: asked.protocol
        )
        guard let state = unsafe state else {
            if descriptor >= 0 { _ = clinux_raw_close(descriptor) }
            return unsafe lamina_complete(slot, request, -ENOMEM, 0)
        }
        unsafe state.pointee.isAnyFamily = asked.family == AF_UNSPEC
        if descriptor >= 0 { unsafe state.applySettings() }
        unsafe slot.pointee.context = UnsafeMutableRawPointer(state)
        return unsafe lamina_complete(slot, request, 0, 0)
    }

    static func close(_ slot: Slot, _ request: Request) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, 0, 0) }
        unsafe state.pointee.closeRequest = request
        unsafe state.takeAddressWatch()?.close()
        unsafe state.group.close(state.input, state.output)
        // The last user has gone already, or it completes the request when it goes.
        let isPending = unsafe !state.field(\.closing).hasArrived
        if isPending { unsafe slot.upcalls.mark_pending(slot, request) }
        guard unsafe state.field(\.closing).arrive() else { return LAMINA_PENDING }
        unsafe StatePool.give(state)
        let status = unsafe lamina_complete(slot, request, 0, 0)
        return isPending ? LAMINA_PENDING : status
    }

    /// Nothing waits or runs on a socket that is being closed.
    static func finish(_ state: UnsafeMutablePointer<SocketState>) {
        let slot = unsafe state.pointee.slot
        let request = unsafe state.pointee.closeRequest
        unsafe state.stopWatching()
        unsafe state.pointee.indicator?.destroy()
        unsafe state.pointee.indicator = nil
        unsafe state.pointee.acceptance?.destroy()
        unsafe state.pointee.acceptance = nil
        unsafe state.pointee.inspector?.destroy()
        unsafe state.pointee.inspector = nil
        unsafe Reports.drop(state)
        if unsafe state.pointee.descriptor >= 0 { _ = unsafe clinux_raw_close(state.pointee.descriptor) }
        unsafe state.pointee.descriptor = -1
        unsafe slot.pointee.context = nil
        guard unsafe state.field(\.closing).arrive() else { return }
        unsafe StatePool.give(state)
        if let request = unsafe request { _ = unsafe lamina_complete(slot, request, 0, 0) }
    }
}
