import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Indications: what the engine sees on the descriptor goes up.
enum Events {
    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        if (set | clear) & IndicationGate.ofListeners != 0 {
            guard let acceptance = state.makeAcceptance() else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return acceptance.change(set: set, clear: clear, request)
        }
        guard let indicator = state.makeIndicator() else { return lamina_complete(slot, request, -ENOMEM, 0) }
        return indicator.change(set: set, clear: clear, request)
    }

    fileprivate nonisolated(unsafe) static let actions: UnsafePointer<IndicatorActions> = IndicatorActions(
        read: { owner, room in
            let state = owner.assumingMemoryBound(to: SocketState.self)
            return state.pointee.type == streamType
                ? Stream.indicate(state, room) : Datagram.indicate(state, room)
        },
        ending: { Stream.ending($0.assumingMemoryBound(to: SocketState.self)) },
        schedule: { $0.assumingMemoryBound(to: SocketState.self).watchDescriptor() }
    ).immortal
}

extension UnsafeMutablePointer<SocketState> {
    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator() -> UnsafeMutablePointer<Indicator>? {
        if let made = pointee.indicator { return made }
        let isDatagram = pointee.type != streamType
        let made = UnsafeMutablePointer<Indicator>.make(Events.actions, input, pointee.slot, isDatagram: isDatagram)
        group.lock()
        let first = pointee.indicator
        pointee.indicator = first ?? made
        group.unlock()
        if first != nil { made?.destroy() }
        return first ?? made
    }

    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeAcceptance() -> UnsafeMutablePointer<AcceptIndicator>? {
        if let made = pointee.acceptance { return made }
        let made = UnsafeMutablePointer<AcceptIndicator>.make(
            group,
            pointee.slot,
            { Accept.accept($0, $1, $2, $3) }
        )
        group.lock()
        let first = pointee.acceptance
        pointee.acceptance = first ?? made
        let isListening = pointee.isListening
        group.unlock()
        if first != nil { made?.destroy() } else if isListening { made?.listen() }
        return first ?? made
    }

    /// The socket takes connections from now on.
    func listens() {
        group.lock()
        pointee.isListening = true
        let acceptance = pointee.acceptance
        group.unlock()
        acceptance?.listen()
    }

    /// The connection stands: what was wanted before can be indicated.
    func connected() {
        group.lock()
        pointee.isConnected = true
        let indicator = pointee.indicator
        group.unlock()
        indicator?.schedule()
    }
}

extension Stream {
    /// Reads for an indication: bytes, or as `endStatus` says.
    fileprivate static func indicate(
        _ state: UnsafeMutablePointer<SocketState>,
        _ room: UnsafeMutablePointer<IndicationRoom>
    ) -> Int {
        var buffer = lamina_buffer(base: room.pointee.bytes, length: room.pointee.capacity)
        let received = take(state.pointee.descriptor, &buffer, 1, room.pointee.capacity, 0)
        return received > 0 || received == -Int(EAGAIN) ? received : Int(state.endStatus(received))
    }

    /// What a connection ended with whose data nobody has read: the kernel's error, which it tells once.
    fileprivate static func ending(_ state: UnsafeMutablePointer<SocketState>) -> Int32? {
        let ended = Int16(truncatingIfNeeded: Lanes.ended)
        let hints = Int32(ended) | Int32(POLLHUP) | Int32(POLLERR)
        guard clinux_raw_poll_now(state.pointee.descriptor, ended) & hints != 0 else { return nil }
        var failure: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let descriptor = state.pointee.descriptor
        guard clinux_raw_option(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) == 0, failure != 0 else {
            return state.pointee.broken
        }
        return state.endStatus(-Int(failure))
    }
}

extension Datagram {
    /// Reads one datagram for an indication.
    fileprivate static func indicate(
        _ state: UnsafeMutablePointer<SocketState>,
        _ room: UnsafeMutablePointer<IndicationRoom>
    ) -> Int {
        var buffer = lamina_buffer(base: room.pointee.bytes, length: room.pointee.capacity)
        return withUnsafeMutablePointer(to: &buffer) { buffer in
            var message = lamina_message()
            message.buffers = UnsafePointer(buffer)
            message.buffer_count = 1
            message.address = room.pointee.address
            message.control = room.pointee.control
            message.control_length = room.pointee.controlLength
            let received = receive(state, message.buffers, &message, 0)
            room.pointee.controlLength = received < 0 ? 0 : message.control_length
            room.pointee.flags = message.flags
            return received
        }
    }
}
