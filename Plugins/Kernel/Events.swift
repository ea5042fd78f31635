import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Indications: what the engine sees on the descriptor goes up.
enum Events {
    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        var set = set
        guard unsafe UnsafeMutablePointer<Inspector>.take(from: &set, clear, enable: { unsafe state.makeInspector() })
        else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        if set | clear == 0 { return unsafe lamina_complete(slot, request, 0, 0) }
        if unsafe (set | clear) & UnsafeMutablePointer<AcceptIndicator>.known != 0 {
            guard let acceptance = unsafe state.makeAcceptance() else {
                return unsafe lamina_complete(slot, request, -ENOMEM, 0)
            }
            return unsafe acceptance.change(set: set, clear: clear, request)
        }
        guard let indicator = unsafe state.makeIndicator() else {
            return unsafe lamina_complete(slot, request, -ENOMEM, 0)
        }
        return unsafe indicator.change(set: set, clear: clear, request)
    }

    static func inspectComplete(
        _ slot: Slot,
        _ id: UnsafePointer<lamina_inspect_id>,
        _ action: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard let inspector = unsafe state.pointee.inspector else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        return unsafe inspector.complete(id.pointee, action, request)
    }

    fileprivate nonisolated(unsafe) static let inspections: UnsafePointer<InspectorActions> = unsafe Immortal.copy(
        InspectorActions(
            take: { unsafe Accept.takeUninspected($0.assumingMemoryBound(to: SocketState.self)) },
            names: { connection, local, remote in
                _ = unsafe Names.local(Int32(connection), local)
                _ = unsafe Names.remote(Int32(connection), remote)
            },
            reset: { connection in
                var reset = linger(l_onoff: 1, l_linger: 0)
                let length = socklen_t(MemoryLayout<linger>.size)
                _ = unsafe clinux_raw_set_option(Int32(connection), SOL_SOCKET, SO_LINGER, &reset, length)
                _ = clinux_raw_close(Int32(connection))
            },
            watch: { item in
                let slot = unsafe item.pointee.inspector.listener
                unsafe item.pointee.watch.descriptor = Int32(item.pointee.connection)
                unsafe item.pointee.watch.context = UnsafeMutableRawPointer(item)
                unsafe item.pointee.watch.function = { watch, _ in
                    guard let item = unsafe watch.pointee.context?.assumingMemoryBound(to: Inspected.self) else {
                        return
                    }
                    unsafe item.pointee.inspector.vanished(item.pointee.connection)
                }
                // Errors and resets are always told.
                _ = unsafe slot.upcalls.watch(slot, item.field(\.watch), 0)
            },
            unwatch: { item in
                let slot = unsafe item.pointee.inspector.listener
                unsafe slot.upcalls.unwatch(slot, item.field(\.watch))
            },
            schedule: { unsafe $0.assumingMemoryBound(to: SocketState.self).watchDescriptor() }
        )
    )

    fileprivate nonisolated(unsafe) static let actions: UnsafePointer<IndicatorActions> = unsafe Immortal.copy(
        IndicatorActions(
            read: { owner, room in
                let state = unsafe owner.assumingMemoryBound(to: SocketState.self)
                return unsafe state.pointee.type == streamType
                    ? Stream.indicate(state, room) : Datagram.indicate(state, room)
            },
            ending: { unsafe Stream.ending($0.assumingMemoryBound(to: SocketState.self)) },
            backlog: { unsafe Stream.idealBacklog($0.assumingMemoryBound(to: SocketState.self)) },
            schedule: { unsafe $0.assumingMemoryBound(to: SocketState.self).watchDescriptor() }
        )
    )
}

extension UnsafeMutablePointer<SocketState> {
    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeIndicator() -> UnsafeMutablePointer<Indicator>? {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        if let made = unsafe pointee.indicator { return unsafe made }
        let isDatagram = unsafe pointee.type != streamType
        unsafe pointee.indicator = .make(Events.actions, input, pointee.slot, isDatagram: isDatagram)
        return unsafe pointee.indicator
    }

    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeAcceptance() -> UnsafeMutablePointer<AcceptIndicator>? {
        unsafe group.lock()
        let first = unsafe pointee.acceptance
        let made = unsafe first ?? .make(group, pointee.slot, { unsafe Accept.accept($0, $1, $2, $3) })
        unsafe pointee.acceptance = made
        let isListening = unsafe pointee.isListening
        unsafe group.unlock()
        if unsafe first == nil, isListening { unsafe made?.listen() }
        return unsafe made
    }

    /// False: the socket listens already, or there is no memory.
    fileprivate func makeInspector() -> Bool {
        if unsafe pointee.inspector != nil { return true }
        guard unsafe !pointee.isListening else { return false }
        unsafe pointee.inspector = UnsafeMutablePointer<Inspector>.make(Events.inspections, input, pointee.slot)
        return unsafe pointee.inspector != nil
    }

    /// The socket takes connections from now on.
    func listens(backlog: Int) {
        unsafe group.lock()
        unsafe pointee.isListening = true
        let acceptance = unsafe pointee.acceptance
        unsafe group.unlock()
        unsafe pointee.inspector?.listen(backlog: backlog)
        unsafe acceptance?.listen()
    }

    /// The connection stands: what was wanted before can be indicated.
    func connected() {
        unsafe group.lock()
        unsafe pointee.isConnected = true
        let indicator = unsafe pointee.indicator
        unsafe group.unlock()
        unsafe indicator?.schedule()
    }
}

extension Stream {
    /// Reads for an indication: bytes, or as `endStatus` says.
    fileprivate static func indicate(
        _ state: UnsafeMutablePointer<SocketState>,
        _ room: UnsafeMutablePointer<IndicationRoom>
    ) -> Int {
        var buffer = unsafe room.pointee.buffer
        let capacity = unsafe room.pointee.capacity
        let received = unsafe state.reading(capacity) { unsafe take(state.pointee.descriptor, &buffer, 1, capacity, 0) }
        return unsafe received > 0 || received == -Int(EAGAIN) ? received : Int(state.endStatus(received))
    }

    /// What TCP's congestion window holds, or else half of the send buffer.
    static func idealBacklog(_ state: UnsafeMutablePointer<SocketState>) -> Int {
        let descriptor = unsafe state.pointee.descriptor
        var information = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        if unsafe clinux_raw_option(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &information, &length) == 0 {
            return Int(information.tcpi_snd_cwnd) * Int(information.tcpi_snd_mss)
        }
        var room: Int32 = 0
        length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe clinux_raw_option(descriptor, SOL_SOCKET, SO_SNDBUF, &room, &length) == 0 ? Int(room) / 2 : 0
    }

    /// What a connection ended with whose data nobody has read: the kernel's error, which it tells once.
    fileprivate static func ending(_ state: UnsafeMutablePointer<SocketState>) -> Int32? {
        guard unsafe state.mayHaveEnded else { return nil }
        var failure: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let descriptor = unsafe state.pointee.descriptor
        guard unsafe clinux_raw_option(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) == 0, failure != 0 else {
            return unsafe state.pointee.broken
        }
        return unsafe state.endStatus(-Int(failure))
    }
}

extension Datagram {
    /// Reads one datagram for an indication.
    fileprivate static func indicate(
        _ state: UnsafeMutablePointer<SocketState>,
        _ room: UnsafeMutablePointer<IndicationRoom>
    ) -> Int {
        var buffer = unsafe room.pointee.buffer
        return unsafe withUnsafePointer(to: &buffer) { buffer in
            var message = unsafe room.pointee.message(into: buffer)
            let received = unsafe receive(state, &message, 0)
            if received == -Int(EAGAIN) { unsafe Reports.collect(state) }
            unsafe room.pointee.note(message, received)
            return received
        }
    }
}
