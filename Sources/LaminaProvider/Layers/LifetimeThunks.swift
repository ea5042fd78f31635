import CLamina
import Glibc

/// The table's functions that begin and end a socket: they make its state and destroy it.
enum LifetimeThunks {
    /// Fills in those that a type needs.
    static func fill(_ table: inout lamina_table, _ own: Conformances, isStateless: Bool) {
        if !isStateless || own.seesSockets { table.open = open }
        if !isStateless || own.fills(LAMINA_ENTRY_CLOSE) { table.close = close }
        // What one process exports the other adopts.
        guard own.fills(LAMINA_ENTRY_EXPORT_STATE) || own.fills(LAMINA_ENTRY_ADOPT_STATE) else { return }
        table.export_state = exportState
        table.adopt_state = adoptState
    }

    private static let open: lamina_open_function = { slot, arguments, request in
        guard let level = Part(levelOf: slot) else { return lamina_complete(slot, request, -EINVAL, 0) }
        let status = begin(slot, level, nil)
        guard status == 0 else { return lamina_complete(slot, request, status, 0) }
        if !level.type.pointee.isStateless || level.own.openEnds != nil, !Frame.push(slot, request, opened, nil) {
            end(slot)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        if let status = ObserverThunks.note(slot, request, .open, .open(Opening(arguments))) { return status }
        let columns = Part(slot).flatMap { part in level.own.terminating?.columns(part) }
        columns?.begin(slot, arguments)
        if Opening(arguments).isFromBelow, let part = Part(slot), let handshakes = level.own.handshakes {
            handshakes.state(part).comesLate(Socket(slot))
        }
        guard let calls = level.own.openCalls, let part = Part(slot) else {
            return columns?.openPrimary(slot, arguments, request) ?? lamina_open(slot, arguments, request)
        }
        return calls.enter(part, Opening(arguments), slot, request)
    }

    private static let opened: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot) else { return 0 }
        if request.pointee.status < 0, closesBelow(part, slot, request, opened) { return LAMINA_MORE_PROCESSING }
        part.own.openEnds?.end(part, slot, request, 0)
        if request.pointee.status < 0 { end(slot) }
        return 0
    }

    private static let close: lamina_close_function = { slot, request in
        guard let part = Part(slot) else { return lamina_close(slot, request) }
        if !Frame.push(slot, request, closed, nil) {
            Socket(slot).log(.error, "no memory to close the socket with; its state stays behind")
        }
        if let status = ObserverThunks.note(slot, request, .close, .close) { return status }
        if let delays = part.own.delaysCalls { return delays.lanes(part).close(slot, request) }
        if let handshakes = part.own.handshakes, handshakes.state(part).isClosedLater(request) { return LAMINA_PENDING }
        return passClose(slot, request)
    }

    /// Lets the type, or the levels below, close.
    static func passClose(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let part = Part(slot), let calls = part.own.closeCalls else { return closeRest(slot, request) }
        return calls.enter(part, slot, request)
    }

    /// Closes the levels below. A terminating layer's columns are closed when the frame runs.
    private static func closeRest(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let part = Part(slot), part.own.terminating != nil else { return lamina_close(slot, request) }
        return lamina_complete(slot, request, 0, 0)
    }

    private static let closed: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot) else { return 0 }
        if closesBelow(part, slot, request, closed) { return LAMINA_MORE_PROCESSING }
        part.own.closeEnds?.end(part, slot, request, 0)
        end(slot)
        return 0
    }

    /// Whether the end of a socket waits for the columns below it: the frame runs again when they are closed. A caller that
    /// only tries doesn't wait.
    private static func closesBelow(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ frame: @escaping lamina_completion
    ) -> Bool {
        guard let columns = part.own.terminating?.columns(part), !columns.closeIfEmpty() else { return false }
        guard request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) == 0 else {
            columns.close { _ in }
            return false
        }
        slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
        let (status, bytes) = (request.pointee.status, request.pointee.bytes)
        columns.close { closeStatus in
            // There is room: this frame has just gone.
            _ = Frame.push(slot, request, frame, nil)
            _ = lamina_complete(slot, request, status < 0 ? status : closeStatus, bytes)
        }
        return true
    }

    private static let exportState: lamina_export_state_function = { slot, state, request in
        guard let part = Part(slot) else { return lamina_complete(slot, request, 0, 0) }
        if part.own.exportStateEnds != nil, !Frame.push(slot, request, exported, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        if let status = ObserverThunks.note(slot, request, .exportState, .exportState) { return status }
        guard let type = part.own.handsOver else { return lamina_complete(slot, request, 0, 0) }
        let phase = Int(state.pointee.phase)
        if let handshakes = part.own.handshakes, handshakes.state(part).isBusy,
            [LAMINA_EXPORT_ASK, LAMINA_EXPORT_FREEZE, LAMINA_EXPORT_WRITE].contains(phase)
        {
            return lamina_complete(slot, request, -EBUSY, 0)
        }
        guard phase == LAMINA_EXPORT_WRITE else { return lamina_complete(slot, request, 0, 0) }
        state.pointee.version = type.stateVersion
        let room = UnsafeMutableRawBufferPointer(start: state.pointee.bytes, count: state.pointee.capacity)
        let (count, fits) = type.write(part, room)
        state.pointee.length = count
        return lamina_complete(slot, request, fits ? 0 : -ENOBUFS, 0)
    }

    private static let exported: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.exportStateEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let adoptState: lamina_adopt_state_function = { slot, state, request in
        guard let level = Part(levelOf: slot) else { return lamina_complete(slot, request, -EINVAL, 0) }
        end(slot)
        let takesState = level.own.handsOver != nil
        let status = begin(slot, level, takesState ? state : nil)
        guard status == 0 else { return lamina_complete(slot, request, status, 0) }
        guard Frame.push(slot, request, adopted, nil) else {
            end(slot)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        let arguments = ObservedArguments.adoptState(byteCount: state.pointee.length)
        if let status = ObserverThunks.note(slot, request, .adoptState, arguments) { return status }
        // What nobody takes, the framework refuses.
        return takesState ? lamina_complete(slot, request, 0, 0) : lamina_adopt_state(slot, state, request)
    }

    private static let adopted: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot) else { return 0 }
        part.own.adoptStateEnds?.end(part, slot, request, 0)
        if request.pointee.status < 0 { end(slot) }
        return 0
    }

    /// Makes a socket's state, from what another process wrote of it where there is that.
    private static func begin(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ level: Part,
        _ adopted: UnsafePointer<lamina_state>?
    ) -> lamina_status {
        guard !level.type.pointee.isStateless else {
            slot.pointee.context = level.memory
            return 0
        }
        let type = level.type
        guard let memory = Part.allocate(size: type.pointee.stateSize, alignment: type.pointee.stateAlignment) else {
            return -ENOMEM
        }
        let part = Part(memory, type, value: level.valueMemory)
        do throws(Failure) {
            if let own = level.own.handsOver, let adopted,
                adopted.pointee.length > 0 || adopted.pointee.mode != UInt32(LAMINA_HANDOFF_FRESH)
            {
                try own.adopt(part, adopted, slot)
            } else {
                try type.pointee.type.begin(part, slot)
            }
            slot.pointee.context = memory
            return 0
        } catch {
            Part.free(memory, alignment: type.pointee.stateAlignment)
            if !error.message.isEmpty { Socket(slot).log(.warning, error.message) }
            return -error.errno
        }
    }

    /// Destroys a socket's state, where it has one.
    private static func end(_ slot: UnsafeMutablePointer<lamina_slot>) {
        guard let part = Part(slot) else { return }
        slot.pointee.context = nil
        guard !part.type.pointee.isStateless else { return }
        part.type.pointee.type.end(part, slot)
        Part.free(part.memory, alignment: part.type.pointee.stateAlignment)
    }
}

extension Layer where Self: ~Copyable {
    fileprivate static func begin(_ part: Part, _ slot: UnsafeMutablePointer<lamina_slot>) throws(Failure) {
        part.state(of: Self.self).initialize(to: try part.layer(Self.self).pointee.makeState(Socket(slot)))
    }

    fileprivate static func end(_ part: Part, _ slot: UnsafeMutablePointer<lamina_slot>) {
        part.layer(Self.self).pointee.ended(part.state(of: Self.self).move(), Socket(slot))
    }
}

extension HandsOver where Self: ~Copyable {
    fileprivate static func write(_ part: Part, _ room: UnsafeMutableRawBufferPointer) -> (count: Int, fits: Bool) {
        var bytes = StateBytes(room)
        part.layer(Self.self).pointee.export(part.state(of: Self.self).pointee, to: &bytes)
        return (bytes.count, bytes.fits)
    }

    fileprivate static func adopt(
        _ part: Part,
        _ adopted: UnsafePointer<lamina_state>,
        _ slot: UnsafeMutablePointer<lamina_slot>
    ) throws(Failure) {
        guard adopted.pointee.version == stateVersion else {
            throw Failure(EINVAL, "the state has version \(adopted.pointee.version), and this is \(stateVersion)")
        }
        let bytes = UnsafeRawBufferPointer(start: adopted.pointee.bytes, count: adopted.pointee.length)
        let state = try part.layer(Self.self).pointee.adopt(bytes.bytes, Socket(slot))
        part.state(of: Self.self).initialize(to: state)
    }
}
