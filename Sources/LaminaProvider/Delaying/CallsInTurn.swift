public import CLamina

// The methods of a layer that delays calls (`DelaysCalls`): each call takes its turn. They are compiled into the layer, which
// knows where its state has the lanes.

extension ConnectCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    @inlinable
    public func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        Answer(CallsInTurn(next.state).connect(address, flags, next.slot, next.request))
    }
}

extension SendCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    @inlinable
    public func send(_ data: Outgoing, next: consuming Next<State>) -> Answer {
        Answer(CallsInTurn(next.state).send(data, next.slot, next.request))
    }
}

extension ReceiveCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    @inlinable
    public func receive(_ room: Incoming, next: consuming Next<State>) -> Answer {
        Answer(CallsInTurn(next.state).receive(room, next.slot, next.request))
    }
}

extension DisconnectCalls where Self: DelaysCalls & ~Copyable {
    /// Lets a graceful one take its turn, and passes an abortive one on at once.
    @inlinable
    public func disconnect(_ how: DisconnectFlags, _ last: Outgoing, next: consuming Next<State>) -> Answer {
        guard !how.contains(.abortive), !how.contains(.keepSending) else { return next.disconnect(how, last) }
        return Answer(CallsInTurn(next.state).disconnect(how, last, next.slot, next.request))
    }
}

extension SendToCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    @inlinable
    public func sendTo(_ datagram: OutgoingDatagram, next: consuming Next<State>) -> Answer {
        Answer(CallsInTurn(next.state).sendTo(datagram, next.slot, next.request))
    }
}

extension ReceiveFromCalls where Self: DelaysCalls & ~Copyable {
    /// Lets the call take its turn.
    @inlinable
    public func receiveFrom(_ room: IncomingDatagram, next: consuming Next<State>) -> Answer {
        Answer(CallsInTurn(next.state).receiveFrom(room, next.slot, next.request))
    }
}

/// The calls, one an entry, into the lanes of a socket whose state keeps them as long as a call lasts: without a reference
/// of their own.
@usableFromInline
struct CallsInTurn {
    @usableFromInline let lanes: Unmanaged<CallLanes>

    @inlinable @inline(__always)
    init(_ state: borrowing some KeepsCalls & ~Copyable) { lanes = .passUnretained(state.calls) }

    @usableFromInline
    func connect(
        _ address: Address,
        _ flags: ConnectFlags,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        withUnsafePointer(to: address.c) { address in
            var view = CallView(.connect, 0, address)
            return enter(&view, slot, request) {
                HeldCall.make(LAMINA_ENTRY_CONNECT, slot, request, address, flags.rawValue)
            } pass: { _ in
                lamina_connect(slot, address, flags.rawValue, request)
            }
        }
    }

    @usableFromInline
    func send(
        _ data: Outgoing,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let (buffers, count, flags) = (data.buffers, data.bufferCount, data.bits)
        var view = CallView(.send, data.byteCount, isSplit: !data.flags.contains(.urgent))
        return enter(&view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_SEND, slot, request, buffers, count, flags)
        } pass: { limit in
            PartOfBuffers.with(buffers, Int(count), limit) { DirectLinks.send(slot, $0, $1, flags, request) }
        }
    }

    @usableFromInline
    func receive(
        _ room: Incoming,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let (buffers, count, flags) = (room.buffers, room.bufferCount, room.bits)
        let isLook = room.flags.contains(.peek)
        var view = CallView(.receive, room.byteCount, isSplit: room.flags.contains(.waitAll), isLook: isLook)
        return enter(&view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_RECEIVE, slot, request, buffers, count, flags)
        } pass: { limit in
            PartOfBuffers.with(buffers, Int(count), limit) { DirectLinks.receive(slot, $0, $1, flags, request) }
        }
    }

    @usableFromInline
    func disconnect(
        _ how: DisconnectFlags,
        _ last: Outgoing,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let (buffers, count) = (last.optionalBuffers, last.bufferCount)
        var view = CallView(.disconnect, last.byteCount, isSplit: true)
        return enter(&view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_DISCONNECT, slot, request, buffers, count, how.rawValue)
        } pass: { _ in
            lamina_disconnect(slot, buffers, count, how.rawValue, request)
        }
    }

    @usableFromInline
    func sendTo(
        _ datagram: OutgoingDatagram,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let (message, flags) = (datagram.message, datagram.flags)
        var view = CallView(.sendTo, datagram.data.byteCount, UnsafePointer(message.pointee.address))
        return enter(&view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_SEND_TO, slot, request, message, nil, flags)
        } pass: { _ in
            DirectLinks.sendTo(slot, message, flags, request)
        }
    }

    @usableFromInline
    func receiveFrom(
        _ room: IncomingDatagram,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let (message, flags) = (room.message, room.flags)
        let isLook = flags.contains(.peek) || flags.contains(.reports)
        var view = CallView(.receiveFrom, room.byteCount, isLook: isLook)
        return enter(&view, slot, request) {
            HeldCall.make(LAMINA_ENTRY_RECEIVE_FROM, slot, request, UnsafePointer(message), message, flags.rawValue)
        } pass: { _ in
            lanes._withUnsafeGuaranteedRef { $0.receiveFrom(slot, message, flags.rawValue, request) }
        }
    }

    private func enter(
        _ call: inout CallView,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        keep: () -> UnsafeMutablePointer<Operation>?,
        pass: (Int) -> lamina_status
    ) -> lamina_status {
        lanes._withUnsafeGuaranteedRef { $0.enter(&call, slot, request, keep: keep, pass: pass) }
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
