/// A layer that ends a socket's column (a terminating level): it opens columns of the rest of the chain, none, one or
/// several, for fail-over, pools, replay, or a proxy with connections of its own. One of them is the socket's primary column.
///
/// By default there is one column: it opens with the socket, is the primary, and closes with it, so that a type without any
/// other protocol does what a layer does that isn't there. `OpenCalls` is for those that open others, or open later. All
/// columns close with the socket, whoever opened them.
///
/// Protocols for entries work as on every layer: what `next` passes on goes to the primary column, as entries do that the type
/// has no protocol for; EOPNOTSUPP where there is none. What it sees by one entry doesn't go past it by another: beside
/// `ConnectCalls` or `SendCalls`, a connect that sends its first bytes comes as a connect, then as a send, each to the type's own
/// method or to the primary; the last bytes of a disconnect come as a send, and lists of datagrams one by one. Indications of
/// lower columns aren't told.
///
/// Such a layer has the effect `.observe` or `.transform`, or makes no level; its sockets go to no other process,
/// whatever its description says.
public protocol TerminatingLayer: Layer, ~Copyable {
    /// What the layer keeps for each socket, the lower columns among it.
    associatedtype State: ~Copyable, KeepsColumns = LowerColumns
}

/// The state of a terminating layer.
public protocol KeepsColumns: ~Copyable, Sendable {
    /// The columns below the socket: made with the state.
    var columns: LowerColumns { get }
}

extension TerminatingLayer where Self: ~Copyable, State == LowerColumns {
    /// The columns alone.
    public func makeState(_ socket: borrowing Socket) -> LowerColumns { LowerColumns() }
}

extension TerminatingLayer where Self: ~Copyable {
    static func columns(_ part: Part) -> LowerColumns { part.state(of: Self.self).pointee.columns }
}

extension Next where State: KeepsColumns & ~Copyable {
    /// Lets the call wait for what `body` begins, which ends it by the `PendingCall`, there or later on any thread. A cancel,
    /// its deadline or the socket's close end it before; what was begun for it is cancelled then. One that only tries fails
    /// with `EAGAIN` where `body` hasn't ended it. Sends and receives end in the order in which the layer ends them, which is
    /// to be that of the calls. Allocates; `body` runs at once and must not block.
    public consuming func later(_ body: (PendingCall) -> Void) -> Answer {
        Answer(state.columns.hold(slot, request, body))
    }

    /// Opens one lower column as the socket is opened, and makes it the primary. Of a socket that is open below already:
    /// nothing.
    public consuming func open(_ opening: Opening) -> Answer {
        Answer(state.columns.openPrimary(slot, opening.arguments, request))
    }

    /// Closes all lower columns, which the SDK does in any case.
    public consuming func close() -> Answer { end() }
}
