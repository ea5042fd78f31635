import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Indications: what the engine sees on the descriptor goes up.
enum Events {
    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        var set = set
        guard UnsafeMutablePointer<Inspector>.take(from: &set, clear, enable: { state.makeInspector() }) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        if set | clear == 0 { return lamina_complete(slot, request, 0, 0) }
        if (set | clear) & UnsafeMutablePointer<AcceptIndicator>.known != 0 {
            guard let acceptance = state.makeAcceptance() else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return acceptance.change(set: set, clear: clear, request)
        }
        guard let indicator = state.makeIndicator() else { return lamina_complete(slot, request, -ENOMEM, 0) }
        return indicator.change(set: set, clear: clear, request)
    }

    static func inspectComplete(
        _ slot: Slot,
        _ id: UnsafePointer<lamina_inspect_id>,
        _ action: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let inspector = state.pointee.inspector else { return lamina_complete(slot, request, -EINVAL, 0) }
        return inspector.complete(id.pointee, action, request)
    }

    fileprivate nonisolated(unsafe) static let inspections: UnsafePointer<InspectorActions> = Immortal.copy(
        InspectorActions(
            take: { Accept.takeUninspected($0.assumingMemoryBound(to: SocketState.self)) },
            names: { connection, local, remote in
                _ = Names.local(Int32(connection), local)
                _ = Names.remote(Int32(connection), remote)
            },
            reset: { connection in
                var reset = linger(l_onoff: 1, l_linger: 0)
                let length = socklen_t(MemoryLayout<linger>.size)
                _ = clinux_raw_set_option(Int32(connection), SOL_SOCKET, SO_LINGER, &reset, length)
                _ = clinux_raw_close(Int32(connection))
            },
            watch: { item in
                let slot = item.pointee.inspector.listener
                item.pointee.watch.descriptor = Int32(item.pointee.connection)
                item.pointee.watch.context = UnsafeMutableRawPointer(item)
                item.pointee.watch.function = { watch, _ in
                    guard let item = watch.pointee.context?.assumingMemoryBound(to: Inspected.self) else { return }
                    item.pointee.inspector.vanished(item.pointee.connection)
                }
                // Errors and resets are always told.
                _ = slot.upcalls.watch(slot, item.field(\.watch), 0)
            },
            unwatch: { item in
                let slot = item.pointee.inspector.listener
                slot.upcalls.unwatch(slot, item.field(\.watch))
            },
            schedule: { $0.assumingMemoryBound(to: SocketState.self).watchDescriptor() }
        )
    )

    fileprivate nonisolated(unsafe) static let actions: UnsafePointer<IndicatorActions> = Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                let state = owner.assumingMemoryBound(to: SocketState.self)
                return state.pointee.type == streamType
                    ? Stream.indicate(state, room) : Datagram.indicate(state, room)
            },
            ending: { Stream.ending($0.assumingMemoryBound(to: SocketState.self)) },
            backlog: { Stream.idealBacklog($0.assumingMemoryBound(to: SocketState.self)) },
            schedule: { $0.assumingMemoryBound(to: SocketState.self).watchDescriptor() }
        )
    )
}

extension UnsafeMutablePointer<SocketState> {
    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator() -> UnsafeMutablePointer<Indicator>? {
        group.lock()
        defer { group.unlock() }
        if let made = pointee.indicator { return made }
        let isDatagram = pointee.type != streamType
        pointee.indicator = .make(Events.actions, input, pointee.slot, isDatagram: isDatagram)
        return pointee.indicator
    }

    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeAcceptance() -> UnsafeMutablePointer<AcceptIndicator>? {
        group.lock()
        let first = pointee.acceptance
        let made = first ?? .make(group, pointee.slot, { Accept.accept($0, $1, $2, $3) })
        pointee.acceptance = made
        let isListening = pointee.isListening
        group.unlock()
        if first == nil, isListening { made?.listen() }
        return made
    }

    /// False: the socket listens already, or there is no memory.
    fileprivate func makeInspector() -> Bool {
        if pointee.inspector != nil { return true }
        guard !pointee.isListening else { return false }
        pointee.inspector = UnsafeMutablePointer<Inspector>.make(Events.inspections, input, pointee.slot)
        return pointee.inspector != nil
    }

    /// The socket takes connections from now on.
    func listens(backlog: Int) {
        group.lock()
        pointee.isListening = true
        let acceptance = pointee.acceptance
        group.unlock()
        pointee.inspector?.listen(backlog: backlog)
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
        var buffer = room.pointee.buffer
        let capacity = room.pointee.capacity
        let received = state.reading(capacity) { take(state.pointee.descriptor, &buffer, 1, capacity, 0) }
        return received > 0 || received == -Int(EAGAIN) ? received : Int(state.endStatus(received))
    }

    /// What TCP's congestion window holds, or else half of the send buffer.
    static func idealBacklog(_ state: UnsafeMutablePointer<SocketState>) -> Int {
        let descriptor = state.pointee.descriptor
        var information = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        if clinux_raw_option(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &information, &length) == 0 {
            return Int(information.tcpi_snd_cwnd) * Int(information.tcpi_snd_mss)
        }
        var room: Int32 = 0
        length = socklen_t(MemoryLayout<Int32>.size)
        return clinux_raw_option(descriptor, SOL_SOCKET, SO_SNDBUF, &room, &length) == 0 ? Int(room) / 2 : 0
    }

    /// What a connection ended with whose data nobody has read: the kernel's error, which it tells once.
    fileprivate static func ending(_ state: UnsafeMutablePointer<SocketState>) -> Int32? {
        guard state.mayHaveEnded else { return nil }
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
        var buffer = room.pointee.buffer
        return withUnsafePointer(to: &buffer) { buffer in
            var message = room.pointee.message(into: buffer)
            let received = receive(state, &message, 0)
            if received == -Int(EAGAIN) { Reports.collect(state) }
            room.pointee.note(message, received)
            return received
        }
    }
}
