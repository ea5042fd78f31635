import CLinux
import Glibc
import Lamina

/// The target's side, word by word.
final class RawRendezvous {
    private let connection: Int32
    private var received: [Int32] = []

    init(_ info: ProtocolInfo) throws {
        let name = "lamina-" + Hexadecimal.text(Array(info.bytes[136..<152]))
        connection = clinux_packet_connect(name)
        guard connection >= 0 else { throw LaminaError(.refused, "rendezvous", "refused", errno: -connection) }
    }

    deinit {
        for descriptor in received + [connection] { close(descriptor) }
    }

    /// Redeem, ready, adopted: as many of them as are asked for, with the answers in between.
    func run(_ info: ProtocolInfo, steps: Int) throws -> String {
        var seen = "connected"
        let words: [HandoffMessage] = [.redeem(info.bytes), .ready, .adopted]
        for word in words.prefix(steps) {
            seen = say(word)
            if seen == "gone" || seen.hasPrefix("refused") { break }
        }
        return seen
    }

    /// Says one word, and gives what comes next.
    func say(_ word: HandoffMessage) -> String {
        _ = send(word.bytes)
        return wait()
    }

    func send(_ bytes: [UInt8]) -> String {
        let status = bytes.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -EINVAL }
            return clinux_packet_send(connection, base, bytes.count, nil, 0)
        }
        return status == 0 ? "sent" : "\(status)"
    }

    /// What comes next, and how many descriptors beside it.
    func wait() -> String {
        var packet = [UInt8](repeating: 0, count: HandoffMessage.longest)
        var descriptors = [Int32](repeating: -1, count: 64)
        var count: Int32 = 0
        _ = clinux_wait_for(connection, Int16(POLLIN), -1, -1, Deadline.after(seconds: 20))
        let length = packet.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return -1 }
            return clinux_packet_receive(connection, base, bytes.count, &descriptors, &count)
        }
        received += descriptors.prefix(Int(count))
        guard length > 0, let message = try? HandoffMessage(parsing: Array(packet[..<length])) else { return "gone" }
        switch message {
        case .chain: return "chain \(count)"
        case .state: return "state \(count)"
        case .commit: return "commit"
        case .refused(let errno, _, _): return "refused \(errno)"
        default: return "other"
        }
    }
}
