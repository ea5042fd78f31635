import CLamina

/// Sees sockets that open (socket, WskSocket, WSPSocket); the state is there already, on their way down.
public protocol OpenCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func open(_ opening: Opening, next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`open`) ended.
public protocol OpenEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func openEnded(_ ending: borrowing Ending<State>)
}

/// Sees sockets that close (close, WskCloseSocket, WSPCloseSocket): no call enters them any more. Can't be refused, on their way down.
public protocol CloseCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread; must not block.
    func close(next: consuming Next<State>) -> Answer
}

/// Sees how such calls (`close`) ended.
public protocol CloseEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func closeEnded(_ ending: borrowing Ending<State>)
}

/// Sees how questions for a socket's state ended, on its way to another process (WSPDuplicateSocket). The framework asks each
/// level by itself, more than once for a handover.
public protocol ExportStateEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func exportStateEnded(_ ending: borrowing Ending<State>)
}

/// Sees how sockets began that came from another process, in the place of `open`.
public protocol AdoptStateEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func adoptStateEnded(_ ending: borrowing Ending<State>)
}

extension OpenCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ opening: Opening,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.open(opening, next: Next(slot, request)).status
    }
}

extension OpenEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.openEnded(Ending(slot, request, moved: moved))
    }
}

extension CloseCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.close(next: Next(slot, request)).status
    }
}

extension CloseEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.closeEnded(Ending(slot, request, moved: moved))
    }
}

extension ExportStateEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.exportStateEnded(Ending(slot, request, moved: moved))
    }
}

extension AdoptStateEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.adoptStateEnded(Ending(slot, request, moved: moved))
    }
}
