import CLamina

/// Sees options, ioctls and extensions (getsockopt, setsockopt, ioctl, WskControlSocket, WSPIoctl), on their way down.
public protocol ControlCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func control(_ operation: ControlOperation, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`control`) ended.
public protocol ControlEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func controlEnded(_ ending: borrowing Ending<State>)
}

/// Sees binds of a local address (bind, WskBind, WSPBind); `flags` is 0, on their way down.
public protocol BindCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func bind(_ address: Address, flags: UInt32, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`bind`) ended.
public protocol BindEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func bindEnded(_ ending: borrowing Ending<State>)
}

/// Sees the start of listening (listen, WskListen, WSPListen), on its way down.
public protocol ListenCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func listen(backlog: UInt32, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`listen`) ended.
public protocol ListenEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func listenEnded(_ ending: borrowing Ending<State>)
}

/// Sees accepts (accept, WskAccept, WSPAccept), on their way down.
public protocol AcceptCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func accept(_ room: AddressRoom, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`accept`) ended.
public protocol AcceptEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. `addresses` holds the accepting end and the peer, where the caller asked for them. Any thread; must not block.
    func acceptEnded(_ ending: borrowing Ending<State>, _ addresses: AddressRoom)
}

/// Sees answers to inspections that were left pending (WskInspectComplete), on their way down.
public protocol InspectCompleteCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func inspectComplete(_ id: InspectionID, accepts: Bool, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`inspect_complete`) ended.
public protocol InspectCompleteEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func inspectCompleteEnded(_ ending: borrowing Ending<State>)
}

/// Sees questions for the socket's own address (getsockname, WskGetLocalAddress, WSPGetSockName), on their way down.
public protocol LocalAddressCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func localAddress(_ room: AddressRoom, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`local_address`) ended.
public protocol LocalAddressEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. `address` is what was answered. Any thread; must not block.
    func localAddressEnded(_ ending: borrowing Ending<State>, _ address: Address?)
}

/// Sees questions for the peer's address (getpeername, WskGetRemoteAddress, WSPGetPeerName), on their way down.
public protocol RemoteAddressCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func remoteAddress(_ room: AddressRoom, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`remote_address`) ended.
public protocol RemoteAddressEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. `address` is what was answered. Any thread; must not block.
    func remoteAddressEnded(_ ending: borrowing Ending<State>, _ address: Address?)
}

/// Sees retained data on their way back (WskRelease), on their way down.
public protocol ReleaseCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func release(_ data: IndicatedData, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`release`) ended.
public protocol ReleaseEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func releaseEnded(_ ending: borrowing Ending<State>)
}

/// Sees changes of the indications that the level above wants (SO_WSK_EVENT_CALLBACK), on their way down.
public protocol EnableIndicationsCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func enableIndications(_ set: IndicationSet, clear: IndicationSet, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`enable_indications`) ended.
public protocol EnableIndicationsEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func enableIndicationsEnded(_ ending: borrowing Ending<State>)
}

extension ControlCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ operation: ControlOperation,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.control(operation, next: Next(slot, request)).status
    }
}

extension ControlEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.controlEnded(Ending(slot, request, moved: moved))
    }
}

extension BindCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ address: Address,
        _ flags: UInt32,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.bind(address, flags: flags, next: Next(slot, request)).status
    }
}

extension BindEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.bindEnded(Ending(slot, request, moved: moved))
    }
}

extension ListenCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ backlog: UInt32,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.listen(backlog: backlog, next: Next(slot, request)).status
    }
}

extension ListenEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.listenEnded(Ending(slot, request, moved: moved))
    }
}

extension AcceptCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ room: AddressRoom,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.accept(room, next: Next(slot, request)).status
    }
}

extension AcceptEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64,
        _ detail: AddressRoom
    ) {
        part.layer(Self.self).pointee.acceptEnded(Ending(slot, request, moved: moved), detail)
    }
}

extension InspectCompleteCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ id: InspectionID,
        _ accepts: Bool,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.inspectComplete(id, accepts: accepts, next: Next(slot, request)).status
    }
}

extension InspectCompleteEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.inspectCompleteEnded(Ending(slot, request, moved: moved))
    }
}

extension LocalAddressCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ room: AddressRoom,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.localAddress(room, next: Next(slot, request)).status
    }
}

extension LocalAddressEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64,
        _ detail: Address?
    ) {
        part.layer(Self.self).pointee.localAddressEnded(Ending(slot, request, moved: moved), detail)
    }
}

extension RemoteAddressCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ room: AddressRoom,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.remoteAddress(room, next: Next(slot, request)).status
    }
}

extension RemoteAddressEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64,
        _ detail: Address?
    ) {
        part.layer(Self.self).pointee.remoteAddressEnded(Ending(slot, request, moved: moved), detail)
    }
}

extension ReleaseCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ data: IndicatedData,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.release(data, next: Next(slot, request)).status
    }
}

extension ReleaseEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.releaseEnded(Ending(slot, request, moved: moved))
    }
}

extension EnableIndicationsCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ set: IndicationSet,
        _ clear: IndicationSet,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.enableIndications(set, clear: clear, next: Next(slot, request)).status
    }
}

extension EnableIndicationsEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.enableIndicationsEnded(Ending(slot, request, moved: moved))
    }
}
