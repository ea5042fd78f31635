import CLamina
import CLinux
import Glibc
import Lamina

/// What becomes of a call on its way down, and of its result on its way up.
enum ForwardingChecks {
    // MARK: - Copies

    private static let copied: [(SocketCategories, [Int])] = [
        (
            .connection,
            [LAMINA_ENTRY_SEND, LAMINA_ENTRY_DISCONNECT, LAMINA_ENTRY_CONTROL, LAMINA_ENTRY_RECEIVE]
        ), (.datagram, [LAMINA_ENTRY_SEND_TO, LAMINA_ENTRY_RECEIVE_FROM]),
    ]

    static func copiesBeforeReturn(_ subject: Subject) throws {
        let onStage = copied.flatMap { category, entries in
            entries.map { entry in { try subject.onStage { try copies($0, category, entry) } } }
        }
        let connects = [LAMINA_ENTRY_CONNECT, LAMINA_ENTRY_CONNECT_WITH_DATA].map { entry in
            { try subject.onStage { try copies($0, .connection, entry) } }
        }
        let transfers = { try subject.onLoopback { try copiesOverLoopback($0) } }
        try checkAll(onStage + connects + [transfers])
    }

    private static func isReceive(_ entry: Int) -> Bool {
        entry == LAMINA_ENTRY_RECEIVE || entry == LAMINA_ENTRY_RECEIVE_FROM
    }

    private static func copies(_ rig: Rig, _ category: SocketCategories, _ entry: Int) throws {
        let kept = try seen(rig, category, entry, spoiling: false)
        let spoilt = try seen(rig, category, entry, spoiling: true)
        // What a layer transforms differs below on purpose; over loopback the far end tells.
        guard rig.effect < .transform, let kept, let spoilt, let difference = spoilt.difference(from: kept) else {
            return
        }
        throw Finding(
            EntryName.of(entry),
            "\(rig.place): \(difference), because descriptors, address or input were read after the return",
            "copy descriptors, addresses and input before the call returns"
        )
    }

    /// What arrives below of a call, whose caller spoils what it need not keep or keeps it.
    private static func seen(
        _ rig: Rig,
        _ category: SocketCategories,
        _ entry: Int,
        spoiling: Bool
    ) throws -> Seen? {
        try rig.subject.need(category)
        let connects = entry == LAMINA_ENTRY_CONNECT || entry == LAMINA_ENTRY_CONNECT_WITH_DATA
        let socket = connects ? try rig.open(category) : try rig.ready(category)
        let (stage, slot) = try rig.below()
        stage.forget()
        stage.answer(entry, .later)
        let marker = Ask.marker
        let ask = Ask(entry, payload: isReceive(entry) ? Array(repeating: 0, count: marker.count) : marker)
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        if spoiling { ask.spoil() }
        _ = Patience.wait(300) { stage.heldCount() > 0 || call.hasEnded }
        if isReceive(entry) {
            stage.answer(entry, .now)
            stage.deliver(marker, to: slot, datagram: category == .datagram)
        }
        while !call.hasEnded, stage.finish(nil) {}
        let end = call.end()
        stage.answer(entry, .now)
        if spoiling { try checkPoison(ask, rig) }
        let isMoved = isReceive(entry) && rig.effect < .transform && spoiling
        if isMoved, let end, end.status >= 0, ask.content.prefix(end.bytes) != marker.prefix(end.bytes) {
            throw Finding(
                ask.name,
                "\(rig.place): \(end.bytes) bytes were received and are not where the descriptors said",
                "copy descriptors before the call returns"
            )
        }
        let seen = stage.seen.first { $0.entry == entry }
        if call.hasEnded { rig.close(socket) }
        return seen
    }

    private static func checkPoison(_ ask: Ask, _ rig: Rig) throws {
        guard ask.isPoisonTouched else { return }
        throw Finding(
            ask.name,
            "\(rig.place): memory was written through descriptors that were read after the call had returned",
            "copy descriptors before the call returns"
        )
    }

    private static func copiesOverLoopback(_ rig: Rig) throws {
        try checkAll(
            {
                let pair = try rig.pair()
                for _ in 0..<4 {
                    let receive = Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: Ask.marker.count))
                    let receiving = Call(receive.name)
                    receiving.make { receive.issue(pair.server, $0) }
                    receive.spoil()
                    let send = Ask(LAMINA_ENTRY_SEND)
                    let sending = Call(send.name)
                    sending.make { send.issue(pair.client, $0) }
                    send.spoil()
                    try check(sending, send, receiving, receive, rig)
                }
                pair.close()
            },
            {
                let (one, two, address) = try rig.datagrams()
                let receive = Ask(LAMINA_ENTRY_RECEIVE_FROM, payload: Array(repeating: 0, count: Ask.marker.count))
                let receiving = Call(receive.name)
                receiving.make { receive.issue(two, $0) }
                receive.spoil()
                let send = Ask(LAMINA_ENTRY_SEND_TO, address: address)
                let sending = Call(send.name)
                sending.make { send.issue(one, $0) }
                send.spoil()
                try check(sending, send, receiving, receive, rig)
                rig.close(one)
                rig.close(two)
            }
        )
    }

    private static func check(_ sending: Call, _ send: Ask, _ receiving: Call, _ receive: Ask, _ rig: Rig) throws {
        let sent = try sending.needEnd(rig.place)
        guard sent.status >= 0 else {
            throw Finding(
                send.name,
                "\(rig.place): ended with \(Status.text(sent.status)), with descriptors, address and control data "
                    + "that are gone after the return",
                "copy descriptors, addresses, control data and input before the call returns"
            )
        }
        let end = try receiving.needEnd(rig.place)
        try checkPoison(receive, rig)
        guard end.status >= 0, receive.content.prefix(end.bytes) == send.payload.prefix(end.bytes) else {
            throw Finding(
                receive.name,
                "\(rig.place): what arrived is not what was sent, with descriptors that are gone after the return",
                "copy descriptors, addresses and input before the call returns"
            )
        }
    }

    // MARK: - Unchanged

    static func forwardsUnchanged(_ subject: Subject) throws {
        guard subject.isStraight else {
            throw NotApplicable("it is a \(subject.provider.manifest.kind.rawValue) provider")
        }
        try subject.onStage { rig in
            guard rig.effect < .transform else { throw NotApplicable("it says that it transforms data") }
            try checkAll(
                [SocketCategories.connection, .datagram, .listen].map { category in
                    {
                        try subject.need(category)
                        for entry in Battery.entries(of: category) { try forward(entry, category, rig) }
                    }
                }
            )
        }
    }

    private static func forward(_ entry: Int, _ category: SocketCategories, _ rig: Rig) throws {
        guard let stage = rig.stage else { return }
        let connects = [LAMINA_ENTRY_CONNECT, LAMINA_ENTRY_CONNECT_WITH_DATA, LAMINA_ENTRY_BIND].contains(entry)
        let isFresh = category == .listen || connects
        let socket = isFresh ? try rig.open(category) : try rig.ready(category)
        let (_, slot) = try rig.below()
        let isReceive = isReceive(entry) || entry == LAMINA_ENTRY_RECEIVE_MESSAGES
        let marker = Ask.marker
        if isReceive { stage.deliver(marker, to: slot, datagram: category == .datagram) }
        stage.forget()
        let ask = Ask(entry, payload: isReceive ? Array(repeating: 0, count: marker.count) : marker)
        let expected = ask.expected
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        let end = try call.needEnd(rig.place)
        let seen = stage.seen
        rig.close(socket)
        let isFilled = rig.chain.instances[0].entryNames.contains(ask.name)
        let arrived = seen.first { $0.entry == entry }
        // An empty entry of a class that the level is in reaches it by an adapter, or is not supported.
        if !isFilled, arrived?.difference(from: expected) != nil || arrived == nil {
            if end.status == -EOPNOTSUPP || isReceive { return }
            if seen.flatMap(\.bytes) == expected.bytes { return }
        }
        guard let same = arrived else {
            if rig.subject.decides { return }
            throw Finding(
                ask.name,
                "\(rig.place): ended with \(Status.text(end.status)) and never arrived below",
                "pass the call on, or declare a phase that decides (firewall, redirector, proxy)"
            )
        }
        if let difference = same.difference(from: expected, addressesMayDiffer: rig.subject.decides) {
            throw Finding(
                ask.name,
                "\(rig.place): \(difference)",
                "pass arguments on as they came, or declare the effect transform"
            )
        }
        let wanted: lamina_status = entry == LAMINA_ENTRY_ACCEPT ? -ECONNABORTED : 0
        guard end.status == wanted else {
            throw Finding(
                ask.name,
                "\(rig.place): the base answered \(Status.text(wanted)) and the caller got \(Status.text(end.status))",
                "leave the status as it is"
            )
        }
        let isMessages = entry == LAMINA_ENTRY_SEND_MESSAGES || entry == LAMINA_ENTRY_RECEIVE_MESSAGES
        let moved = isReceive ? marker.count : entry == LAMINA_ENTRY_CONTROL ? 0 : same.bytes.count
        if !isMessages, end.bytes != moved {
            throw Finding(
                ask.name,
                "\(rig.place): the base moved \(moved) bytes and the caller was told \(end.bytes)",
                "leave the byte count as it is"
            )
        }
        if isReceive, !isMessages, ask.content != marker {
            throw Finding(
                ask.name,
                "\(rig.place): what the base delivered reached the caller with another content",
                "leave data as they are, or declare the effect transform"
            )
        }
    }

    // MARK: - Frames

    static func framesBalanced(_ subject: Subject) throws {
        try subject.onStage { rig in
            var count = 0
            for category in [SocketCategories.connection, .datagram, .listen] where subject.has(category) {
                for entry in Battery.entries(of: category) {
                    let isFresh =
                        category == .listen || entry == LAMINA_ENTRY_CONNECT
                        || entry == LAMINA_ENTRY_CONNECT_WITH_DATA
                    guard let socket = isFresh ? try? rig.open(category) : try? rig.ready(category) else { continue }
                    rig.stage?.forget()
                    let ask = Ask(entry)
                    let call = Call(ask.name)
                    call.make { ask.issue(socket, $0) }
                    _ = call.end(within: 50)
                    for seen in rig.stage?.seen ?? [] {
                        count += 1
                        guard let fault = seen.frameFault else { continue }
                        throw Finding(
                            seen.name,
                            "\(rig.place): \(fault)",
                            "push one frame for each time that the request passes the level"
                        )
                    }
                    rig.close(socket)
                }
            }
            guard count > 0 else { throw NotApplicable("no call arrived below it") }
        }
    }
}
