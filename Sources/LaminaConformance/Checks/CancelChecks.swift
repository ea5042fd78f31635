import CLamina
import CLinux
import Glibc
import Lamina

/// Requests that end early: by a cancel, by their deadline.
enum CancelChecks {
    private static let entries: [(SocketCategories, Int)] = [
        (.connection, LAMINA_ENTRY_RECEIVE), (.connection, LAMINA_ENTRY_SEND), (.connection, LAMINA_ENTRY_CONTROL),
        (.datagram, LAMINA_ENTRY_RECEIVE_FROM), (.datagram, LAMINA_ENTRY_SEND_TO),
    ]

    static func cancel(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { rig in try onStage(rig, .cancelled) } },
            { try subject.onStage(race) },
            { try subject.onLoopback { rig in try onLoopback(rig, .cancelled) } }
        )
    }

    static func deadline(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { rig in try onStage(rig, .expired) } },
            { try subject.onLoopback { rig in try onLoopback(rig, .expired) } }
        )
    }

    private enum Reason {
        case cancelled, expired

        var status: lamina_status { self == .cancelled ? -ECANCELED : -ETIMEDOUT }
    }

    /// How far ahead a deadline is set, in milliseconds.
    private static let ahead: Int64 = 30

    private static func onStage(_ rig: Rig, _ reason: Reason) throws {
        try checkAll(
            entries.map { category, entry in
                {
                    let socket = try rig.ready(category)
                    rig.stage?.answer(entry, .later)
                    let isReceive = entry == LAMINA_ENTRY_RECEIVE || entry == LAMINA_ENTRY_RECEIVE_FROM
                    let ask = Ask(entry, payload: isReceive ? Array(repeating: 0, count: 8) : Ask.marker)
                    try check(ask, socket, rig, reason)
                    rig.stage?.answer(entry, .now)
                    rig.close(socket)
                }
            }
        )
    }

    private static func onLoopback(_ rig: Rig, _ reason: Reason) throws {
        try checkAll(
            {
                let pair = try rig.pair()
                try check(Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: 8)), pair.server, rig, reason)
                try check(Ask(LAMINA_ENTRY_ACCEPT), pair.listener, rig, reason)
                pair.close()
            },
            {
                let (one, two, _) = try rig.datagrams()
                try check(Ask(LAMINA_ENTRY_RECEIVE_FROM, payload: Array(repeating: 0, count: 8)), two, rig, reason)
                rig.close(one)
                rig.close(two)
            }
        )
    }

    /// Makes a call that nothing ends, and ends it early.
    private static func check(_ ask: Ask, _ socket: lamina_socket, _ rig: Rig, _ reason: Reason) throws {
        let start = clinux_monotonic()
        let call = Call(ask.name, deadline: reason == .expired ? Deadline.after(milliseconds: ahead) : 0)
        call.make { ask.issue(socket, $0) }
        if reason == .cancelled {
            _ = Patience.wait(ahead) { call.hasEnded || rig.stage?.heldCount() ?? 1 > 0 }
            guard !call.hasEnded else { throw NotApplicable("\(ask.name) doesn't wait \(rig.place)") }
            _ = Requests.cancel(call.request)
        }
        guard call.returned == LAMINA_PENDING else { throw NotApplicable("\(ask.name) doesn't wait \(rig.place)") }
        guard let end = call.end() else {
            throw Finding(
                ask.name,
                reason == .cancelled
                    ? "\(rig.place): had not ended \(Patience.call) ms after it was cancelled"
                    : "\(rig.place): had not ended \(Patience.call) ms after its deadline",
                "hold with a cancel function that completes the request with lamina_cancel_status"
            )
        }
        guard end.status == reason.status || end.status >= 0 else {
            throw Finding(
                ask.name,
                "\(rig.place): ended with \(Status.text(end.status)) instead of \(Status.text(reason.status))",
                "complete with lamina_cancel_status"
            )
        }
        if end.status == reason.status, reason == .expired, clinux_monotonic() - start < (ahead - 1) * 1_000_000 {
            throw Finding(ask.name, "\(rig.place): timed out before its deadline", "leave deadlines to the framework")
        }
        if end.status >= 0 { throw NotApplicable("\(ask.name) doesn't wait \(rig.place)") }
    }

    /// Cancels and completions at the same time: one end each, whoever wins.
    private static func race(_ rig: Rig) throws {
        let socket = try rig.ready(.connection)
        let (stage, _) = try rig.below()
        stage.answer(LAMINA_ENTRY_SEND, .later)
        var calls: [Call] = []
        var asks: [Ask] = []
        for _ in 0..<60 {
            let ask = Ask(LAMINA_ENTRY_SEND)
            let call = Call(ask.name)
            call.make { ask.issue(socket, $0) }
            asks.append(ask)
            calls.append(call)
            guard Patience.wait(200, { stage.heldCount() > 0 }) else { break }
            let worker = Worker { stage.finish(LAMINA_ENTRY_SEND) }
            // Too late, it meets a request that was prepared anew and is never used.
            if !call.hasEnded { _ = Requests.cancel(call.request) }
            worker.join()
            _ = try call.needEnd(rig.place)
        }
        Patience.pass(10)
        for call in calls where call.ends.count > 1 {
            throw Finding(
                call.subject,
                "\(rig.place): completed \(call.ends.count) times where a cancel met the completion",
                "complete a held request only after lamina_request_claim, or in the cancel function"
            )
        }
        withExtendedLifetime(asks) {}
        rig.close(socket)
    }
}
