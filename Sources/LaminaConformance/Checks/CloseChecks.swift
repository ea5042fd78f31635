import CLamina
import CLinux
import Glibc
import Lamina

/// How sockets end, and what must not come afterwards.
enum CloseChecks {
    /// A socket with requests that nothing ends.
    private struct Loaded {
        let socket: lamina_socket
        let calls: [Call]
        let asks: [Ask]
    }

    private static func load(_ rig: Rig, _ category: SocketCategories) throws -> Loaded {
        let socket = try rig.ready(category)
        let entries =
            category == .datagram
            ? [LAMINA_ENTRY_RECEIVE_FROM, LAMINA_ENTRY_SEND_TO]
            : [LAMINA_ENTRY_RECEIVE, LAMINA_ENTRY_SEND, LAMINA_ENTRY_CONTROL]
        for entry in entries { rig.stage?.answer(entry, .later) }
        return make(entries.flatMap { [$0, $0, $0] }, on: socket)
    }

    private static func make(_ entries: [Int], on socket: lamina_socket) -> Loaded {
        let asks = entries.map { Ask($0) }
        let calls = asks.map { Call($0.name) }
        for (ask, call) in zip(asks, calls) { call.make { ask.issue(socket, $0) } }
        return Loaded(socket: socket, calls: calls, asks: asks)
    }

    private static func everywhere(
        _ subject: Subject,
        _ check: @escaping (Rig, Loaded) throws -> Void
    ) throws {
        try checkAll(
            { try subject.onStage { try check($0, try load($0, .connection)) } },
            { try subject.onStage { try check($0, try load($0, .datagram)) } },
            {
                try subject.onLoopback { rig in
                    let pair = try rig.pair()
                    try check(rig, make([LAMINA_ENTRY_RECEIVE, LAMINA_ENTRY_RECEIVE], on: pair.server))
                    try check(rig, make([LAMINA_ENTRY_ACCEPT], on: pair.listener))
                    rig.close(pair.client)
                }
            },
            {
                try subject.onLoopback { rig in
                    let (one, two, _) = try rig.datagrams()
                    try check(rig, make([LAMINA_ENTRY_RECEIVE_FROM, LAMINA_ENTRY_RECEIVE_FROM], on: two))
                    rig.close(one)
                }
            }
        )
    }

    static func closeWithPending(_ subject: Subject) throws {
        try everywhere(subject) { rig, loaded in
            let close = Call("close")
            close.make { Socket.close(loaded.socket, $0) }
            guard let end = close.end(within: 7_000) else {
                throw Finding("close", "\(rig.place): didn't end within 7 s", "complete close, always")
            }
            if end.status == -ETIMEDOUT {
                let stuck = loaded.calls.first { !$0.hasEnded }?.subject ?? "close"
                throw Finding(
                    stuck,
                    "\(rig.place): was pending when the socket was closed and never completed; close gave up after 5 s",
                    "complete what a socket holds in close, with -ECANCELED"
                )
            }
            _ = Patience.wait(Patience.call) { loaded.calls.allSatisfy(\.hasEnded) }
            for call in loaded.calls where !call.hasEnded {
                throw Finding(
                    call.subject,
                    "\(rig.place): was pending when the socket was closed and never completed",
                    "complete what a socket holds in close, with -ECANCELED"
                )
            }
        }
    }

    static func lateCalls(_ subject: Subject) throws {
        var closed: [(rig: Rig, loaded: Loaded, end: Call.End)] = []
        try checkAll(
            {
                try everywhere(subject) { rig, pending in
                    // What the base ends at once may be kept by a level.
                    let questions = make([LAMINA_ENTRY_LOCAL_ADDRESS], on: pending.socket)
                    let loaded = Loaded(
                        socket: pending.socket,
                        calls: pending.calls + questions.calls,
                        asks: pending.asks + questions.asks
                    )
                    let close = Call("close")
                    close.make { Socket.close(loaded.socket, $0) }
                    guard let end = close.end(within: 7_000), end.status != -ETIMEDOUT else {
                        throw NotApplicable("close doesn't end \(rig.place), which close-with-pending is about")
                    }
                    closed.append((rig, loaded, end))
                    try answersBad(rig, loaded.socket)
                }
            },
            { try subject.onLoopback(hammer) }
        )
        Patience.pass()
        for (rig, loaded, end) in closed {
            for call in loaded.calls {
                guard let last = call.ends.last, last.sequence > end.sequence else { continue }
                throw Finding(
                    call.subject,
                    "\(rig.place): completed after close had completed",
                    "call mark_pending or hold for what is kept, so that close waits for it"
                )
            }
        }
    }

    /// A call on a handle whose socket is gone.
    private static func answersBad(_ rig: Rig, _ socket: lamina_socket) throws {
        let before = rig.stage?.seen.count
        for entry in [LAMINA_ENTRY_SEND, LAMINA_ENTRY_RECEIVE, LAMINA_ENTRY_CONTROL] {
            let ask = Ask(entry)
            let call = Call(ask.name)
            call.make { ask.issue(socket, $0) }
            let end = try call.needEnd("\(rig.place), after close")
            guard end.status == -EBADF, rig.stage?.seen.count == before else {
                throw Finding(
                    ask.name,
                    "\(rig.place): a call after close ended with \(Status.text(end.status))",
                    "let the framework answer it"
                )
            }
        }
    }

    /// Calls from two threads while a third one closes.
    private static func hammer(_ rig: Rig) throws {
        for _ in 0..<20 {
            let pair = try rig.pair()
            let sender = Hammer(LAMINA_ENTRY_SEND, pair.client)
            let receiver = Hammer(LAMINA_ENTRY_RECEIVE, pair.client)
            let workers = [sender, receiver].map { hammer in Worker { hammer.run() } }
            _ = Patience.wait(5) { sender.count > 5 }
            rig.close(pair.client)
            for worker in workers { worker.join() }
            for hammer in [sender, receiver] {
                for call in hammer.calls { _ = try call.needEnd("\(rig.place), against a close") }
            }
            rig.close(pair.server)
            rig.close(pair.listener)
        }
    }

    /// Makes calls until the handle is stale.
    private final class Hammer: @unchecked Sendable {
        // The worker's until it was joined, but for the count.
        private let entry: Int
        private let socket: lamina_socket
        private(set) var calls: [Call] = []
        private var asks: [Ask] = []
        private var made: UInt32 = 0

        init(_ entry: Int, _ socket: lamina_socket) {
            self.entry = entry
            self.socket = socket
        }

        var count: UInt32 { clinux_load_u32(&made) }

        func run() {
            for _ in 0..<2_000 {
                let ask = Ask(entry)
                let call = Call(ask.name)
                asks.append(ask)
                calls.append(call)
                let status = call.make { ask.issue(self.socket, $0) }
                _ = clinux_add_u32(&made, 1)
                if status == -EBADF { return }
                if entry == LAMINA_ENTRY_RECEIVE, status == LAMINA_PENDING, calls.count > 8 { return }
            }
        }
    }

    static func useAfterClose(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { try callsAfterClose($0, .connection) } },
            { try subject.onStage { try callsAfterClose($0, .datagram) } },
            { try subject.onLoopback { try indicationsAfterClose($0) } }
        )
    }

    private static func callsAfterClose(_ rig: Rig, _ category: SocketCategories) throws {
        let loaded = try load(rig, category)
        rig.close(loaded.socket)
        Patience.pass()
        guard let late = rig.stage?.afterClose.first else { return }
        throw Finding(
            late,
            "\(rig.place): was called for a socket that the levels below had closed",
            "make no call below once close was passed on"
        )
    }

    /// Sockets that indicated something are closed, and others take their columns.
    private static func indicationsAfterClose(_ rig: Rig) throws {
        var others: [(socket: lamina_socket, sink: EventSink)] = []
        for _ in 0..<4 {
            let pair = try rig.pair()
            let sink = EventSink()
            try sink.attach(to: pair.server, [LAMINA_INDICATION_RECEIVE], rig)
            let ask = Ask(LAMINA_ENTRY_SEND)
            _ = try rig.need(ask.name) { ask.issue(pair.client, $0) }
            _ = Patience.wait(Patience.call) { sink.calls > 0 && !sink.isInside }
            rig.close(pair.server)
            let other = EventSink()
            let socket = try rig.open(.connection)
            try other.attach(to: socket, [LAMINA_INDICATION_RECEIVE], rig)
            others.append((socket, other))
            rig.close(pair.client)
            rig.close(pair.listener)
        }
        Patience.pass()
        guard others.allSatisfy({ $0.sink.calls == 0 && $0.sink.deaths == 0 }) else {
            throw Finding(
                "receive indication",
                "\(rig.place): came to a new socket, after the close of the one that had its column before",
                "let no indication run, nor begin, once close has completed"
            )
        }
        for other in others { rig.close(other.socket) }
    }

    static func endOfStream(_ subject: Subject) throws {
        try checkAll(
            {
                try subject.onStage { rig in
                    let socket = try rig.ready(.connection)
                    let (stage, slot) = try rig.below()
                    let loaded = make(Array(repeating: LAMINA_ENTRY_RECEIVE, count: 3), on: socket)
                    stage.end(slot)
                    try checkEnds(loaded, rig)
                    try checkEnds(make([LAMINA_ENTRY_RECEIVE], on: socket), rig)
                    rig.close(socket)
                }
            },
            {
                try subject.onLoopback { rig in
                    let pair = try rig.pair()
                    let loaded = make(Array(repeating: LAMINA_ENTRY_RECEIVE, count: 3), on: pair.server)
                    _ = try rig.need("disconnect") { lamina_socket_disconnect(pair.client, nil, 0, 0, $0) }
                    try checkEnds(loaded, rig)
                    try checkEnds(make([LAMINA_ENTRY_RECEIVE], on: pair.server), rig)
                    pair.close()
                }
            }
        )
    }

    private static func checkEnds(_ loaded: Loaded, _ rig: Rig) throws {
        for (index, call) in loaded.calls.enumerated() {
            let end = try call.needEnd("\(rig.place), at the end of the stream")
            guard end.status != 0 || end.bytes != 0 else { continue }
            throw Finding(
                "receive",
                "\(rig.place): at the end of the stream receive \(index + 1) of \(loaded.calls.count) ended with "
                    + "\(Status.text(end.status)) and \(end.bytes) bytes",
                "let the end of a stream through: success and 0 bytes, for every receive"
            )
        }
    }
}
