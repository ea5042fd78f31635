import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Listen and accept. A connection is its descriptor.
enum Accept: Acceptor {
    static func listen(_ slot: Slot, _ backlog: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        let status = clinux_raw_listen(state.pointee.descriptor, Int32(clamping: backlog))
        if status == 0 { state.listens(backlog: Int(backlog)) }
        return lamina_complete(slot, request, status, 0)
    }

    static func accept(
        _ slot: Slot,
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        if let left = state.pointee.acceptance?.takeLeft() {
            return Accepting<Self>.complete(slot, request, with: left, local, remote)
        }
        let made = UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_ACCEPT, state.input, slot, request)
        guard let operation = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        operation.pointee.local = local
        operation.pointee.remote = remote
        // With inspection, the descriptor doesn't say when there is a connection to accept.
        if state.pointee.inspector == nil { _ = Lanes.drive(operation, state, POLLIN) }
        return Accepting<Self>.accept(operation)
    }

    static func take(_ lane: UnsafeMutablePointer<Lane>) -> Int {
        lane.state.pointee.inspector?.take() ?? takeUninspected(lane.state)
    }

    /// Connections that died while they waited are passed over.
    static func takeUninspected(_ state: UnsafeMutablePointer<SocketState>) -> Int {
        state.reading {
            while true {
                let descriptor = clinux_raw_accept(state.pointee.descriptor, nil, nil)
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
        guard let state = listener.state else { return (0, 0, 0) }
        return (state.pointee.family, state.pointee.type, state.pointee.transport)
    }

    static func inspection(_ lane: UnsafeMutablePointer<Lane>) -> lamina_inspect_id {
        lane.state.pointee.inspector?.lastTaken ?? lamina_inspect_id()
    }

    static func prepare(
        _ connection: Int,
        _ listener: Slot,
        _ inspection: lamina_inspect_id
    ) -> UnsafeMutableRawPointer? {
        let (family, type, transport) = shape(listener)
        let state = UnsafeMutablePointer<SocketState>.make(
            listener,
            descriptor: Int32(connection),
            family: family,
            type: type,
            transport: transport
        )
        guard let state else { return nil }
        state.pointee.isBound = true
        state.pointee.isConnected = true
        state.pointee.inspected = inspection
        state.applySettings()
        return UnsafeMutableRawPointer(state)
    }

    static func install(_ state: UnsafeMutableRawPointer, _ base: Slot) {
        state.assumingMemoryBound(to: SocketState.self).pointee.slot = base
        base.pointee.context = state
    }

    static func dismiss(_ state: UnsafeMutableRawPointer) {
        let state = state.assumingMemoryBound(to: SocketState.self)
        _ = clinux_raw_close(state.pointee.descriptor)
        StatePool.give(state)
    }

    static func discard(_ connection: Int) {
        _ = clinux_raw_close(Int32(connection))
    }

    static func write(
        _ base: Slot,
        local: UnsafeMutablePointer<lamina_address>?,
        remote: UnsafeMutablePointer<lamina_address>?
    ) {
        guard let state = base.state else { return }
        if let local { _ = Names.local(state.pointee.descriptor, local) }
        if let remote { _ = Names.remote(state.pointee.descriptor, remote) }
    }

    static let answer: lamina_accepted_function = { _, accepted, status, context in
        Accepting<Accept>.answered(accepted, status, context)
    }
}
