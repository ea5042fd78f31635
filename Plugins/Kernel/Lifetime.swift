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
        if slot.pointee.context != nil { return lamina_complete(slot, request, 0, 0) }
        let asked = arguments.pointee
        var descriptor: Int32 = -1
        if asked.family != AF_UNSPEC {
            descriptor = clinux_raw_socket(asked.family, asked.type, asked.protocol)
            guard descriptor >= 0 else { return lamina_complete(slot, request, descriptor, 0) }
        }
        let state = UnsafeMutablePointer<SocketState>.make(
            slot,
            descriptor: descriptor,
            family: asked.family,
            type: asked.type,
            transport: asked.protocol
        )
        guard let state else {
            if descriptor >= 0 { _ = clinux_raw_close(descriptor) }
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        state.pointee.isAnyFamily = asked.family == AF_UNSPEC
        if descriptor >= 0 { state.applySettings() }
        slot.pointee.context = UnsafeMutableRawPointer(state)
        return lamina_complete(slot, request, 0, 0)
    }

    static func close(_ slot: Slot, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, 0, 0) }
        state.pointee.closeRequest = request
        state.takeAddressWatch()?.close()
        state.group.close(state.input, state.output)
        // The last user has gone already, or it completes the request when it goes.
        let isPending = !state.field(\.closing).hasArrived
        if isPending { slot.upcalls.mark_pending(slot, request) }
        guard state.field(\.closing).arrive() else { return LAMINA_PENDING }
        StatePool.give(state)
        let status = lamina_complete(slot, request, 0, 0)
        return isPending ? LAMINA_PENDING : status
    }

    /// Nothing waits or runs on a socket that is being closed.
    static func finish(_ state: UnsafeMutablePointer<SocketState>) {
        let slot = state.pointee.slot
        let request = state.pointee.closeRequest
        state.stopWatching()
        state.pointee.indicator?.destroy()
        state.pointee.indicator = nil
        state.pointee.acceptance?.destroy()
        state.pointee.acceptance = nil
        state.pointee.inspector?.destroy()
        state.pointee.inspector = nil
        Reports.drop(state)
        if state.pointee.descriptor >= 0 { _ = clinux_raw_close(state.pointee.descriptor) }
        state.pointee.descriptor = -1
        slot.pointee.context = nil
        guard state.field(\.closing).arrive() else { return }
        StatePool.give(state)
        if let request { _ = lamina_complete(slot, request, 0, 0) }
    }
}
