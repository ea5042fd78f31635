import CLamina
import CLinux
import Glibc
import Lamina

/// Data that go from one end to the other.
enum TransferChecks {
    /// Bytes that differ everywhere.
    static func pattern(_ count: Int) -> [UInt8] { Array(bytes.prefix(count)) }

    private static let longest = 300_000
    private static let bytes: [UInt8] = {
        var state: UInt32 = 0x9E37_79B9
        return (0..<longest).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }()

    static func carriesData(_ subject: Subject) throws {
        try checkAll(
            { try subject.onLoopback { try stream($0) } },
            { try subject.onLoopback { try datagrams($0) } }
        )
    }

    private static func stream(_ rig: Rig) throws {
        let pair = try mustHave(rig) { try rig.pair() }
        for count in [1, 2, 63, 5_000, longest] {
            try carry(count, from: pair.client, to: pair.server, rig)
            try carry(count, from: pair.server, to: pair.client, rig)
        }
        pair.close()
    }

    /// A straight layer that decides nothing must let a connection come to be.
    private static func mustHave<Result>(_ rig: Rig, _ make: () throws -> Result) throws -> Result {
        do {
            return try make()
        } catch let reason as NotApplicable {
            guard rig.subject.isStraight, !rig.subject.decides, rig.subject.has([.connection, .stream]),
                rig.subject.has(.listen)
            else { throw reason }
            throw Finding("connect", reason.reason, "let sockets be opened, connected and accepted, or declare a phase")
        }
    }

    private static func carry(_ count: Int, from: lamina_socket, to: lamina_socket, _ rig: Rig) throws {
        let sent = Ask(LAMINA_ENTRY_SEND, payload: pattern(count))
        let sending = Call(sent.name)
        sending.make { sent.issue(from, $0) }
        var received: [UInt8] = []
        while received.count < count {
            let part = Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: min(65_536, count)))
            let call = Call(part.name)
            call.make { part.issue(to, $0) }
            guard let end = call.end(), end.status >= 0, end.bytes > 0 else {
                throw lost(count, received.count, call, rig)
            }
            received += part.content.prefix(end.bytes)
        }
        let end = try sending.needEnd(rig.place)
        guard end.status == 0, end.bytes == count else {
            throw Finding(
                "send",
                "\(rig.place): \(count) bytes were sent, and it ended with \(Status.text(end.status)) and \(end.bytes)",
                "tell the caller its own bytes: all of them, or an error"
            )
        }
        guard received == sent.payload else {
            let place = zip(received, sent.payload).enumerated().first { $1.0 != $1.1 }?.offset ?? count
            throw Finding(
                "receive",
                "\(rig.place): of \(count) bytes, byte \(place) arrived changed",
                "let the far end get what was sent"
            )
        }
    }

    private static func lost(_ count: Int, _ arrived: Int, _ call: Call, _ rig: Rig) -> Finding {
        let status = call.ends.first.map { Status.text($0.status) } ?? "nothing more"
        return Finding(
            "receive",
            "\(rig.place): of \(count) bytes \(arrived) arrived, then \(status)",
            "let the far end get all that was sent"
        )
    }

    private static func datagrams(_ rig: Rig) throws {
        let (one, two, address) = try rig.datagrams()
        for count in [1, 100, 1_200] {
            let send = Ask(LAMINA_ENTRY_SEND_TO, payload: pattern(count), address: address)
            let sending = Call(send.name)
            sending.make { send.issue(one, $0) }
            _ = try sending.needEnd(rig.place)
            let receive = Ask(LAMINA_ENTRY_RECEIVE_FROM, payload: Array(repeating: 0, count: 2_000))
            let receiving = Call(receive.name)
            receiving.make { receive.issue(two, $0) }
            guard let end = receiving.end(), end.status >= 0 else { throw lost(count, 0, receiving, rig) }
            guard Array(receive.content.prefix(end.bytes)) == send.payload else {
                throw Finding(
                    "receive_from",
                    "\(rig.place): a datagram of \(count) bytes arrived as \(end.bytes), or changed",
                    "let the far end get what was sent"
                )
            }
        }
        rig.close(one)
        rig.close(two)
    }
}
