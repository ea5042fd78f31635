import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Listen and accept. A connection is its descriptor.
enum Accept: Acceptor {
    static func listen(_ slot: Slot, _ backlog: UInt32, _ request: Request) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let status = unsafe clinux_raw_listen(state.pointee.descriptor, Int32(clamping: backlog))
        if status == 0 { unsafe state.listens(backlog: Int(backlog)) }
        return unsafe lamina_complete(slot, request, status, 0)
    }

    static func accept(
        _ slot: Slot,
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        if let left = unsafe state.pointee.acceptance?.takeLeft() {
            return unsafe Accepting<Self>.complete(slot, request, with: left, local, remote)
        }
        let made = unsafe UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_ACCEPT, state.input, slot, request)
        guard let operation = unsafe made else { return unsafe lamina_complete(slot, request, -ENOMEM, 0) }
        unsafe operation.pointee.local = local
        unsafe operation.pointee.remote = remote
        // With inspection, the descriptor doesn't say when there is a connection to accept.
        if unsafe state.pointee.inspector == nil { _ = unsafe Lanes.drive(operation, state, POLLIN) }
        return unsafe Accepting<Self>.accept(operation)
    }

    static func take(_ lane: UnsafeMutablePointer<Lane>) -> Int {
        unsafe lane.state.pointee.inspector?.take() ?? takeUninspected(lane.state)
    }

    /// Connections that died while they waited are passed over.
    static func takeUninspected(_ state: UnsafeMutablePointer<SocketState>) -> Int {
        unsafe state.reading {
            while true {
                let descriptor = unsafe clinux_raw_accept(state.pointee.descriptor, nil, nil)
                switch descriptor {
                case -EINTR, -ECONNABORTED, -EPROTO, -ENETDOWN, -EHOSTDOWN, -EHOSTUNREACH, -ENETUNREACH, -ENONET:
                    continue
                default:
                    return Int(descriptor)
                }
            }
        }
    }

    static func shape(_ listener: Slot) -> (Int32, Int32, Int32) {
        guard let state = unsafe listener.state else { return (0, 0, 0) }
        return unsafe (state.pointee.family, state.pointee.type, state.pointee.transport)
    }

    static func inspection(_ lane: UnsafeMutablePointer<Lane>) -> lamina_inspect_id {
        unsafe lane.state.pointee.inspector?.lastTaken ?? lamina_inspect_id()
    }

    static func prepare(
        _ connection: Int,
        _ listener: Slot,
        _ inspection: lamina_inspect_id
    ) -> UnsafeMutableRawPointer? {
        let (family, type, transport) = unsafe shape(listener)
        let state = unsafe UnsafeMutablePointer<SocketState>.make(
            listener,
            descriptor: Int32(connection),
            family: family,
            type: type,
            transport: transport
        )
        guard let state = unsafe state else { return nil }
        unsafe state.pointee.isBound = true
        unsafe state.pointee.isConnected = true
        unsafe state.pointee.inspected = inspection
        unsafe state.applySettings()
        return UnsafeMutableRawPointer(state)
    }

    static func install(_ state: UnsafeMutableRawPointer, _ base: Slot) {
        unsafe state.assumingMemoryBound(to: SocketState.self).pointee.slot = base
        unsafe base.pointee.context = state
    }

    static func dismiss(_ state: UnsafeMutableRawPointer) {
        let state = unsafe state.assumingMemoryBound(to: SocketState.self)
        _ = unsafe clinux_raw_close(state.pointee.descriptor)
        unsafe StatePool.give(state)
    }

    static func discard(_ connection: Int) {
        _ = clinux_raw_close(Int32(connection))
    }

    static func write(
        _ base: Slot,
        local: UnsafeMutablePointer<lamina_address>?,
        remote: UnsafeMutablePointer<lamina_address>?
    ) {
        guard let state = unsafe base.state else { return }
        if let local = unsafe local { _ = unsafe Names.local(state.pointee.descriptor, local) }
        if let remote = unsafe remote { _ = unsafe Names.remote(state.pointee.descriptor, remote) }
    }

    static let answer: lamina_accepted_function = { _, accepted, status, context in
        unsafe Accepting<Accept>.answered(accepted, status, context)
    }
}
