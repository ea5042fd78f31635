public import CLamina
import CLinux

/// A layer that decides when calls go on: each waits for its turn behind those that came before it in its direction, and
/// then `turn` says whether it is passed on, whole or in parts, waits, ends or fails; `passed` says when what came of it
/// goes up. The SDK keeps what a call names, keeps the order, and lets a cancel, a deadline or a close end what waits.
///
/// A type with `SendCalls`, `ReceiveCalls` and so on beside this one has those methods by it: the calls take their turns. A
/// connect and a graceful disconnect take theirs among the sends; an abortive one is passed on at once. Calls that the type
/// has no protocol for aren't delayed. A call that only tries never waits: it goes on, whole or in part, or fails with
/// `EAGAIN`. A wait costs an allocation; a call that is passed on at once costs none.
public protocol DelaysCalls: Layer, ~Copyable where State: KeepsCalls {
    /// What is to become of a call that is the first in its direction. Runs again when its time has come, and after each
    /// part that was passed on. Any thread, one at a time for a socket and direction; must not block.
    func turn(_ call: borrowing CallInTurn<State>) -> Turn

    /// When the end of a call that was passed on goes up, or of a part. Runs once for each, in order. Any thread; must not block.
    func passed(_ call: borrowing PassedCall<State>) -> Delivery
}

/// The state of a layer that delays calls.
public protocol KeepsCalls: ~Copyable, Sendable {
    /// Where the socket's calls wait: made with the state.
    var calls: CallLanes { get }
}

extension DelaysCalls where Self: ~Copyable {
    /// At once.
    public func passed(_ call: borrowing PassedCall<State>) -> Delivery { .now }
}

/// What becomes of a call.
public enum Turn: Sendable {
    /// It is passed on as it is.
    case pass
    /// At most so many bytes of it are passed on, at least one. What is left of a send has its turn when they have gone;
    /// a receive ends with them, unless it waits for all. A datagram is passed on whole.
    case passUpTo(Int)
    /// It waits until CLOCK_MONOTONIC reaches so many nanoseconds, or `CallLanes.wake`.
    case wait(until: Int64)
    /// It waits for `CallLanes.wake`, or until it is cancelled.
    case waitForever
    /// It ends with success and so many bytes beside those that went before: the levels below don't see it.
    case end(bytes: UInt64)
    /// A datagram that is sent ends with success, and so many copies of it go when CLOCK_MONOTONIC reaches so many nanoseconds,
    /// unless the socket has closed; what comes of them nobody hears. Other calls pass.
    case sendCopies(Int, at: Int64)
    /// It fails with a positive `errno`: the levels below don't see it.
    case fail(Int32)
}

/// When what came of a call goes up.
public enum Delivery: Sendable {
    /// At once, or behind those before it.
    case now
    /// When CLOCK_MONOTONIC reaches so many nanoseconds, or at the close; later ones of the direction wait behind it. A call
    /// that only tries isn't delayed.
    case later(Int64)
    /// At once, as a failure with a positive `errno`. What it did stays done.
    case fail(Int32)
}

/// Which call it is.
public enum DelayedKind: UInt32, Sendable {
    /// `connect`.
    case connect
    /// `send`.
    case send
    /// `receive`.
    case receive
    /// `disconnect`, gracefully, with its last bytes.
    case disconnect
    /// `send_to`.
    case sendTo
    /// `receive_from`.
    case receiveFrom

    /// 0 where it takes its turn among the sends, 1 among the receives.
    var direction: Int { self == .receive || self == .receiveFrom ? 1 : 0 }
}

/// A call whose turn it is.
public struct CallInTurn<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>
    // Whoever asks has it until the answer.
    @usableFromInline let view: UnsafeMutablePointer<CallView>

    @_lifetime(immortal)
    init(_ slot: UnsafeMutablePointer<lamina_slot>, _ view: UnsafeMutablePointer<CallView>) {
        self.slot = slot
        self.view = view
    }

    /// Which call.
    @inlinable
    public var kind: DelayedKind { view.pointee.kind }
    /// The bytes that are left to send, or the room that is left to receive into.
    @inlinable
    public var bytes: Int { view.pointee.bytes }
    /// The bytes that have gone before, in parts.
    @inlinable
    public var moved: UInt64 { view.pointee.moved }
    /// Whether `turn` is asked about it for the first time.
    @inlinable
    public var isNew: Bool { view.pointee.isNew }
    /// When it came, in nanoseconds of CLOCK_MONOTONIC. The first question about a call reads the clock.
    public var since: Int64 { view.pointee.since }
    /// The time now, likewise: the same as long as the turn lasts.
    public var now: Int64 { view.pointee.now }
    /// Where a connect or datagram goes; nil for others, and where the socket was connected to. A copy.
    @inlinable
    public var address: Address? { view.pointee.address.map { Address($0.pointee) } }

    /// The socket's state.
    @inlinable
    public var state: State { @inline(__always) unsafeAddress { Part.state(of: slot) } }
    /// The socket.
    @inlinable
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }
}

/// A call that was passed on, whole or a part of it, and has ended below.
public struct PassedCall<State: ~Copyable>: ~Copyable, ~Escapable {
    @usableFromInline let slot: UnsafeMutablePointer<lamina_slot>
    /// Which call.
    public let kind: DelayedKind
    /// 0, or a negative `errno`.
    public let status: Int32
    /// The bytes that were sent or received for good; 0 of one that looked.
    public let bytes: UInt64
    /// Whether it is a receive that came to the end of the stream.
    public let isEnd: Bool
    /// Whether it ended later than it was passed on: what it received wasn't there yet.
    public let hasWaited: Bool

    @_lifetime(immortal)
    init(_ slot: UnsafeMutablePointer<lamina_slot>, _ end: PassedView) {
        self.slot = slot
        kind = end.kind
        status = end.status
        bytes = end.bytes
        isEnd = end.isEnd
        hasWaited = end.hasWaited
    }

    /// The time now, in nanoseconds of CLOCK_MONOTONIC. Reads the clock each time.
    public var now: Int64 { clinux_monotonic() }
    /// The socket's state.
    @inlinable
    public var state: State { @inline(__always) unsafeAddress { Part.state(of: slot) } }
    /// The socket.
    @inlinable
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }
}

extension DelaysCalls where Self: ~Copyable {
    static func lanes(_ part: Part) -> CallLanes { part.state(of: Self.self).pointee.calls }

    static func ask(_ part: Part, _ slot: UnsafeMutablePointer<lamina_slot>, _ view: UnsafeMutablePointer<CallView>)
        -> Turn
    {
        part.layer(Self.self).pointee.turn(CallInTurn(slot, view))
    }

    static func tell(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ end: PassedView
    ) -> Delivery {
        part.layer(Self.self).pointee.passed(PassedCall(slot, end))
    }
}
