public import CLamina

/// Sees connects (connect, WskConnect, WSPConnect), and the fixed remote address of a datagram socket, on their way down.
public protocol ConnectCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`connect`) ended.
public protocol ConnectEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func connectEnded(_ ending: borrowing Ending<State>)
}

/// Sees connects that send the first bytes (WskConnectEx, ConnectEx, MSG_FASTOPEN), on their way down.
public protocol ConnectWithDataCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func connectWithData(_ address: Address, _ data: Outgoing, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`connect_with_data`) ended.
public protocol ConnectWithDataEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func connectWithDataEnded(_ ending: borrowing Ending<State>)
}

/// Sees sends on a connection (send, sendmsg, WskSend, WSPSend), on their way down.
public protocol SendCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func send(_ data: Outgoing, next: consuming Next<State>) -> Answer

    /// For the SDK: the same, with the arguments where the table's function has them, the flags above the count. The default
    /// is compiled with the layer's type.
    func _send(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ countAndFlags: UInt64,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status
}

/// Sees how such calls (`send`) ended.
public protocol SendEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func sendEnded(_ ending: borrowing Ending<State>)
}

/// Sees receives on a connection (recv, recvmsg, WskReceive, WSPRecv), on their way down.
public protocol ReceiveCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func receive(_ room: Incoming, next: consuming Next<State>) -> Answer

    /// For the SDK: the same, as `_send`.
    func _receive(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ countAndFlags: UInt64,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status
}

/// Sees how such calls (`receive`) ended.
public protocol ReceiveEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func receiveEnded(_ ending: borrowing Ending<State>)
}

/// Sees the end of one or both directions, with the last data (shutdown, WskDisconnect, WSPShutdown, WSPSendDisconnect), on its way down.
public protocol DisconnectCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func disconnect(_ how: DisconnectFlags, _ last: Outgoing, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`disconnect`) ended.
public protocol DisconnectEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func disconnectEnded(_ ending: borrowing Ending<State>)
}

extension ConnectCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ address: Address,
        _ flags: ConnectFlags,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.connect(address, flags: flags, next: Next(slot, request)).status
    }
}

extension ConnectEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.connectEnded(Ending(slot, request, moved: moved))
    }
}

extension ConnectWithDataCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ address: Address,
        _ data: Outgoing,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.connectWithData(address, data, next: Next(slot, request)).status
    }
}

extension ConnectWithDataEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.connectWithDataEnded(Ending(slot, request, moved: moved))
    }
}

extension SendCalls where Self: ~Copyable {
    /// For the SDK: `send`.
    @inlinable
    public func _send(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ countAndFlags: UInt64,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        send(Outgoing(buffers, countAndFlags: countAndFlags), next: Next(slot, request)).status
    }

    @inline(__always)
    static func enter(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee._send(slot, buffers, UInt64(flags) << 32 | UInt64(count), request)
    }
}

extension SendEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.sendEnded(Ending(slot, request, moved: moved))
    }
}

extension ReceiveCalls where Self: ~Copyable {
    /// For the SDK: `receive`.
    @inlinable
    public func _receive(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ countAndFlags: UInt64,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        receive(Incoming(buffers, countAndFlags: countAndFlags), next: Next(slot, request)).status
    }

    @inline(__always)
    static func enter(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee._receive(slot, buffers, UInt64(flags) << 32 | UInt64(count), request)
    }
}

extension ReceiveEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.receiveEnded(Ending(slot, request, moved: moved))
    }
}

extension DisconnectCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ how: DisconnectFlags,
        _ last: Outgoing,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.disconnect(how, last, next: Next(slot, request)).status
    }
}

extension DisconnectEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.disconnectEnded(Ending(slot, request, moved: moved))
    }
}
