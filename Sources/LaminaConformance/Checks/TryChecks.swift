import CLamina
import CLinux
import Glibc
import Lamina

/// Requests that only try.
enum TryChecks {
    static func triesOnly(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { try onStage($0) } },
            { try subject.onLoopback { try stream($0) } },
            { try subject.onLoopback { try datagrams($0) } }
        )
    }

    private static func room(_ entry: Int, _ count: Int = 80) -> Ask {
        Ask(entry, payload: Array(repeating: 0, count: count))
    }

    private static func onStage(_ rig: Rig) throws {
        try checkAll(
            [
                (SocketCategories.connection, LAMINA_ENTRY_RECEIVE), (.connection, LAMINA_ENTRY_SEND),
                (.connection, LAMINA_ENTRY_CONTROL), (.datagram, LAMINA_ENTRY_RECEIVE_FROM),
                (.datagram, LAMINA_ENTRY_SEND_TO),
            ].map { category, entry in
                {
                    let socket = try rig.ready(category)
                    rig.stage?.answerAll(.later)
                    try attempt(Ask(entry), socket, rig)
                    rig.stage?.answerAll(.now)
                    rig.close(socket)
                }
            }
        )
    }

    private static func stream(_ rig: Rig) throws {
        let pair = try rig.pair()
        try attempt(room(LAMINA_ENTRY_RECEIVE), pair.server, rig)
        try attempt(Ask(LAMINA_ENTRY_ACCEPT), pair.listener, rig)
        let sent = Ask(LAMINA_ENTRY_SEND)
        _ = try rig.need(sent.name) { sent.issue(pair.client, $0) }
        // Once a look shows them, they are there.
        let seen = room(LAMINA_ENTRY_RECEIVE)
        let peek = UInt32(LAMINA_RECEIVE_PEEK)
        let look = try? rig.need("receive") { lamina_socket_receive(pair.server, seen.room, 1, peek, $0) }
        if look?.bytes == sent.payload.count {
            let more = room(LAMINA_ENTRY_RECEIVE, sent.payload.count + 1)
            let all = UInt32(LAMINA_RECEIVE_WAIT_ALL)
            try attempt("receive", rig) { lamina_socket_receive(pair.server, more.room, 1, all, $0) }
        }
        var received: [UInt8] = []
        while received.count < sent.payload.count {
            let part = room(LAMINA_ENTRY_RECEIVE)
            let call = Call(part.name)
            call.make { part.issue(pair.server, $0) }
            guard let end = call.end(), end.status >= 0, end.bytes > 0 else { break }
            received += part.content.prefix(end.bytes)
        }
        guard received == sent.payload else {
            throw Finding(
                "receive",
                "\(rig.place): after receives that only tried, \(received.count) of \(sent.payload.count) bytes arrived",
                "leave data where they are when a request that only tries can't end"
            )
        }
        pair.close()
    }

    private static func datagrams(_ rig: Rig) throws {
        let (one, two, address) = try rig.datagrams()
        try attempt(room(LAMINA_ENTRY_RECEIVE_FROM), two, rig)
        let sent = Ask(LAMINA_ENTRY_SEND_TO, address: address)
        _ = try rig.need(sent.name) { sent.issue(one, $0) }
        let receive = room(LAMINA_ENTRY_RECEIVE_FROM)
        let call = Call(receive.name)
        call.make { receive.issue(two, $0) }
        let end = try call.needEnd(rig.place)
        guard end.bytes == sent.payload.count else {
            throw Finding(
                "receive_from",
                "\(rig.place): after a receive that only tried, a datagram of \(sent.payload.count) bytes "
                    + "arrived as \(end.bytes)",
                "leave data where they are when a request that only tries can't end"
            )
        }
        rig.close(one)
        rig.close(two)
    }

    private static func attempt(_ ask: Ask, _ socket: lamina_socket, _ rig: Rig) throws {
        try attempt(ask.name, rig) { ask.issue(socket, $0) }
    }

    /// A call that can't end at once.
    private static func attempt(_ name: String, _ rig: Rig, _ body: @escaping (Request) -> lamina_status) throws {
        let call = Call(name, flags: LAMINA_REQUEST_TRY)
        let returned = call.make(body)
        guard returned != LAMINA_PENDING else {
            throw Finding(
                name,
                "\(rig.place): a request with LAMINA_REQUEST_TRY pended",
                "complete it with what hold answered, -EAGAIN, and keep no request that has the flag"
            )
        }
        let end = try call.needEnd(rig.place)
        guard end.status == -EAGAIN || end.status >= 0 || end.status == -EOPNOTSUPP else {
            throw Finding(
                name,
                "\(rig.place): a request with LAMINA_REQUEST_TRY ended with \(Status.text(end.status)) "
                    + "where it would have had to wait",
                "complete it with -EAGAIN, and do nothing"
            )
        }
    }
}
