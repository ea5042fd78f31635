import CLamina
import CLinux
import Glibc
import Lamina

/// Data that are indicated: taken, taken in part, refused, retained.
enum IndicatedDataChecks {
    static func check(_ subject: Subject) throws {
        try checkAll(
            { try subject.onLoopback { try stream($0) } },
            { try subject.onLoopback { try datagrams($0) } }
        )
    }

    /// Texts of different lengths and content.
    private static func text(_ index: Int) -> [UInt8] {
        Array("Part \(index) of what is indicated\(String(repeating: ".", count: index))".utf8)
    }

    // MARK: - Streams

    private static func stream(_ rig: Rig) throws {
        let pair = try rig.pair()
        let sink = EventSink()
        try sink.attach(to: pair.server, [LAMINA_INDICATION_RECEIVE], rig)
        var expected: [UInt8] = []
        func indicate(_ index: Int, _ count: Int? = nil) throws {
            try send(text(index), on: pair.client, rig)
            expected += text(index).prefix(count ?? text(index).count)
            try needContent(expected, sink, rig)
        }
        try indicate(1)
        sink.answerNext(.part(5))
        try indicate(2, 5)
        try needReceive(Array(text(2).dropFirst(5)), on: pair.server, "of which a client took 5 bytes", rig)
        let calls = sink.calls
        sink.answerNext(.none)
        try send(text(3), on: pair.client, rig)
        guard Patience.wait(Patience.call, { sink.calls > calls }) else {
            throw Finding(
                "receive indication",
                "\(rig.place): didn't come after a receive had taken what a client left",
                "indicate again once a receive has completed"
            )
        }
        try needReceive(text(3), on: pair.server, "which a client refused", rig)
        try indicate(4)
        try retain(pair, sink, &expected, rig)
        pair.close()
    }

    /// What a client keeps stays as it is: while more comes, and after the socket's close.
    private static func retain(_ pair: Pair, _ sink: EventSink, _ expected: inout [UInt8], _ rig: Rig) throws {
        var kept: [(node: EventSink.Node, bytes: [UInt8])] = []
        for index in 5...6 {
            sink.answerNext(.retained)
            try send(text(index), on: pair.client, rig)
            expected += text(index)
            try needContent(expected, sink, rig)
            while let node = sink.takeNode() { kept.append((node, content(node))) }
        }
        try send(text(7), on: pair.client, rig)
        expected += text(7)
        try needContent(expected, sink, rig)
        if let first = kept.first {
            try needSame(first, "while more data came", rig)
            _ = try rig.need("release") { lamina_socket_release(pair.server, first.node, $0) }
        }
        rig.close(pair.server)
        for late in kept.dropFirst() {
            try needSame(late, "when the socket was closed", rig)
            late.node.pointee.owner?(late.node, late.node.pointee.owner_context)
        }
    }

    private static func content(_ node: EventSink.Node) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length))
    }

    private static func needSame(_ kept: (node: EventSink.Node, bytes: [UInt8]), _ when: String, _ rig: Rig) throws {
        guard content(kept.node) == kept.bytes else {
            throw Finding(
                "receive indication",
                "\(rig.place): \(kept.bytes.count) bytes that a client retained changed \(when)",
                "leave a node's memory alone until its owner function has been called"
            )
        }
    }

    private static func send(_ bytes: [UInt8], on socket: lamina_socket, _ rig: Rig) throws {
        let ask = Ask(LAMINA_ENTRY_SEND, payload: bytes)
        _ = try rig.need(ask.name) { ask.issue(socket, $0) }
    }

    private static func needContent(_ expected: [UInt8], _ sink: EventSink, _ rig: Rig) throws {
        guard Patience.wait(Patience.call, { sink.content.count >= expected.count }), sink.content == expected else {
            let content = sink.content
            let same = zip(content, expected).prefix { $0 == $1 }.count
            throw Finding(
                "receive indication",
                "\(rig.place): of \(expected.count) bytes \(content.count) were indicated and taken, "
                    + "and \(same) of them are what was sent",
                "indicate what came, once and in order, and hold to the answer: status and bytes_accepted"
            )
        }
    }

    /// Receives what a client left.
    private static func needReceive(_ expected: [UInt8], on socket: lamina_socket, _ what: String, _ rig: Rig) throws {
        var received: [UInt8] = []
        while received.count < expected.count {
            let part = Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: expected.count))
            let call = Call(part.name)
            call.make { part.issue(socket, $0) }
            guard let end = call.end(), end.status >= 0, end.bytes > 0 else { break }
            received += part.content.prefix(end.bytes)
        }
        guard received == expected else {
            throw Finding(
                "receive indication",
                "\(rig.place): of data \(what), a receive got \(received.count) bytes instead of \(expected.count)",
                "pass the answer on, status and bytes_accepted: what a client doesn't take is kept for its receives"
            )
        }
    }

    // MARK: - Datagrams

    private static func datagrams(_ rig: Rig) throws {
        let (one, two, address) = try rig.datagrams()
        let source = Address(try rig.address(of: one))
        let sink = EventSink()
        try sink.attach(to: two, [LAMINA_INDICATION_RECEIVE_FROM], rig)
        func send(_ index: Int) throws {
            let ask = Ask(LAMINA_ENTRY_SEND_TO, payload: text(index), address: address)
            _ = try rig.need(ask.name) { ask.issue(one, $0) }
        }
        func expect(_ indices: [Int]) throws {
            _ = Patience.wait(Patience.call) { sink.datagrams.count >= indices.count }
            let came = sink.datagrams
            guard came.map(\.bytes) == indices.map(text) else {
                throw Finding(
                    "receive_from indication",
                    "\(rig.place): of \(indices.count) datagrams \(came.count) were indicated, or others than were sent",
                    "indicate each datagram once, whole and in order"
                )
            }
            if let stranger = came.first(where: { $0.sender != source }), !rig.subject.decides {
                throw Finding(
                    "receive_from indication",
                    "\(rig.place): names \(stranger.sender.map { "\($0)" } ?? "nobody") as the sender, not \(source)",
                    "let the node's address be the datagram's sender"
                )
            }
        }
        try send(1)
        try expect([1])
        sink.answerNext(.retained)
        try send(2)
        try expect([1, 2])
        try send(3)
        try expect([1, 2, 3])
        while let node = sink.takeNode() {
            try needSame((node, text(2)), "while more data came", rig)
            _ = try rig.need("release") { lamina_socket_release(two, node, $0) }
        }
        rig.close(one)
        rig.close(two)
    }
}
