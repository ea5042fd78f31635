import CLamina
import CLinux
import Glibc
import Lamina

/// What a listener indicates: connections, inspections, and those that are gone.
enum ConnectionIndicationChecks {
    // MARK: - Connections

    static func connections(_ subject: Subject) throws {
        try subject.onLoopback { rig in
            let sink = EventSink()
            let (listener, address) = try listener(rig, sink, [LAMINA_INDICATION_ACCEPT])
            let client = try connect(rig, address)
            guard Patience.wait(Patience.call, { sink.hasAccepted }), let server = sink.takeAccepted()
            else { throw missing("accept", "a connection was made and not indicated", rig) }
            try carry(from: client, to: server, rig)
            try carry(from: server, to: client, rig)
            sink.takeConnections(false)
            let refused = try connect(rig, address)
            guard Patience.wait(Patience.call, { sink.refusedCount > 0 }) else {
                throw missing("accept", "a second connection was made and not indicated", rig)
            }
            try needEnd(of: refused, "which the accept indication refused", rig)
            for socket in [client, server, refused, listener] { rig.close(socket) }
        }
    }

    // MARK: - Inspections

    static func inspections(_ subject: Subject) throws {
        try checkAll(
            { try subject.onLoopback { try decisions($0) } },
            { try subject.onLoopback { try gone($0) } }
        )
    }

    private static let inspecting = [LAMINA_INDICATION_INSPECT, LAMINA_INDICATION_ABORT]

    private static func decisions(_ rig: Rig) throws {
        let sink = EventSink()
        let (listener, address) = try listener(rig, sink, inspecting)
        let first = try connect(rig, address)
        _ = try inspection(sink, rig)
        let firstServer = try accept(listener, "that was inspected and accepted", rig)
        try carry(from: first, to: firstServer, rig)

        sink.decide(LAMINA_INSPECT_REJECT)
        let rejected = try connect(rig, address, mayFail: true)
        _ = try inspection(sink, rig)
        try needEnd(of: rejected, "which was rejected", rig)

        sink.decide(LAMINA_INSPECT_PEND)
        let waiting = Call("accept")
        waiting.make { lamina_socket_accept(listener, nil, nil, $0) }
        let pended = try connect(rig, address)
        let id = try inspection(sink, rig)
        if waiting.hasEnded {
            throw missing("accept", "a connection was handed over while its inspection pended", rig)
        }
        try complete(listener, id, LAMINA_INSPECT_ACCEPT, rig)
        guard let end = waiting.end(), end.status >= 0, let second = end.socket else {
            throw missing("inspect_complete", "a connection that it accepted never reached accept", rig)
        }
        try carry(from: pended, to: second, rig)

        let late = try connect(rig, address, mayFail: true)
        try complete(listener, try inspection(sink, rig), LAMINA_INSPECT_REJECT, rig)
        try needEnd(of: late, "which inspect_complete rejected", rig)
        for socket in [first, firstServer, rejected, pended, second, late, listener] { rig.close(socket) }
    }

    /// A connection whose inspection pends, and whose peer resets it.
    private static func gone(_ rig: Rig) throws {
        let sink = EventSink()
        sink.decide(LAMINA_INSPECT_PEND)
        let (listener, address) = try listener(rig, sink, inspecting)
        let peer = try connect(rig, address)
        let id = try inspection(sink, rig)
        let abortive = UInt32(LAMINA_DISCONNECT_ABORTIVE)
        _ = try rig.need("disconnect") { lamina_socket_disconnect(peer, nil, 0, abortive, $0) }
        guard Patience.wait(Patience.call, { !sink.aborted.isEmpty }) else {
            throw missing("abort indication", "didn't come for a connection that was reset while it was inspected", rig)
        }
        guard let aborted = sink.aborted.first, aborted.key == id.key, aborted.serial == id.serial else {
            throw missing("abort indication", "names another inspection than the one that is gone", rig)
        }
        rig.close(peer)
        rig.close(listener)
    }

    private static func inspection(_ sink: EventSink, _ rig: Rig) throws -> lamina_inspect_id {
        var id: lamina_inspect_id?
        _ = Patience.wait(Patience.call) {
            id = sink.takeInspected()
            return id != nil
        }
        guard let id else { throw missing("inspect indication", "didn't come for a connection that was made", rig) }
        return id
    }

    private static func complete(_ listener: lamina_socket, _ id: lamina_inspect_id, _ action: Int, _ rig: Rig) throws {
        var id = id
        let call = Call("inspect_complete")
        withUnsafePointer(to: &id) { id in
            _ = call.make { lamina_socket_inspect_complete(listener, id, UInt32(action), $0) }
        }
        let end = try call.needEnd(rig.place)
        guard end.status >= 0 else {
            throw missing("inspect_complete", "answered \(Status.text(end.status)) for an inspection that pends", rig)
        }
    }

    // MARK: - Sockets

    private static func missing(_ entry: String, _ what: String, _ rig: Rig) -> Finding {
        Finding(entry, "\(rig.place): \(what)", "pass the listener's indications and answers on as they are")
    }

    /// A listener whose indications are enabled.
    private static func listener(
        _ rig: Rig,
        _ sink: EventSink,
        _ indications: [Int]
    ) throws -> (lamina_socket, lamina_address) {
        guard rig.subject.has([.listen, .stream]) else {
            throw NotApplicable("it doesn't stand in the category listen")
        }
        guard rig.subject.has([.connection, .stream]) else {
            throw NotApplicable("it doesn't stand in the category connection")
        }
        return try rig.listener { socket in try sink.attach(to: socket, indications, rig) }
    }

    private static func connect(_ rig: Rig, _ address: lamina_address, mayFail: Bool = false) throws -> lamina_socket {
        let client = try rig.open(.connection)
        var destination = address
        let call = Call("connect")
        call.make { lamina_socket_connect(client, &destination, 0, $0) }
        let end = try call.needEnd(rig.place)
        guard end.status >= 0 || mayFail else {
            throw NotApplicable("connect answers \(Status.text(end.status)) \(rig.place)")
        }
        return client
    }

    private static func accept(_ listener: lamina_socket, _ which: String, _ rig: Rig) throws -> lamina_socket {
        let call = Call("accept")
        call.make { lamina_socket_accept(listener, nil, nil, $0) }
        guard let end = call.end(), end.status >= 0, let socket = end.socket else {
            throw missing("accept", "didn't get a connection \(which)", rig)
        }
        return socket
    }

    /// Nobody is at the other end of this connection any more.
    private static func needEnd(of socket: lamina_socket, _ which: String, _ rig: Rig) throws {
        let ask = Ask(LAMINA_ENTRY_RECEIVE, payload: [0])
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        guard let end = call.end(), end.status < 0 || end.bytes == 0 else {
            throw missing("accept", "a connection \(which) stayed open", rig)
        }
    }

    private static func carry(from: lamina_socket, to: lamina_socket, _ rig: Rig) throws {
        let send = Ask(LAMINA_ENTRY_SEND)
        _ = try rig.need(send.name) { send.issue(from, $0) }
        let receive = Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: send.payload.count))
        let all = UInt32(LAMINA_RECEIVE_WAIT_ALL)
        let call = Call(receive.name)
        call.make { lamina_socket_receive(to, receive.room, 1, all, $0) }
        guard let end = call.end(), end.status >= 0, receive.content == send.payload else {
            throw missing("accept indication", "data don't cross the connection that it handed over", rig)
        }
    }
}
