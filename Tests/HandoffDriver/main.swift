import CLamina
import CLinux
import Glibc
import Lamina

// A process that has sockets, hands them over and takes them, as its standard input says: a command a line, and an answer
// line for each, `NUMBER RESULT`. It can also behave as no honest process does.

/// What the commands work on.
struct Driver {
    var own: Socket?
    var peer: Socket?
    var value: ProtocolInfo?
    var rendezvous: RawRendezvous?
    var pending: PendingReceive?

    func socket() throws -> Socket {
        guard let own else { throw LaminaError(.notFound, "socket", "there is none") }
        return own
    }

    func far() throws -> Socket {
        guard let peer else { throw LaminaError(.notFound, "peer", "there is none") }
        return peer
    }

    mutating func answer(_ words: [String]) throws -> String {
        let argument = words.count > 1 ? words[1] : ""
        switch words[0] {
        case "pid": return "\(getpid())"
        case "user":
            let user = UInt32(argument) ?? 0
            return setuid(user) == 0 ? "ok" : "failed"
        case "fds": return "\(Self.descriptorCount)"
        case "open":
            // Base, then layers.
            let chain = try Chain(
                layers: words.dropFirst(2).map { try LayerSpecification(parsing: $0) },
                base: try LayerSpecification(parsing: argument)
            )
            let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
            own = try chain.connect(to: try listener.waiting.localAddress())
            peer = try listener.waiting.accept(deadline: Deadline.after(seconds: 20))
            try listener.waiting.close()
            return "ok"
        case "adopt":
            let base = try LayerSpecification(parsing: words.count > 2 ? words[2] : "kernel")
            own = try Socket(adopting: Int32(argument) ?? -1, on: try Chain(layers: [], base: base))
            return "ok"
        case "duplicate":
            let info = try socket().duplicate(
                for: Int32(argument) ?? 0,
                mode: words.count > 3 ? (words[3] == "move" ? .move : .share) : nil,
                validFor: words.count > 2 ? Int64(words[2]) ?? 0 : 30_000
            )
            value = info
            return Self.hexadecimal(info.bytes)
        case "churn":
            // Values that nobody uses.
            for _ in 0..<(Int(argument) ?? 0) {
                guard try socket().duplicate(for: getpid()).withdraw() else { return "not withdrawn" }
            }
            return "ok"
        case "flood":
            var values: [ProtocolInfo] = []
            defer { for value in values { value.withdraw() } }
            do {
                for _ in 0..<200 { values.append(try socket().duplicate(for: getpid())) }
            } catch { return "\(values.count) \(error)" }
            return "\(values.count)"
        case "withdraw": return value?.withdraw() == true ? "ok" : "too late"
        case "redeem":
            let info = try ProtocolInfo(parsing: Self.bytes(argument))
            own = try Socket(from: info, deadline: Deadline.after(seconds: 25))
            return "ok \(try socket().chain.labels.joined(separator: "/"))"
        case "again":
            // A thousand handovers to itself.
            let chain = try socket()
            for _ in 0..<(Int(argument) ?? 0) {
                let other = try Socket(from: try chain.duplicate(for: getpid()))
                try other.waiting.close()
            }
            return "ok"
        case "send":
            try socket().waiting.send(Array(argument.utf8), deadline: Deadline.after(seconds: 20))
            return "ok"
        case "peer-send":
            try far().waiting.send(Array(argument.utf8), deadline: Deadline.after(seconds: 20))
            return "ok"
        case "receive": return try Self.receive(try socket(), argument)
        case "peer-receive": return try Self.receive(try far(), argument)
        case "pend":
            let pending = PendingReceive()
            self.pending = pending
            return "\(pending.start(try socket()))"
        case "pended": return pending?.result ?? "none"
        case "close":
            try socket().waiting.close()
            own = nil
            return "ok"
        case "close-peer":
            try far().waiting.close()
            peer = nil
            return "ok"
        case "raw":
            // Connects as if it were the target, and stops after STEP words.
            let info = try ProtocolInfo(parsing: Self.bytes(words.count > 2 ? words[2] : ""))
            let made = try RawRendezvous(info)
            rendezvous = made
            return try made.run(info, steps: Int(argument) ?? 0)
        case "garbage":
            let info = try ProtocolInfo(parsing: Self.bytes(words.count > 2 ? words[2] : ""))
            let made = try RawRendezvous(info)
            rendezvous = made
            return made.send([UInt8](repeating: 0xA5, count: Int(argument) ?? 0)) + " " + made.wait()
        case "cut":
            let bytes = Self.bytes(argument)
            return Self.refusals(of: (0..<bytes.count).map { Array(bytes[..<$0]) } + [bytes + [0]], .invalidArgument)
        case "flip":
            let bytes = Self.bytes(argument)
            let flipped = bytes.indices.map { place in bytes.indices.map { bytes[$0] ^ ($0 == place ? 1 : 0) } }
            return Self.refusals(of: flipped, .invalidArgument)
        case "fit":
            // One byte changed, and made to look right again.
            let bytes = Self.bytes(argument)
            return Self.refusals(of: (0..<248).map { Self.edited(bytes, at: $0) }, nil)
        case "die": clinux_leave(9)
        default: return "unknown"
        }
    }

    private static func receive(_ socket: Socket, _ count: String) throws -> String {
        let bytes = try socket.waiting.receive(
            upTo: Int(count) ?? 1,
            all: true,
            deadline: Deadline.after(seconds: 20)
        )
        return "got \(String(decoding: bytes, as: UTF8.self))"
    }

    private static var descriptorCount: Int {
        guard let folder = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func bytes(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private static func edited(_ bytes: [UInt8], at place: Int) -> [UInt8] {
        var bytes = bytes
        bytes[place] ^= 1
        let digest = SHA256.hexadecimal(of: Array(bytes[..<248]))
        bytes.replaceSubrange(248..<256, with: Self.bytes(digest).prefix(8))
        return bytes
    }

    /// Tries each of the values; "ok" where all are refused, with this code if one is given.
    private static func refusals(of values: [[UInt8]], _ code: LaminaError.Code?) -> String {
        for (place, value) in values.enumerated() {
            do throws(LaminaError) {
                let socket = try Socket(from: try ProtocolInfo(parsing: value))
                socket.close()
                return "\(place) was taken"
            } catch {
                if let code, error.code != code { return "\(place) \(error)" }
            }
        }
        return "ok"
    }
}

/// A receive that pends.
final class PendingReceive: @unchecked Sendable {
    // Written by the completion before `isDone`.
    private let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private let room = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
    private var isDone: UInt32 = 0

    func start(_ socket: Socket) -> Int32 {
        lamina_request_prepare(
            request,
            { _, _, context in
                guard let context else { return 0 }
                let own = Unmanaged<PendingReceive>.fromOpaque(context).takeUnretainedValue()
                clinux_store_u32(&own.isDone, 1)
                return 0
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        var buffer = lamina_buffer(base: room, length: 64)
        return lamina_socket_receive(socket.handle, &buffer, 1, 0, request)
    }

    /// How it ended, once it has.
    var result: String {
        let deadline = Deadline.after(seconds: 20)
        while clinux_load_u32(&isDone) == 0 {
            if clinux_monotonic() > deadline { return "pends" }
            sched_yield()
        }
        return "\(request.pointee.status) \(request.pointee.bytes)"
    }
}

/// The target's side, word by word.
final class RawRendezvous {
    private let connection: Int32
    private var received: [Int32] = []

    init(_ info: ProtocolInfo) throws {
        let name = "lamina-" + Driver.hexadecimal(Array(info.bytes[136..<152]))
        connection = clinux_packet_connect(name)
        guard connection >= 0 else { throw LaminaError(.refused, "rendezvous", "refused", errno: -connection) }
    }

    deinit { close(connection) }

    /// Redeem, ready, adopted: as many of them as are asked for, with the answers in between.
    func run(_ info: ProtocolInfo, steps: Int) throws -> String {
        var seen = "connected"
        let words: [HandoffMessage] = [.redeem(info.bytes), .ready, .adopted]
        for word in words.prefix(steps) {
            _ = send(word.bytes)
            seen = wait()
            if seen == "gone" || seen.hasPrefix("refused") { break }
        }
        return seen
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

var driver = Driver()
var number = 0
while let line = readLine() {
    number += 1
    let words = line.split(separator: " ").map(String.init)
    let result: String
    do {
        result = try driver.answer(words)
    } catch let error as LaminaError {
        result = "error \(error.code) \(error.errno) \(error)"
    } catch {
        result = "error \(error)"
    }
    print("\(number) \(result)")
    fflush(nil)
}
