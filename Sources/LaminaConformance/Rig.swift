import CLamina
import CLinux
import Glibc
import Lamina

/// A chain with the provider under check, and sockets on it.
struct Rig {
    let subject: Subject
    let chain: Chain
    /// The kit's own base, where the provider stands on that.
    let stage: Stage?
    /// `over the stage`, `over memory`.
    let place: String

    init(stageFor subject: Subject) throws {
        let stage = Stage()
        self.subject = subject
        self.stage = stage
        place = "over the stage"
        chain = try Chain([
            (subject.layer, subject.provider),
            (LayerSpecification(name: "stage", label: stage.label), try StageProvider.load()),
        ])
    }

    init(_ subject: Subject, over base: (name: String, provider: Provider)) throws {
        self.subject = subject
        stage = nil
        place = "over \(base.name)"
        chain = try Chain([
            (subject.layer, subject.provider),
            (LayerSpecification(name: base.name, label: "\(base.name)-below"), base.provider),
        ])
    }

    init(alone subject: Subject) throws {
        self.subject = subject
        stage = nil
        place = "over loopback"
        chain = try Chain([(subject.layer, subject.provider)])
    }

    /// What the level does to data with its settings.
    var effect: Effect { subject.isBase ? .transform : chain.instances[0].effect }

    // MARK: - Sockets

    /// A new socket. Throws `NotApplicable` where the provider refuses one.
    func open(_ category: SocketCategories) throws -> lamina_socket {
        let options: SocketOptions =
            category == .datagram ? .datagram() : category == .listen ? .listen() : .connection()
        let call = Call("open")
        call.make { chain.open(options, request: $0) }
        let end = try call.needEnd(place)
        guard end.status >= 0, let socket = end.socket else {
            throw NotApplicable("open answers \(Status.text(end.status)) \(place)")
        }
        return socket
    }

    /// A socket that data calls can be made on: connected, or bound. Throws `NotApplicable` where it can't be had.
    func ready(_ category: SocketCategories) throws -> lamina_socket {
        try subject.need(category)
        let socket = try open(category)
        let entry = category == .datagram ? LAMINA_ENTRY_BIND : LAMINA_ENTRY_CONNECT
        let ask = Ask(Int(entry))
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        guard let end = call.end() else { throw NotApplicable("\(ask.name) waits for a peer \(place)") }
        guard end.status >= 0 else {
            throw NotApplicable("\(ask.name) answers \(Status.text(end.status)) \(place)")
        }
        stage?.forget()
        return socket
    }

    /// The stage and the slot of a socket that is the only one open there.
    func below() throws -> (Stage, Slot) {
        guard let stage, let slot = stage.someSlot else {
            throw NotApplicable("no socket of the rest of the chain stands below it")
        }
        return (stage, slot)
    }

    /// Ends a socket, and what doing so answered; -ETIMEDOUT where it never ended.
    @discardableResult
    func close(_ socket: lamina_socket) -> lamina_status {
        let call = Call("close")
        call.make { Socket.close(socket, $0) }
        return call.end(within: 7_000)?.status ?? -ETIMEDOUT
    }

    /// Makes a call and waits for its end. Throws `NotApplicable` for an error, with the entry's name.
    func need(_ name: String, _ body: @escaping (Request) -> lamina_status) throws -> Call.End {
        let call = Call(name)
        call.make(body)
        guard let end = call.end() else { throw NotApplicable("\(name) didn't end \(place)") }
        guard end.status >= 0 else { throw NotApplicable("\(name) answers \(Status.text(end.status)) \(place)") }
        return end
    }

    /// A bound socket's address.
    func address(of socket: lamina_socket) throws -> lamina_address {
        let address = UnsafeMutablePointer<lamina_address>.allocate(capacity: 1)
        defer { address.deallocate() }
        address.initialize(to: lamina_address())
        _ = try need("local_address") { lamina_socket_local_address(socket, address, $0) }
        return address.pointee
    }

    private func bound(
        _ category: SocketCategories,
        _ prepare: (lamina_socket) throws -> Void = { _ in }
    ) throws -> (lamina_socket, lamina_address) {
        let socket = try open(category)
        try prepare(socket)
        var address = Self.anywhere
        _ = try need("bind") { lamina_socket_bind(socket, &address, 0, $0) }
        return (socket, try self.address(of: socket))
    }

    /// Port 0 of loopback.
    static var anywhere: lamina_address { Ask.address(port: 0, host: 0x7F00_0001) }

    /// A socket that listens, and where. `prepare` gets it before it is bound.
    func listener(
        _ prepare: (lamina_socket) throws -> Void = { _ in }
    ) throws -> (lamina_socket, lamina_address) {
        guard subject.has([.listen, .stream]) || !subject.isBase else {
            throw NotApplicable("it doesn't stand in the category listen")
        }
        let (socket, address) = try bound(.listen, prepare)
        _ = try need("listen") { lamina_socket_listen(socket, 64, $0) }
        return (socket, address)
    }

    /// Two connected sockets. Throws `NotApplicable` where they can't be had.
    func pair() throws -> Pair {
        try subject.need([.connection, .stream])
        let (listener, address) = try listener()
        let client = try open(.connection)
        let accept = Call("accept")
        accept.make { lamina_socket_accept(listener, nil, nil, $0) }
        var destination = address
        _ = try need("connect") { lamina_socket_connect(client, &destination, 0, $0) }
        guard let end = accept.end() else { throw NotApplicable("accept took no connection \(place)") }
        guard end.status >= 0, let server = end.socket else {
            throw NotApplicable("accept answers \(Status.text(end.status)) \(place)")
        }
        return Pair(rig: self, listener: listener, client: client, server: server)
    }

    /// Two bound datagram sockets, with the second one's address.
    func datagrams() throws -> (lamina_socket, lamina_socket, lamina_address) {
        try subject.need(.datagram)
        let (one, _) = try bound(.datagram)
        let (two, address) = try bound(.datagram)
        return (one, two, address)
    }
}

/// Two connected sockets, and the listener that took the connection.
struct Pair {
    let rig: Rig
    let listener: lamina_socket
    let client: lamina_socket
    let server: lamina_socket

    func close() {
        for socket in [client, server, listener] { rig.close(socket) }
    }
}
