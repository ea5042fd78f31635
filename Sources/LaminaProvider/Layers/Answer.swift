public import CLamina
import CLinux

/// What a layer answers a call with (`lamina_status`). Only `next` gives one: for the call that it passed on, or for the
/// end that it put to it. So a call is passed on once or ended once, and never forgotten.
public struct Answer: Sendable {
    @usableFromInline let status: lamina_status

    @inlinable @inline(__always)
    init(_ status: lamina_status) { self.status = status }
}

/// How a call ended, while its frame runs on the way up (a completion routine's IRP).
public struct Ending<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>
    @usableFromInline let request: UnsafeMutablePointer<lamina_request>
    /// The bytes of data that went out or came in for good, all datagrams' together: not those that were only looked at.
    public let moved: UInt64

    @inlinable @inline(__always) @_lifetime(immortal)
    init(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        moved: UInt64
    ) {
        self.slot = slot
        self.request = request
        self.moved = moved
    }

    /// 0, or a negative `errno`.
    @inlinable
    public var status: Int32 { request.pointee.status }

    /// Whether it failed.
    @inlinable
    public var hasFailed: Bool { request.pointee.status < 0 }

    /// The request's byte count; of `receive_messages` the number of datagrams.
    @inlinable
    public var bytes: UInt64 { request.pointee.bytes }

    /// How long the call took so far, in nanoseconds: of a connect, a send or a receive on a connection, for a type with
    /// `TimedEnds`. Reads the clock.
    public var elapsed: Int64 { clinux_monotonic() - Int64(truncatingIfNeeded: Frame.scratch(request)) }

    /// The label of the level that failed; nil where none did.
    public var failedLevel: String? { request.pointee.failed_level.map { String(cString: $0) } }

    /// Lets the call fail after all, with a positive `errno`. What it did stays done.
    public func fail(_ errno: Int32) { request.pointee.status = -Int32(clamping: errno.magnitude) }

    /// The socket's state.
    @inlinable
    public var state: State { @inline(__always) unsafeAddress { Part.state(of: slot) } }

    /// The socket.
    @inlinable
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }
}

/// What a layer answers an event with (`lamina_status` of an indication).
public struct EventAnswer: Sendable {
    @usableFromInline let status: lamina_status

    @inlinable @inline(__always)
    init(_ status: lamina_status) { self.status = status }

    /// The event was taken.
    @inlinable public static var taken: EventAnswer { EventAnswer(0) }
    /// It was not, and no more come until a receive was made and completed (STATUS_DATA_NOT_ACCEPTED); of an accepted
    /// socket: refused.
    @inlinable public static var refused: EventAnswer { EventAnswer(-EAGAIN) }

    /// Whether the event was taken, or its data are kept until they are released.
    @inlinable public var isTaken: Bool { status >= 0 }
    /// Whether its data are kept until they are released.
    @inlinable public var isKept: Bool { status == LAMINA_PENDING }
}
