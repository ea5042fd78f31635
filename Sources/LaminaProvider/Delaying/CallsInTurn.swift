import CLamina

// The methods of a layer that delays calls (`DelaysCalls`): each call takes its turn.

extension ConnectCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    public func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        let (slot, request) = (next.slot, next.request)
        let status = next.state.calls.enter(CallView(.connect, 0, address), slot, request) {
            withUnsafePointer(to: address.c) {
                HeldCall.make(LAMINA_ENTRY_CONNECT, slot, request, $0, flags.rawValue)
            }
        } pass: { _ in
            withUnsafePointer(to: address.c) { lamina_connect(slot, $0, flags.rawValue, request) }
        }
        return Answer(status)
    }
}

extension SendCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    public func send(_ data: Outgoing, next: consuming Next<State>) -> Answer {
        let (slot, request, flags) = (next.slot, next.request, data.bits)
        let (buffers, count) = (data.buffers, data.bufferCount)
        let view = CallView(.send, data.byteCount, isSplit: !data.flags.contains(.urgent))
        let status = next.state.calls.enter(view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_SEND, slot, request, buffers, count, flags)
        } pass: { limit in
            PartOfBuffers.with(buffers, Int(count), limit) { DirectLinks.send(slot, $0, $1, flags, request) }
        }
        return Answer(status)
    }
}

extension ReceiveCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    public func receive(_ room: Incoming, next: consuming Next<State>) -> Answer {
        let (slot, request, flags) = (next.slot, next.request, room.bits)
        let (buffers, count) = (room.buffers, room.bufferCount)
        let isLook = room.flags.contains(.peek)
        let view = CallView(.receive, room.byteCount, isSplit: room.flags.contains(.waitAll), isLook: isLook)
        let status = next.state.calls.enter(view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_RECEIVE, slot, request, buffers, count, flags)
        } pass: { limit in
            PartOfBuffers.with(buffers, Int(count), limit) { DirectLinks.receive(slot, $0, $1, flags, request) }
        }
        return Answer(status)
    }
}

extension DisconnectCalls where Self: DelaysCalls & ~Copyable {
    /// Lets a graceful one take its turn, and passes an abortive one on at once.
    public func disconnect(_ how: DisconnectFlags, _ last: Outgoing, next: consuming Next<State>) -> Answer {
        guard !how.contains(.abortive), !how.contains(.keepSending) else { return next.disconnect(how, last) }
        let (slot, request, buffers, count) = (next.slot, next.request, last.optionalBuffers, last.bufferCount)
        let view = CallView(.disconnect, last.byteCount, isSplit: true)
        let status = next.state.calls.enter(view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_DISCONNECT, slot, request, buffers, count, how.rawValue)
        } pass: { _ in
            lamina_disconnect(slot, buffers, count, how.rawValue, request)
        }
        return Answer(status)
    }
}

extension SendToCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    public func sendTo(_ datagram: OutgoingDatagram, next: consuming Next<State>) -> Answer {
        let (slot, request, message, flags) = (next.slot, next.request, datagram.message, datagram.flags)
        let view = CallView(.sendTo, datagram.data.byteCount, datagram.address)
        let status = next.state.calls.enter(view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_SEND_TO, slot, request, message, nil, flags)
        } pass: { _ in
            DirectLinks.sendTo(slot, message, flags, request)
        }
        return Answer(status)
    }
}

extension ReceiveFromCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    public func receiveFrom(_ room: IncomingDatagram, next: consuming Next<State>) -> Answer {
        let (slot, request, message, flags) = (next.slot, next.request, room.message, room.flags)
        let isLook = flags.contains(.peek) || flags.contains(.reports)
        let view = CallView(.receiveFrom, room.byteCount, isLook: isLook)
        let calls = next.state.calls
        let status = calls.enter(view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_RECEIVE_FROM, slot, request, UnsafePointer(message), message, flags.rawValue)
        } pass: { _ in
            calls.receiveFrom(slot, message, flags.rawValue, request)
        }
        return Answer(status)
    }
}

extension CallLanes {
    /// Passes a receive on: to the datagrams that the layer sorts, or to the levels below.
    func receiveFrom(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0, let inbox = sortingInbox(slot) else {
            return DirectLinks.receiveFrom(slot, message, flags, request)
        }
        return inbox.receive(slot, message, flags, request)
    }

    /// The datagrams that receives come to; nil: those of the levels below.
    func sortingInbox(_ slot: UnsafeMutablePointer<lamina_slot>) -> DatagramInbox? {
        guard let inbox, let part = Part(slot), let type = part.own.sortsDatagrams else { return nil }
        return type.sorts(part) || locked({ !inbox.isIdle }) ? inbox : nil
    }
}

extension HeldCall {
    /// An operation of a connect.
    fileprivate static func make(
        _ entry: Int,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32
    ) -> UnsafeMutablePointer<Operation>? {
        .make(entry, noLane, slot, request, address: address, flags: flags)
    }

    /// An operation with buffers.
    fileprivate static func make(
        _ entry: Int,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: UInt32
    ) -> UnsafeMutablePointer<Operation>? {
        .make(entry, noLane, slot, request, buffers: buffers, count: count, flags: flags)
    }

    /// An operation with a datagram; `results` is the caller's, of a receive.
    fileprivate static func make(
        _ entry: Int,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ message: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>?,
        _ flags: UInt32
    ) -> UnsafeMutablePointer<Operation>? {
        .make(
            entry,
            noLane,
            slot,
            request,
            messages: message,
            results: results,
            count: 1,
            flags: flags,
            isSend: results == nil
        )
    }
}
