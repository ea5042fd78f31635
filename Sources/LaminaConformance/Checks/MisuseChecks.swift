import CLamina
import CLinux
import Glibc
import Lamina

/// Calls that a socket's category, its state, or the contract doesn't have: they end with an error.
enum MisuseChecks {
    static func check(_ subject: Subject) throws {
        try checkAll(
            { try subject.everywhere { try category($0) } },
            { try subject.onLoopback { try states($0) } },
            { try subject.onLoopback { try streamFlags($0) } },
            { try subject.onLoopback { try datagramFlags($0) } }
        )
    }

    /// A bit that no entry knows.
    private static let unknown: UInt32 = 1 << 30

    // MARK: - Category

    private static func category(_ rig: Rig) throws {
        var tried = 0
        for category in [SocketCategories.connection, .datagram, .listen] where rig.subject.has(category) {
            let socket = try rig.open(category)
            let own = Battery.entries(of: category)
            for entry in Battery.entries(of: [.connection, .datagram, .listen]) where !own.contains(entry) {
                let before = rig.stage?.seen.count
                let ask = Ask(entry)
                let call = Call(ask.name)
                call.make { ask.issue(socket, $0) }
                let end = try call.needEnd("\(rig.place), in another category")
                guard end.status == -EOPNOTSUPP, rig.stage?.seen.count == before else {
                    throw Finding(
                        ask.name,
                        "\(rig.place): on a socket whose category lacks it, ended with \(Status.text(end.status))",
                        "answer -EOPNOTSUPP, and leave the levels below alone"
                    )
                }
                tried += 1
            }
            rig.close(socket)
        }
        guard tried > 0 else { throw NotApplicable("it stands in no category that lacks an entry") }
    }

    // MARK: - State

    private static func states(_ rig: Rig) throws {
        let pair = try rig.pair()
        let fresh = try rig.open(.connection)
        for entry in [
            LAMINA_ENTRY_SEND, LAMINA_ENTRY_RECEIVE, LAMINA_ENTRY_REMOTE_ADDRESS, LAMINA_ENTRY_DISCONNECT,
        ] {
            try needError(Ask(entry), fresh, "on a socket that isn't connected", rig)
        }
        let address = try rig.address(of: pair.listener)
        try needError(Ask(LAMINA_ENTRY_CONNECT, address: address), pair.client, "on a connected socket", rig)
        let listener = try rig.open(.listen)
        try needError(Ask(LAMINA_ENTRY_ACCEPT), listener, "on a socket that doesn't listen", rig)
        try needError(Ask(LAMINA_ENTRY_BIND, address: address), listener, "to an address in use", rig)
        for socket in [fresh, listener] { rig.close(socket) }
        pair.close()
    }

    // MARK: - Flags

    private static func streamFlags(_ rig: Rig) throws {
        let pair = try rig.pair()
        let fresh = try rig.open(.connection)
        let ask = Ask(LAMINA_ENTRY_SEND)
        var anywhere = Rig.anywhere
        var address = try rig.address(of: pair.listener)
        let flags = "with a flag that nobody knows"
        try needError("bind", flags, rig) { lamina_socket_bind(fresh, &anywhere, unknown, $0) }
        try needError("connect", flags, rig) { lamina_socket_connect(fresh, &address, unknown, $0) }
        try needError("connect_with_data", flags, rig) {
            lamina_socket_connect_with_data(fresh, &address, ask.room, 1, unknown, $0)
        }
        try needError("send", flags, rig) { lamina_socket_send(pair.client, ask.room, 1, unknown, $0) }
        try needError("receive", flags, rig) { lamina_socket_receive(pair.client, ask.room, 1, unknown, $0) }
        try needError("disconnect", flags, rig) { lamina_socket_disconnect(pair.client, nil, 0, unknown, $0) }
        let abortive = UInt32(LAMINA_DISCONNECT_ABORTIVE)
        try needError("disconnect", "abortive and with final data", rig) {
            lamina_socket_disconnect(pair.client, ask.room, 1, abortive, $0)
        }
        let exclusive = UInt32(LAMINA_RECEIVE_WAIT_ALL | LAMINA_RECEIVE_DRAIN)
        try needError("receive", "with wait-all and drain", rig) {
            lamina_socket_receive(pair.client, ask.room, 1, exclusive, $0)
        }
        try needError("enable_indications", "with bits that are no indication's", rig) {
            lamina_socket_enable_indications(pair.client, unknown, 0, $0)
        }
        try needError("control", "of an unknown kind", rig) { request in
            var operation = lamina_operation()
            operation.size = UInt32(MemoryLayout<lamina_operation>.size)
            operation.kind = 99
            return lamina_socket_control(pair.client, &operation, request)
        }
        try needError("inspect_complete", "for an inspection that there isn't", rig) { request in
            var id = lamina_inspect_id(key: 4711, serial: 4712)
            return lamina_socket_inspect_complete(pair.listener, &id, UInt32(LAMINA_INSPECT_ACCEPT), request)
        }
        rig.close(fresh)
        pair.close()
    }

    private static func datagramFlags(_ rig: Rig) throws {
        let (one, two, address) = try rig.datagrams()
        let ask = Ask(LAMINA_ENTRY_SEND_TO, address: address)
        let flags = "with a flag that nobody knows"
        try needError("send_to", flags, rig) { ask.issue(one, $0, unknown) }
        let list = Ask(LAMINA_ENTRY_SEND_MESSAGES, address: address)
        try needError("send_messages", flags, rig) { list.issue(one, $0, unknown) }
        let room = Ask(LAMINA_ENTRY_RECEIVE_FROM)
        try needError("receive_from", flags, rig) { room.issue(two, $0, unknown) }
        let rooms = Ask(LAMINA_ENTRY_RECEIVE_MESSAGES)
        try needError("receive_messages", flags, rig) { rooms.issue(two, $0, unknown) }
        rig.close(one)
        rig.close(two)
    }

    // MARK: - Errors

    private static func needError(_ ask: Ask, _ socket: lamina_socket, _ when: String, _ rig: Rig) throws {
        try needError(ask.name, when, rig) { ask.issue(socket, $0) }
    }

    private static func needError(
        _ name: String,
        _ when: String,
        _ rig: Rig,
        _ body: @escaping (Request) -> lamina_status
    ) throws {
        let call = Call(name)
        call.make(body)
        guard let end = call.end(within: 1_000), end.status < 0 else {
            let status = call.ends.first.map { "ended with \(Status.text($0.status))" } ?? "waits"
            throw Finding(
                name,
                "\(rig.place), \(when): \(status), where an error was expected",
                "look at flags and state before anything else: -EINVAL, -ENOTCONN, -EISCONN, -EADDRINUSE"
            )
        }
    }
}
