import Glibc
import LaminaProvider
import Synchronization

/// A transport: connections inside the process, which meet at port numbers. Here is the place for another one; `SendsDatagrams`
/// and `ReceivesDatagrams` give it datagrams.
struct __Module__Base: Connects, Sends, Receives, Disconnects, Binds, Listens, KnowsAddresses {
    static let room = Setting.size("room", in: 1...1 << 30, default: "64k", help: "bytes that a direction holds")
    static let about = BaseDescription(
        "__name__",
        summary: "connections inside the process",
        uuid: "__uuid__",
        settings: [room]
    )

    /// What the base keeps for each socket.
    struct State: ~Copyable, Sendable {
        let waker: SocketWaker
        let part: Mutex<SocketPart>

        deinit { part.withLock { $0 }.leave() }
    }

    private let room: Int

    init(_ level: Level) { room = level[Self.room] }

    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) -> State {
        State(waker: waker, part: Mutex(SocketPart()))
    }

    // MARK: - Connections

    static let connectsAtOnce = true

    func connect(to address: Address, _ state: borrowing State) throws(Failure) -> Bool {
        guard let listener = Port.listener(address.port) else { throw Failure(ECONNREFUSED) }
        let local = try local(of: state)
        let connection = Connection(
            sends: Pipe(room: room, writer: state.waker),
            receives: Pipe(room: room, reader: state.waker),
            local: local,
            remote: address
        )
        guard listener.offer(connection.reversed) else { throw Failure(ECONNREFUSED) }
        state.part.withLock { $0.connection = connection }
        return true
    }

    /// Where a socket is bound; it is bound first, where nobody did.
    private func local(of state: borrowing State) throws(Failure) -> Address {
        if let local = state.part.withLock({ $0.local }) { return local }
        try bind(.loopback(port: 0), state)
        return state.part.withLock { $0.local } ?? .loopback(port: 0)
    }

    func bind(_ address: Address, _ state: borrowing State) throws(Failure) {
        guard let port = Port.take(address.port == 0 ? nil : address.port, for: nil) else { throw Failure(EADDRINUSE) }
        var local = address
        local.port = port
        state.part.withLock { ($0.local, $0.ownsPort) = (local, true) }
    }

    func listen(backlog: Int, _ state: borrowing State) throws(Failure) {
        let port = try local(of: state).port
        let waker = state.waker
        state.part.withLock { part in
            let listener = part.listener ?? Listener(waker)
            listener.limit.store(backlog, ordering: .relaxed)
            part.listener = listener
            _ = Port.take(port, for: listener)
        }
    }

    func accept(_ listener: borrowing State, _ waker: SocketWaker) -> State? {
        guard let connection = listener.part.withLock({ $0.listener })?.take() else { return nil }
        connection.sends.line.withLock { $0.writer = waker }
        connection.receives.line.withLock { $0.reader = waker }
        return State(waker: waker, part: Mutex(SocketPart(local: connection.local, connection: connection)))
    }

    func localAddress(_ state: borrowing State) -> Address? { state.part.withLock { $0.local } }
    func remoteAddress(_ state: borrowing State) -> Address? { state.part.withLock { $0.connection?.remote } }

    // MARK: - Data

    func send(_ data: Outgoing, _ state: borrowing State) throws(Failure) -> Int {
        guard let pipe = state.part.withLock({ $0.connection?.sends }) else { throw Failure(ENOTCONN) }
        return try pipe.put(data)
    }

    func receive(into room: inout ReceiveRoom, _ state: borrowing State) throws(Failure) -> StreamProgress {
        guard let pipe = state.part.withLock({ $0.connection?.receives }) else { throw Failure(ENOTCONN) }
        return try pipe.take(into: &room)
    }

    func disconnect(_ directions: StreamDirections, _ state: borrowing State) {
        let connection = state.part.withLock { $0.connection }
        if directions.contains(.sending) { connection?.sends.end() }
        if directions.contains(.receiving) { connection?.receives.close(EPIPE) }
    }

    func reset(_ state: borrowing State) {
        let connection = state.part.withLock { $0.connection }
        connection?.sends.close(ECONNRESET)
        connection?.receives.close(ECONNRESET)
    }
}

/// What a socket has become.
struct SocketPart: Sendable {
    var local: Address?
    var ownsPort = false
    var connection: Connection?
    var listener: Listener?

    /// The socket has closed.
    func leave() {
        if ownsPort, let port = local?.port { Port.give(port) }
        listener?.close()
        guard let connection else { return }
        // What the peer sent and nobody received is lost, and the peer is told.
        if connection.receives.line.withLock({ !$0.bytes.isEmpty }) { connection.sends.close(ECONNRESET) }
        connection.receives.close(EPIPE)
        connection.sends.end()
    }
}

/// One end of a connection.
struct Connection: Sendable {
    let sends: Pipe
    let receives: Pipe
    let local: Address
    let remote: Address

    /// The other end.
    var reversed: Connection { Connection(sends: receives, receives: sends, local: remote, remote: local) }
}

/// One direction of a connection.
final class Pipe: Sendable {
    struct Line: ~Copyable {
        var bytes: ByteQueue
        var isEnded = false
        /// What both sides get from now on: a positive errno.
        var failure: Int32?
        var reader: SocketWaker?
        var writer: SocketWaker?
    }

    let line: Mutex<Line>

    init(room: Int, reader: SocketWaker? = nil, writer: SocketWaker? = nil) {
        line = Mutex(Line(bytes: ByteQueue(capacity: room), reader: reader, writer: writer))
    }

    func put(_ data: Outgoing) throws(Failure) -> Int {
        let (taken, reader) = try line.withLock { line throws(Failure) in
            if let failure = line.failure { throw Failure(failure) }
            return (try line.bytes.put(data), line.reader)
        }
        // A waker is called without the lock: calls go on inside of it.
        if taken > 0 { reader?.incoming() }
        return taken
    }

    func take(into room: inout ReceiveRoom) throws(Failure) -> StreamProgress {
        let (isEnded, writer) = try line.withLock { line throws(Failure) in
            if let failure = line.failure, failure != EPIPE { throw Failure(failure) }
            line.bytes.take(into: &room)
            return (line.isEnded && line.bytes.isEmpty, line.writer)
        }
        if room.count > 0 { writer?.outgoing() }
        return isEnded ? .ended : .open
    }

    /// The writer has ended it.
    func end() { line.withLock { line in (line.isEnded = true, line.reader).1 }?.incoming() }

    /// It fails from now on, and what was under way is lost.
    func close(_ errno: Int32) {
        let (reader, writer) = line.withLock { line in
            line.bytes.discard()
            line.failure = line.failure ?? errno
            return (line.reader, line.writer)
        }
        reader?.incoming()
        writer?.outgoing()
    }
}

/// Connections that wait for an accept.
final class Listener: Sendable {
    let limit = Atomic(1)
    private let waker: SocketWaker
    private let waiting = Mutex<[Connection]?>([])

    init(_ waker: SocketWaker) { self.waker = waker }

    func offer(_ connection: Connection) -> Bool {
        let isQueued = waiting.withLock { waiting in
            guard let count = waiting?.count, count < limit.load(ordering: .relaxed) else { return false }
            waiting?.append(connection)
            return true
        }
        if isQueued { waker.incoming() }
        return isQueued
    }

    func take() -> Connection? {
        waiting.withLock { waiting in waiting?.isEmpty == false ? waiting?.removeFirst() : nil }
    }

    func close() {
        let left = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
        for connection in left {
            connection.sends.close(ECONNRESET)
            connection.receives.close(ECONNRESET)
        }
    }
}

/// The ports that are taken, with who listens there.
enum Port {
    private static let taken = Mutex<[UInt16: Listener?]>([:])

    static func listener(_ port: UInt16) -> Listener? { taken.withLock { $0[port] ?? nil } }

    /// Takes a port, any for nil, or says who listens at one. Nil: it is taken, or all are.
    static func take(_ port: UInt16?, for listener: Listener?) -> UInt16? {
        taken.withLock { taken in
            guard let port = port ?? (49_152...65_535).first(where: { taken[$0] == nil }) else { return nil }
            guard listener != nil || taken[port] == nil else { return nil }
            taken[port] = .some(listener)
            return port
        }
    }

    static func give(_ port: UInt16) { _ = taken.withLock { $0.removeValue(forKey: port) } }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(__Module__Base.self) }
