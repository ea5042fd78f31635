import CLamina

/// A layer that delays calls and decides what becomes of each datagram that comes, before a call has it. Its sockets whose
/// state has `CallLanes(sortsDatagrams: true)` take datagrams from below themselves, each into room of its own, one
/// behind the other; receives of every form, looks and the receive backlog have them from there. So what goes up twice or later is
/// whole, with its sender and control data, whatever room the first call had.
public protocol SortsDatagrams: DelaysCalls, ReceiveFromCalls, ControlCalls, ~Copyable {
    /// What becomes of a datagram. Runs once for each that comes, in order, one at a time for a socket. Any thread; must not
    /// block.
    func arrived(_ datagram: borrowing ArrivedDatagram<State>) -> Arrival

    /// Whether there is anything to decide now, asked at each receive; yes unless the type says otherwise. Where there isn't,
    /// receives go to the levels below as they are, once nothing is kept any more.
    var sortsNow: Bool { get }
}

/// What becomes of a datagram that has come.
public enum Arrival: Sendable {
    /// It goes up.
    case up
    /// It goes up so many times. Descriptors among its control data go with the first.
    case copies(Int)
    /// It is lost.
    case dropped
    /// It goes up behind the next one that does, or when CLOCK_MONOTONIC reaches so many nanoseconds. Where one waits so
    /// already, it goes up itself, and that one behind it.
    case behindNext(until: Int64)
}

/// A datagram that has come, before any call has it.
public struct ArrivedDatagram<State: ~Copyable>: ~Copyable, ~Escapable {
    private let slot: UnsafeMutablePointer<lamina_slot>
    private let fetched: FetchedDatagram
    /// How many came before it in this socket.
    public let index: UInt64
    /// The bytes that those had.
    public let position: UInt64
    /// Whether one waits for the next to go up.
    public let hasOneBefore: Bool
    /// The time now, in nanoseconds of CLOCK_MONOTONIC.
    public let now: Int64

    @_lifetime(immortal)
    init(_ slot: UnsafeMutablePointer<lamina_slot>, _ fetched: FetchedDatagram, _ view: ArrivalView) {
        self.slot = slot
        self.fetched = fetched
        index = view.index
        position = view.position
        hasOneBefore = view.hasOneBefore
        now = view.now
    }

    /// Its bytes.
    public var bytes: RawSpan { @_lifetime(borrow self) get { fetched.bytes } }
    /// Who sent it; nil where the levels below didn't say. A copy.
    public var sender: Address? { fetched.sender.map { Address($0) } }
    /// The socket's state.
    public var state: State { unsafeAddress { Part.state(of: slot) } }
    /// The socket.
    public var socket: Socket { @_lifetime(borrow self) get { Socket(slot) } }
}

extension SortsDatagrams where Self: ~Copyable {
    /// Always.
    public var sortsNow: Bool { true }

    /// Counts what is kept to what receives would find, and passes other operations on.
    public func control(_ operation: ControlOperation, next: consuming Next<State>) -> Answer {
        let (slot, request) = (next.slot, next.request)
        guard operation.gets(Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_RECEIVE_BACKLOG)),
            let inbox = next.state.calls.sortingInbox(slot)
        else { return next.control(operation) }
        return Answer(
            ControlAnswer.value(UInt64(inbox.backlog(slot)), operation.operation.pointee).complete(slot, request)
        )
    }

    static func sorts(_ part: Part) -> Bool { part.layer(Self.self).pointee.sortsNow }

    static func judge(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ fetched: FetchedDatagram,
        _ view: ArrivalView
    ) -> Arrival {
        part.layer(Self.self).pointee.arrived(ArrivedDatagram(slot, fetched, view))
    }
}
