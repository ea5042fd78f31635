public import CLamina

/// Sees datagrams on their way out (sendto, WskSendTo, WSPSendTo), on their way down.
public protocol SendToCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func sendTo(_ datagram: OutgoingDatagram, next: consuming Next<State>) -> Answer

    /// For the SDK: the same, with the arguments where the table's function has them. The default is compiled with the layer's
    /// type.
    func _sendTo(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status
}

/// Sees how such calls (`send_to`) ended.
public protocol SendToEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func sendToEnded(_ ending: borrowing Ending<State>)
}

/// Sees receives of one datagram (recvfrom, WskReceiveFrom, WSPRecvFrom), on their way down.
public protocol ReceiveFromCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func receiveFrom(_ room: IncomingDatagram, next: consuming Next<State>) -> Answer

    /// For the SDK: the same, with the arguments where the table's function has them. The default is compiled with the layer's
    /// type.
    func _receiveFrom(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status
}

/// Sees how such calls (`receive_from`) ended.
public protocol ReceiveFromEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. `datagram` is what came. Any thread; must not block.
    func receiveFromEnded(_ ending: borrowing Ending<State>, _ datagram: ReceivedDatagram)
}

/// Sees lists of datagrams on their way out (sendmmsg, WskSendMessages), on their way down.
public protocol SendMessagesCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func sendMessages(_ datagrams: Datagrams, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`send_messages`) ended.
public protocol SendMessagesEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func sendMessagesEnded(_ ending: borrowing Ending<State>)
}

/// Sees receives of several datagrams (recvmmsg), on their way down.
public protocol ReceiveMessagesCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func receiveMessages(_ datagrams: Datagrams, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`receive_messages`) ended.
public protocol ReceiveMessagesEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func receiveMessagesEnded(_ ending: borrowing Ending<State>)
}

extension SendToCalls where Self: ~Copyable {
    /// For the SDK: `sendTo`.
    @inlinable
    public func _sendTo(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        sendTo(OutgoingDatagram(message, flags), next: Next(slot, request)).status
    }

    @inline(__always)
    static func enter(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee._sendTo(slot, message, flags, request)
    }
}

extension SendToEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.sendToEnded(Ending(slot, request, moved: moved))
    }
}

extension ReceiveFromCalls where Self: ~Copyable {
    /// For the SDK: `receiveFrom`.
    @inlinable
    public func _receiveFrom(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        receiveFrom(IncomingDatagram(message, flags), next: Next(slot, request)).status
    }

    @inline(__always)
    static func enter(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee._receiveFrom(slot, message, flags, request)
    }
}

extension ReceiveFromEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64,
        _ detail: ReceivedDatagram
    ) {
        part.layer(Self.self).pointee.receiveFromEnded(Ending(slot, request, moved: moved), detail)
    }
}

extension SendMessagesCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ datagrams: Datagrams,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.sendMessages(datagrams, next: Next(slot, request)).status
    }
}

extension SendMessagesEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.sendMessagesEnded(Ending(slot, request, moved: moved))
    }
}

extension ReceiveMessagesCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ datagrams: Datagrams,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.receiveMessages(datagrams, next: Next(slot, request)).status
    }
}

extension ReceiveMessagesEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.receiveMessagesEnded(Ending(slot, request, moved: moved))
    }
}
