import CLamina
import Glibc
import Lamina

/// Calls of every entry, ended in every way: what `completes-once` and `pending-is-marked` look at.
final class Battery {
    /// One call, when all are over.
    struct Report {
        let call: Call
        let place: String
        /// `where the base ends it inside the call`.
        let circumstance: String
    }

    private(set) var reports: [Report] = []

    /// Makes the calls at every place.
    static func run(on subject: Subject) throws -> Battery {
        let battery = Battery()
        try checkAll(
            { try subject.onStage { try battery.playStage($0) } },
            { try subject.onLoopback { try battery.playLoopback($0) } }
        )
        return battery
    }

    /// The entries that a program calls on a socket of a category.
    static func entries(of category: SocketCategories) -> [Int] {
        let others = [LAMINA_ENTRY_INSPECT_COMPLETE, LAMINA_ENTRY_RELEASE, LAMINA_ENTRY_ENABLE_INDICATIONS]
        return (0..<Int(LAMINA_ENTRY_COUNT)).filter { number in
            let entry = lamina_describe_entry(UInt32(number)).pointee
            return entry.chain == 0 && entry.classes & UInt32(LAMINA_CLASS_LIFETIME) == 0
                && entry.categories & category.rawValue != 0 && !others.contains { Int($0) == number }
        }
    }

    private enum Mode: CaseIterable {
        case now, fail, later, laterFailing, elsewhere

        var circumstance: String {
            switch self {
            case .now: "where the base ends it inside the call"
            case .fail: "where the base fails it inside the call"
            case .later: "where the base ends it later"
            case .laterFailing: "where the base fails it later"
            case .elsewhere: "where the base ends it on another thread at once"
            }
        }
        var answer: Stage.Answer {
            switch self {
            case .now: .now
            case .fail: .fail(-EIO)
            case .later, .laterFailing: .later
            case .elsewhere: .elsewhere
            }
        }
    }

    private func playStage(_ rig: Rig) throws {
        var tried = 0
        for category in [SocketCategories.connection, .datagram, .listen] where rig.subject.has(category) {
            for entry in Self.entries(of: category) {
                for mode in Mode.allCases {
                    do {
                        try play(entry, mode, category, rig)
                        tried += 1
                    } catch let reason as NotApplicable {
                        if entry != Int(LAMINA_ENTRY_CONNECT), tried == 0 { throw reason }
                    }
                }
            }
        }
    }

    private func play(_ entry: Int, _ mode: Mode, _ category: SocketCategories, _ rig: Rig) throws {
        guard let stage = rig.stage else { return }
        let connects = [LAMINA_ENTRY_CONNECT, LAMINA_ENTRY_CONNECT_WITH_DATA, LAMINA_ENTRY_BIND]
        let isFresh = category == .listen || connects.contains { Int($0) == entry }
        let socket = isFresh ? try rig.open(category) : try rig.ready(category)
        let receives = [
            LAMINA_ENTRY_RECEIVE, LAMINA_ENTRY_RECEIVE_FROM, LAMINA_ENTRY_RECEIVE_MESSAGES, LAMINA_ENTRY_ACCEPT,
        ]
        if stage.someSlot == nil, mode != .now || receives.contains(entry) {
            rig.close(socket)
            throw NotApplicable("no socket of the rest of the chain stands below it")
        }
        // A receive that is answered at once needs something to receive.
        if case .now = mode, let slot = stage.someSlot {
            stage.deliver(Ask.marker, to: slot, datagram: category == .datagram)
        }
        // All of them, because an adapter may make another entry of this one.
        stage.answerAll(mode.answer)
        let ask = Ask(entry)
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        switch mode {
        case .later, .laterFailing:
            _ = Patience.wait(300) { stage.heldCount() > 0 || call.hasEnded }
            let status: lamina_status = mode == .later && entry != Int(LAMINA_ENTRY_ACCEPT) ? 0 : -EIO
            while !call.hasEnded, stage.heldCount() > 0 {
                let worker = Worker { if !stage.finish(entry, status) { stage.finish(nil, status) } }
                worker.join()
                _ = Patience.wait(50) { call.hasEnded || stage.heldCount() > 0 }
            }
        default: break
        }
        _ = call.end()
        stage.answerAll(.now)
        kept.append(ask)
        reports.append(Report(call: call, place: rig.place, circumstance: mode.circumstance))
        // A call that never ends would hold up the close, and this is not the rule for that.
        if call.hasEnded { rig.close(socket) }
    }

    private func playLoopback(_ rig: Rig) throws {
        try checkAll(
            { try self.playStream(rig) },
            { try self.playDatagrams(rig) }
        )
    }

    private func note(
        _ entry: Int,
        _ socket: lamina_socket,
        _ rig: Rig,
        _ circumstance: String,
        address: lamina_address? = nil,
        meanwhile: () -> Void = {}
    ) {
        let ask = Ask(entry, address: address)
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        meanwhile()
        _ = call.end()
        reports.append(Report(call: call, place: rig.place, circumstance: circumstance))
        kept.append(ask)
    }

    /// Arguments live as long as their requests may.
    private var kept: [Ask] = []

    private func playStream(_ rig: Rig) throws {
        let pair = try rig.pair()
        let fresh = try rig.open(.connection)
        note(LAMINA_ENTRY_CONTROL, pair.client, rig, "on a connection")
        note(LAMINA_ENTRY_LOCAL_ADDRESS, pair.client, rig, "on a connection")
        note(LAMINA_ENTRY_REMOTE_ADDRESS, pair.client, rig, "on a connection")
        note(LAMINA_ENTRY_SEND, pair.client, rig, "with room for it")
        note(LAMINA_ENTRY_RECEIVE, pair.server, rig, "with data there")
        note(LAMINA_ENTRY_RECEIVE, pair.server, rig, "before the data") {
            let ask = Ask(Int(LAMINA_ENTRY_SEND))
            let call = Call(ask.name)
            call.make { ask.issue(pair.client, $0) }
            _ = call.end()
        }
        note(LAMINA_ENTRY_SEND, fresh, rig, "without a connection")
        note(LAMINA_ENTRY_REMOTE_ADDRESS, fresh, rig, "without a connection")
        note(LAMINA_ENTRY_DISCONNECT, pair.client, rig, "with final data")
        note(LAMINA_ENTRY_SEND, pair.client, rig, "after the end")
        let (listener, address) = try rig.listener()
        note(LAMINA_ENTRY_CONNECT, fresh, rig, "to a listener", address: address)
        note(LAMINA_ENTRY_ACCEPT, listener, rig, "with a connection there")
        let other = try rig.open(.connection)
        note(LAMINA_ENTRY_CONNECT_WITH_DATA, other, rig, "to a listener", address: address)
        rig.close(other)
        for report in reports {
            for end in report.call.ends { if let socket = end.socket { rig.close(socket) } }
        }
        rig.close(fresh)
        rig.close(listener)
        pair.close()
    }

    private func playDatagrams(_ rig: Rig) throws {
        let (one, two, address) = try rig.datagrams()
        note(LAMINA_ENTRY_SEND_TO, one, rig, "with room for it", address: address)
        note(LAMINA_ENTRY_RECEIVE_FROM, two, rig, "with a datagram there")
        note(LAMINA_ENTRY_SEND_MESSAGES, one, rig, "with room for them", address: address)
        note(LAMINA_ENTRY_RECEIVE_MESSAGES, two, rig, "with datagrams there")
        note(LAMINA_ENTRY_LOCAL_ADDRESS, one, rig, "on a bound socket")
        rig.close(one)
        rig.close(two)
    }
}
