/// A base provider in Swift: the end of a chain, which reaches a transport. A value of this type is one level of a chain,
/// made from its settings when the chain is made (WSPStartup's table, with what a base keeps for itself).
///
/// What a base does is what it conforms to: `Connects`, `Sends`, `Receives`, `Listens` and so on, one protocol an entry or a
/// pair of entries that belong together. Its dispatch table is filled from these conformances; what it has no protocol for is
/// answered with `EOPNOTSUPP`.
///
/// **A base only tries.** Each method does what can be done at once, says how far it came, and never blocks. The SDK does the
/// rest: calls wait in their order, are tried again when the base's `SocketWaker` says that something has changed, and end
/// by a cancel, a deadline or a close; what waits is copied; peeks, whole receives and drains are made of plain receives;
/// connections and data are indicated; addresses and directions that have ended are remembered.
///
/// One thread at a time sends on a socket and one receives, both at once; a level and a `State` are only ever borrowed, so
/// what changes in them is an `Atomic` or behind a lock.
public protocol Base: LevelValue, ~Copyable {
    /// What the base keeps for each socket: a struct in the SDK's memory. Made before the socket opens, or when a connection
    /// is taken, and destroyed exactly once, after the last call has left it. What ends with the socket ends with it, in its
    /// `deinit`: the peer sees the end of the connection.
    associatedtype State: ~Copyable, Sendable

    /// What the plug-in says about the base.
    static var about: BaseDescription { get }

    /// Makes the state of a socket that is about to open. `waker` tells the socket what has changed; the transport keeps it. A
    /// failure refuses the socket. Any thread; must not block.
    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) throws(Failure) -> State
}

/// Connects (connect, WskConnect, WSPConnect).
public protocol Connects: Base, ~Copyable {
    /// Whether `connect` never answers false. Then it is also asked for a caller that only tries (`LAMINA_REQUEST_TRY`); else
    /// such a caller gets EAGAIN, and nothing has begun. False, unless the base says otherwise.
    static var connectsAtOnce: Bool { get }

    /// Connects, or looks how far it has come: called again after `SocketWaker.outgoing`, with the same address. False: it is
    /// under way. A failure ends the call; the program may connect again. A call that is cancelled while it is under way
    /// leaves a socket that can only be closed. One thread at a time; must not block.
    func connect(to address: Address, _ state: borrowing State) throws(Failure) -> Bool
}

extension Connects where Self: ~Copyable {
    /// It takes its time.
    public static var connectsAtOnce: Bool { false }
}

/// Sends on a connection (send, WskSend, WSPSend). A base with `Connects` or `Listens` and no `Sends` only receives.
public protocol Sends: Base, ~Copyable {
    /// Takes bytes of the caller's buffers, as many as there is room for, and answers how many: with fewer than all the rest
    /// goes on after `SocketWaker.outgoing`. One thread at a time, while the socket is connected; must not block.
    func send(_ data: Outgoing, _ state: borrowing State) throws(Failure) -> Int
}

/// Receives on a connection (recv, WskReceive, WSPRecv).
public protocol Receives: Base, ~Copyable {
    /// Puts what has come into the room. Where nothing is there yet it puts nothing in, and is called again after
    /// `SocketWaker.incoming`. Answers whether the stream goes on: `.ended` after its last byte. One thread at a time, while
    /// the socket is connected; must not block.
    func receive(into room: inout ReceiveRoom, _ state: borrowing State) throws(Failure) -> StreamProgress
}

/// Whether a stream goes on.
public enum StreamProgress: Sendable {
    /// More may come.
    case open
    /// Its peer has ended it, and nothing comes behind what was received.
    case ended
}

/// Ends directions of a connection (shutdown, WskDisconnect, WSPSendDisconnect).
public protocol Disconnects: Base, ~Copyable {
    /// Ends directions gracefully, behind what was sent before. The SDK lets nothing more be sent or received there. Must not
    /// block.
    func disconnect(_ directions: StreamDirections, _ state: borrowing State) throws(Failure)

    /// Resets the connection: what is under way is lost, and the peer sees an error. Any thread; must not block.
    func reset(_ state: borrowing State) throws(Failure)
}

/// Directions of a connection.
public struct StreamDirections: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// These directions.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// What is sent.
    public static let sending = StreamDirections(rawValue: 1)
    /// What is received.
    public static let receiving = StreamDirections(rawValue: 2)
}

/// Binds a local address (bind, WskBind, WSPBind).
public protocol Binds: Base, ~Copyable {
    /// Takes the address, once a socket. Any thread; must not block.
    func bind(_ address: Address, _ state: borrowing State) throws(Failure)
}

/// Takes connections (listen and accept, WskAccept, WSPListen and WSPAccept). Where the level above inspects them
/// (SO_CONDITIONAL_ACCEPT), the SDK asks it about each, and hears by the connection's own waker of those that are gone.
public protocol Listens: Base, ~Copyable {
    /// Begins to take connections, or changes how many may wait. Any thread; must not block.
    func listen(backlog: Int, _ state: borrowing State) throws(Failure)

    /// The state of a connection that waited, the first of them; nil where none waits, and then this is called again after the
    /// listener's `SocketWaker.incoming`. `waker` is the new socket's. One thread at a time; must not block.
    func accept(_ listener: borrowing State, _ waker: SocketWaker) throws(Failure) -> State?
}

/// Knows the addresses of its sockets (getsockname and getpeername, WskGetLocalAddress, WskGetRemoteAddress). Without it the
/// local address is the family's unspecified one, and the remote one is where the program connected to, as it always is of a
/// datagram socket.
public protocol KnowsAddresses: Base, ~Copyable {
    /// The socket's own address; nil where it has none yet. Any thread; must not block.
    func localAddress(_ state: borrowing State) -> Address?

    /// The peer's; nil where it has none. Any thread; must not block.
    func remoteAddress(_ state: borrowing State) -> Address?
}
