import CLamina
import CLinux
import Glibc
import Lamina

/// How requests end: once, marked truthfully, in order.
enum CompletionChecks {
    static func completesOnce(_ subject: Subject) throws {
        let battery = try Battery.run(on: subject)
        Patience.pass()
        for report in battery.reports {
            let call = report.call
            let circumstance = "\(report.place), \(report.circumstance)"
            if call.ends.isEmpty {
                throw Finding(
                    call.subject,
                    "\(circumstance): answered \(call.returned.map(Status.text) ?? "nothing") and never completed",
                    "complete the request also where the call answers an error"
                )
            }
            if call.ends.count > 1 {
                throw Finding(
                    call.subject,
                    "\(circumstance): completed \(call.ends.count) times",
                    "leave a request alone once it was completed or passed on"
                )
            }
        }
    }

    static func pendingIsMarked(_ subject: Subject) throws {
        for report in try Battery.run(on: subject).reports {
            let call = report.call
            guard let end = call.ends.first, let returned = call.returned else { continue }
            let circumstance = "\(report.place), \(report.circumstance)"
            if returned == LAMINA_PENDING, !end.wasMarked {
                throw Finding(
                    call.subject,
                    "\(circumstance): answered LAMINA_PENDING for a request that nobody had marked",
                    "return what lamina_complete or the call below answered, and mark_pending what a frame keeps"
                )
            }
            if returned != LAMINA_PENDING, end.wasMarked {
                throw Finding(
                    call.subject,
                    "\(circumstance): marked the request as pending and answered \(Status.text(returned))",
                    "return LAMINA_PENDING for a request that was held or marked"
                )
            }
            if returned != LAMINA_PENDING, returned != end.status {
                throw Finding(
                    call.subject,
                    "\(circumstance): answered \(Status.text(returned)) and completed with \(Status.text(end.status))",
                    "return what lamina_complete or the call below answered"
                )
            }
        }
    }

    // MARK: - Order

    static func order(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { try sends($0, later: false) } },
            { try subject.onStage { try sends($0, later: true) } },
            { try subject.onStage { try receives($0) } },
            { try subject.onLoopback { try stream($0) } }
        )
    }

    private static let count = 40

    /// A payload that says which one it is.
    private static func payload(_ index: Int) -> [UInt8] { Array("message \(index + 100), of some".utf8) }

    private static func sends(_ rig: Rig, later: Bool) throws {
        try checkAll(
            [SocketCategories.connection, .datagram].map { category in
                {
                    try rig.subject.need(category)
                    if category == .datagram, rig.subject.provider.manifest.reorders {
                        throw NotApplicable("it reorders datagrams on purpose")
                    }
                    let socket = try rig.ready(category)
                    let (stage, _) = try rig.below()
                    let entry = category == .datagram ? LAMINA_ENTRY_SEND_TO : LAMINA_ENTRY_SEND
                    if later { stage.answer(entry, .later) }
                    let asks = (0..<count).map { Ask(entry, payload: payload($0)) }
                    let calls = asks.map { Call($0.name) }
                    for (ask, call) in zip(asks, calls) { call.make { ask.issue(socket, $0) } }
                    if later {
                        _ = Patience.wait(500) { stage.heldCount() >= count }
                        while stage.finish(nil) {}
                    }
                    _ = Patience.wait(Patience.call) { calls.allSatisfy(\.hasEnded) }
                    try check(calls, rig)
                    let arrived = stage.seen.filter { $0.entry == entry }.map(\.bytes)
                    if rig.effect < .transform, arrived != asks.map(\.payload) {
                        throw Finding(
                            EntryName.of(entry),
                            "\(rig.place): \(count) calls arrived below in another order, or not as they were made",
                            "pass calls of one socket and direction on in the order in which they came"
                        )
                    }
                    rig.close(socket)
                }
            }
        )
    }

    private static func receives(_ rig: Rig) throws {
        let socket = try rig.ready(.connection)
        let (stage, slot) = try rig.below()
        let asks = (0..<count).map { _ in Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: 24)) }
        let calls = asks.map { Call($0.name) }
        for (ask, call) in zip(asks, calls) { call.make { ask.issue(socket, $0) } }
        for index in 0..<count {
            stage.deliver(payload(index), to: slot)
        }
        _ = Patience.wait(Patience.call) { calls.allSatisfy(\.hasEnded) }
        try check(calls, rig)
        rig.close(socket)
    }

    private static func stream(_ rig: Rig) throws {
        let pair = try rig.pair()
        let length = payload(0).count
        let receives = (0..<count).map { _ in Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: length)) }
        let calls = receives.map { Call($0.name) }
        for (ask, call) in zip(receives, calls) {
            call.make { lamina_socket_receive(pair.server, ask.room, 1, UInt32(LAMINA_RECEIVE_WAIT_ALL), $0) }
        }
        let sends = (0..<count).map { Ask(LAMINA_ENTRY_SEND, payload: payload($0)) }
        let sendCalls = sends.map { Call($0.name) }
        for (ask, call) in zip(sends, sendCalls) { call.make { ask.issue(pair.client, $0) } }
        _ = Patience.wait(Patience.call) { (calls + sendCalls).allSatisfy(\.hasEnded) }
        try check(calls, rig)
        try check(sendCalls, rig)
        guard receives.map(\.content) == sends.map(\.payload) else {
            throw Finding(
                "receive",
                "\(rig.place): receives were filled in another order than they were made in",
                "fill and complete the requests of one direction in the order of the calls"
            )
        }
        pair.close()
    }

    private static func check(_ calls: [Call], _ rig: Rig) throws {
        let sequence = calls.compactMap { $0.ends.first?.sequence }
        for (index, pair) in zip(sequence, sequence.dropFirst()).enumerated() where pair.0 > pair.1 {
            throw Finding(
                calls[index].subject,
                "\(rig.place): call \(index + 2) of \(calls.count) completed before call \(index + 1)",
                "hold the later completions of a direction behind one that is held"
            )
        }
    }
}
