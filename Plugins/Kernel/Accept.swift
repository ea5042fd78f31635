import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Listen and accept.
enum Accept {
    static func listen(_ slot: Slot, _ backlog: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        let status = clinux_raw_listen(state.pointee.descriptor, Int32(clamping: backlog))
        return lamina_complete(slot, request, status, 0)
    }

    static func accept(
        _ slot: Slot,
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        let lane = state.input
        let made = UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_ACCEPT, lane, slot, request)
        guard let operation = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        operation.pointee.local = local
        operation.pointee.remote = remote
        _ = Lanes.drive(operation, state, POLLIN)
        guard lane.enter() else { return lane.submit(operation, slot, request, isInside: false) }
        let descriptor = take(state.pointee.descriptor)
        if descriptor == -EAGAIN { return lane.submit(operation, slot, request, isInside: true) }
        guard descriptor >= 0, lane.pointee.group.pin() else {
            operation.discard()
            return lane.leave(slot, request, min(descriptor, 0), 0)
        }
        lane.leave()
        return admit(descriptor, operation)
    }

    /// One connection's descriptor, or a negative errno. Connections that died while they waited are passed over.
    private static func take(_ listener: Int32) -> Int32 {
        while true {
            let descriptor = clinux_raw_accept(listener, nil, nil)
            switch descriptor {
            case -EINTR, -ECONNABORTED, -EPROTO, -ENETDOWN, -EHOSTDOWN, -EHOSTUNREACH, -ENETUNREACH, -ENONET:
                continue
            default:
                return descriptor
            }
        }
    }

    /// Hands a connection to the levels above, inside the call that accepts; answers what the call returns.
    private static func admit(_ descriptor: Int32, _ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        let lane = operation.pointee.lane
        let (slot, request) = (operation.pointee.slot, operation.pointee.request)
        guard offer(descriptor, operation) else { return lane.end(operation) }
        if operation.pointee.handshake.hasArrived() {
            return operation.isRefused ? retry(operation) : lane.end(operation)
        }
        slot.upcalls.mark_pending(slot, request)
        if operation.pointee.handshake.arrive() { conclude(operation) }
        return LAMINA_PENDING
    }

    /// Accepts for an operation that waited.
    static func attempt(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        while true {
            let descriptor = take(state.pointee.descriptor)
            if descriptor == -EAGAIN { return .blocked }
            guard descriptor >= 0 else {
                operation.pointee.status = descriptor
                return .ended
            }
            guard offer(descriptor, operation) else { return .ended }
            guard operation.pointee.handshake.arrive() else { return .taken }
            guard operation.isRefused else { return .ended }
            operation.pointee.handshake = Handshake()
        }
    }

    /// Makes the new socket's column and asks the levels above; `answered` hears what they say. False: it failed, and
    /// the operation's status says why.
    private static func offer(_ descriptor: Int32, _ operation: UnsafeMutablePointer<Operation>) -> Bool {
        let listener = operation.pointee.slot
        guard let listening = listener.state else { return false }
        let (family, type) = (listening.pointee.family, listening.pointee.type)
        let transport = listening.pointee.transport
        let made = UnsafeMutablePointer<SocketState>.make(
            listener, descriptor: descriptor, family: family, type: type, transport: transport)
        guard let state = made else {
            _ = clinux_raw_close(descriptor)
            operation.pointee.status = -ENOMEM
            return false
        }
        var base: Slot?
        let status = listener.upcalls.accept_column(listener, family, type, transport, &base)
        guard status == 0, let base else {
            _ = clinux_raw_close(descriptor)
            StatePool.give(state)
            operation.pointee.status = status < 0 ? status : -ENOMEM
            return false
        }
        state.pointee.slot = base
        state.pointee.isBound = true
        state.applySettings()
        base.pointee.context = UnsafeMutableRawPointer(state)
        var remote = lamina_address()
        _ = Names.remote(descriptor, &remote)
        listener.upcalls.accept_ready(listener, base, &remote, answer, UnsafeMutableRawPointer(operation))
        return true
    }

    private static let answer: lamina_accepted_function = { _, accepted, status, context in
        guard let context else { return }
        answered(context.assumingMemoryBound(to: Operation.self), accepted, status)
    }

    private static func answered(_ operation: UnsafeMutablePointer<Operation>, _ accepted: Slot, _ status: Int32) {
        operation.isRefused = status < 0
        if status >= 0 {
            let column = accepted.pointee.column
            let request = operation.pointee.request
            request.pointee.socket = UnsafeMutableRawPointer(column + 1).assumingMemoryBound(to: lamina_slot.self)
            request.pointee.socket_generation = column.pointee.generation
            if let state = accepted.state {
                if let local = operation.pointee.local { _ = Names.local(state.pointee.descriptor, local) }
                if let remote = operation.pointee.remote { _ = Names.remote(state.pointee.descriptor, remote) }
            }
        }
        if operation.pointee.handshake.arrive() { conclude(operation) }
    }

    /// The levels above answered after the call had returned.
    private static func conclude(_ operation: UnsafeMutablePointer<Operation>) {
        if operation.isRefused { _ = retry(operation) } else { operation.pointee.lane.end(operation) }
    }

    /// Waits for another connection.
    private static func retry(_ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        operation.pointee.handshake = Handshake()
        return operation.pointee.lane.resubmit(operation)
    }
}

extension UnsafeMutablePointer<Operation> {
    /// Whether a level above refused the accepted socket.
    fileprivate var isRefused: Bool {
        get { pointee.plan != nil }
        nonmutating set { pointee.plan = newValue ? UnsafeMutableRawPointer(self) : nil }
    }
}
