/// A layered provider in Swift: a value of this type is one level of a chain, made from its settings when the chain is
/// made (WSPStartup's table, with what a layer keeps for itself).
///
/// What a layer sees is what it conforms to: `SendCalls` for every `send` on its way down, `SendEnds` for how each ended,
/// `ReceiveEvents` for data that is indicated, and so on, one protocol an entry. Its dispatch table is filled from these
/// conformances; an entry that it has no protocol for isn't linked and costs nothing.
///
/// Calls come on any thread, and on one socket several at once: one that sends and one that receives. So a layer and its
/// `State` are only ever borrowed; what changes in them is a `Counter`, an `Atomic` or behind a lock.
public protocol Layer: LevelValue, ~Copyable {
    /// What the layer keeps for each socket: a struct in memory of the framework's, behind the socket's slot. Made before
    /// the socket opens and destroyed exactly once: after its close, or where its open fails.
    associatedtype State: ~Copyable, Sendable = NoState

    /// What the plug-in says about the layer.
    static var about: LayerDescription { get }

    /// Makes the state of a socket that is about to open, or whose levels below are open already. A failure refuses the
    /// socket. Any thread; must not block.
    func makeState(_ socket: borrowing Socket) throws(Failure) -> State

    /// Takes the state of a socket that has closed, or that failed to open: the last that a layer sees of it. In a forked
    /// child, which shares nothing with its parent, the state of a socket that the child can't use is left alone. Any
    /// thread; must not block.
    func ended(_ state: consuming State, _ socket: borrowing Socket)
}

/// The state of layers that keep none. No memory is taken for it.
public struct NoState: Sendable {
    /// Nothing.
    public init() {}
}

extension Layer where Self: ~Copyable, State == NoState {
    /// Nothing.
    public func makeState(_ socket: borrowing Socket) -> NoState { NoState() }
}

extension Layer where Self: ~Copyable {
    /// Lets the state go.
    public func ended(_ state: consuming State, _ socket: borrowing Socket) { _ = consume state }
}
