import Glibc

/// What a chain does to the data of its sockets, computed from its layers.
package enum ChainEffect: UInt8, Sendable {
    /// Control calls only: the program's own socket is connected, and there is no hop.
    case none
    /// It sees data calls and changes no byte.
    case observe
    /// It changes, buffers or invents data.
    case transform
}

/// A stream connection that a program asked for.
package struct ConnectRequest {
    /// The address as the program gave it, in the family of its socket.
    package let destination: Endpoint
    /// What the program's socket is bound to, if anything.
    package let local: Endpoint?
    /// Who asks.
    package let process: Int32
    /// The name that the address was resolved from for this process, if it was.
    package let name: String?
}

/// How a chain answers a connect.
package enum ConnectOutcome {
    /// With an errno.
    case refused(Int32)
    /// The program's own socket is to be connected to this address. `ended` runs once, with what came of it: 0, an
    /// errno, `EINPROGRESS` where it is still under way, `ECANCELED` where nobody knows.
    case direct(Endpoint, ended: (Int32) -> Void)
    /// The chain has connected; the program's socket is to be pumped.
    case connected(any ChainConnection)
}

extension ConnectOutcome: CustomStringConvertible {
    /// What it says, for a line of its own.
    package var description: String {
        switch self {
        case .refused(let code): "refused (\(Errno(code).text))"
        case .direct(let address, _): "the program's socket connects to \(address)"
        case .connected(let connection):
            "connected\(connection.localAddress.map { " from \($0)" } ?? "") and pumped"
        }
    }
}

/// What a read or a write came to.
package enum Transfer {
    /// So many bytes; 0 of a receive is the end of the stream.
    case done(Int)
    /// The owner is told later.
    case pending
    /// An errno.
    case failed(Int32)
}

/// The far end of a pumped socket: a connection through the chain. One send and one receive at a time.
package protocol ChainConnection: AnyObject {
    /// Who is told of what was pending.
    var owner: (any ChainConnectionOwner)? { get set }
    /// The address that the chain connected from, where it has one.
    var localAddress: Endpoint? { get }
    /// Sends some of `bytes`, which must stay valid while the send is pending.
    func send(_ bytes: UnsafeRawBufferPointer) -> Transfer
    /// Receives into `buffer`, which must stay valid while the receive is pending.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer
    /// Ends the sending direction, after everything that was sent.
    func finishSending()
    /// Closes, with a reset if `abort`. The owner hears no more of it, and its buffers are free when `done` runs.
    func close(abort: Bool, done: @escaping () -> Void)
}

/// Hears of transfers that were pending.
package protocol ChainConnectionOwner: AnyObject {
    /// A pending send ended; never `pending`.
    func sent(_ transfer: Transfer)
    /// A pending receive ended; never `pending`.
    func received(_ transfer: Transfer)
}

/// A question for addresses.
package struct NameQuestion {
    /// The name.
    package let name: String
    /// `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
    package let family: Int32
    /// `AI_…` of getaddrinfo.
    package let flags: Int32
}

/// The answer to a question for addresses.
package struct NameAnswer {
    /// 0 or an `EAI_…` code.
    package var status: Int32 = 0
    /// With `EAI_SYSTEM`: which.
    package var error: Int32 = 0
    /// The canonical name, if it is known.
    package var canonical: String?
    /// The addresses, best first; their ports mean nothing.
    package var addresses: [Endpoint] = []

    /// An answer that isn't one yet.
    package init() {}
}

/// Takes back what was asked.
package protocol Cancellable: AnyObject {
    /// The completion does not run any more.
    func cancel()
}

/// A loaded chain, in the worker. Everything runs on the thread of the worker's loop.
package protocol ChainRunner: AnyObject {
    /// What the chain as a whole does to data.
    var effect: ChainEffect { get }
    /// Whether this connection passes by every layer that is bound to data, so that the outcome is `refused` or
    /// `direct`.
    func isDirect(_ request: ConnectRequest) -> Bool
    /// Connects through the chain, or decides; `completion` runs once, before or after the return.
    func connect(
        _ request: ConnectRequest,
        completion: @escaping (ConnectOutcome) -> Void
    ) -> any Cancellable
    /// Resolves through the chain.
    func resolve(_ question: NameQuestion, completion: @escaping (NameAnswer) -> Void)
    /// Ends the chain's instances, when every connection is closed.
    func close()
}
