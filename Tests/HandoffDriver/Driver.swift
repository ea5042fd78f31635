import CLinux
import Glibc
import Lamina

/// What the commands work on.
struct Driver {
    var own: Socket?
    var peer: Socket?
    var value: ProtocolInfo?
    var rendezvous: RawRendezvous?
    var pending: PendingReceive?
    /// A descriptor that leads through the chain of `own`.
    var outer: Int32 = -1

    func socket() throws -> Socket {
        guard let own else { throw LaminaError(.notFound, "socket", "there is none") }
        return own
    }

    func far() throws -> Socket {
        guard let peer else { throw LaminaError(.notFound, "peer", "there is none") }
        return peer
    }

    /// Does what a line says.
    mutating func answer(_ words: [String]) throws -> String {
        let argument = words.count > 1 ? words[1] : ""
        if let result = try useSockets(words, argument) { return result }
        if let result = try handOver(words, argument) { return result }
        return try misbehave(words, argument) ?? "unknown"
    }

    // MARK: - Sockets

    private mutating func useSockets(_ words: [String], _ argument: String) throws -> String? {
        switch words[0] {
        case "user":
            let user = UInt32(argument) ?? 0
            return setuid(user) == 0 ? "ok" : "failed"
        case "fds": return "\(Self.descriptorCount)"
        case "open":
            let chain = try Self.chain(words)
            let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0))
            own = try chain.connect(to: try listener.waiting.localAddress())
            peer = try listener.waiting.accept(deadline: Deadline.after(seconds: 20))
            try listener.waiting.close()
        case "datagram":
            let made = try Self.chain(words).open(.datagram())
            try made.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
            own = made
        case "connect": try socket().waiting.connect(to: Address(host: "127.0.0.1", port: UInt16(argument) ?? 0))
        case "levels": return try socket().levels.map(\.label).joined(separator: "/")
        case "send": try socket().waiting.send(Array(argument.utf8), deadline: Deadline.after(seconds: 20))
        case "send-to": try socket().waiting.send(Array(argument.utf8), to: nil, deadline: Deadline.after(seconds: 20))
        case "peer-send": try far().waiting.send(Array(argument.utf8), deadline: Deadline.after(seconds: 20))
        case "receive": return try Self.receive(try socket(), argument)
        case "peer-receive": return try Self.receive(try far(), argument)
        case "peer-end":
            return try far().waiting.receive(upTo: 1, deadline: Deadline.after(seconds: 20)).isEmpty ? "ok" : "data"
        case "descriptor": outer = try socket().waiting.descriptor()
        case "through": return write(outer, argument, argument.utf8.count) == argument.utf8.count ? "ok" : "failed"
        case "pend":
            let pending = PendingReceive()
            self.pending = pending
            return "\(pending.start(try socket()))"
        case "pended": return pending?.result ?? "none"
        case "serve": return "\(try Self.serve(try socket()))"
        case "close":
            try socket().waiting.close()
            own = nil
        case "fork": return try answerInChild(Array(words.dropFirst()))
        default: return nil
        }
        return "ok"
    }

    /// Base, then layers.
    private static func chain(_ words: [String]) throws -> Chain {
        try Chain(
            layers: words.dropFirst(2).map { try LayerSpecification(parsing: $0) },
            base: try LayerSpecification(parsing: words.count > 1 ? words[1] : "kernel")
        )
    }

    private static func receive(_ socket: Socket, _ count: String) throws -> String {
        let bytes = try socket.waiting.receive(
            upTo: Int(count) ?? 1,
            all: true,
            deadline: Deadline.after(seconds: 20)
        )
        return "got \(String(decoding: bytes, as: UTF8.self))"
    }

    /// Takes connections, answers each one's byte with this process's id, and ends at the byte "q": how many there were.
    private static func serve(_ listener: Socket) throws -> Int {
        var count = 0
        while true {
            let taken = try listener.waiting.accept(deadline: Deadline.after(seconds: 20))
            let word = try taken.waiting.receive(upTo: 1, deadline: Deadline.after(seconds: 20))
            try taken.waiting.send(Array("\(getpid())\n".utf8))
            try taken.waiting.close()
            guard word != Array("q".utf8) else { return count }
            count += 1
        }
    }

    /// Does what the words say in a child process, and gives the child's answer.
    private mutating func answerInChild(_ words: [String]) throws -> String {
        var ends: [Int32] = [-1, -1]
        guard clinux_pipe(&ends) == 0 else { throw LaminaError(.system, "pipe", "can't be made", errno: errno) }
        let child = clinux_fork()
        if child == 0 {
            let text: String
            do { text = try answer(words) } catch { text = "error \(error)" }
            _ = write(ends[1], text, text.utf8.count)
            clinux_leave(0)
        }
        close(ends[1])
        defer { close(ends[0]) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &part, part.count), count > 0 { bytes += part[..<count] }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static var descriptorCount: Int {
        guard let folder = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }

    // MARK: - Handing over

    private mutating func handOver(_ words: [String], _ argument: String) throws -> String? {
        switch words[0] {
        case "duplicate":
            let info = try socket().duplicate(
                for: Int32(argument) ?? 0,
                mode: words.count > 3 ? (words[3] == "move" ? .move : .share) : nil,
                validFor: words.count > 2 ? Int64(words[2]) ?? 0 : 30_000
            )
            value = info
            return Hexadecimal.text(info.bytes)
        case "churn":
            // Values that nobody uses.
            for _ in 0..<(Int(argument) ?? 0) {
                guard try socket().duplicate(for: getpid()).withdraw() else { return "not withdrawn" }
            }
        case "flood":
            var values: [ProtocolInfo] = []
            defer { for value in values { value.withdraw() } }
            do {
                for _ in 0..<200 { values.append(try socket().duplicate(for: getpid())) }
            } catch { return "\(values.count) \(error)" }
            return "\(values.count)"
        case "withdraw": return value?.withdraw() == true ? "ok" : "too late"
        case "redeem":
            let info = try ProtocolInfo(parsing: Hexadecimal.bytes(argument))
            own = try Socket(from: info, deadline: Deadline.after(seconds: 25))
            return "ok \(try socket().chain.labels.joined(separator: "/"))"
        case "again":
            // A thousand handovers to itself.
            let chain = try socket()
            for _ in 0..<(Int(argument) ?? 0) {
                let other = try Socket(from: try chain.duplicate(for: getpid()))
                try other.waiting.close()
            }
        case "adopt": try adopt(Int32(argument) ?? -1, words)
        case "take": try adopt(try Self.passed(at: argument), words)
        default: return nil
        }
        return "ok"
    }

    private mutating func adopt(_ descriptor: Int32, _ words: [String]) throws {
        own = try Socket(adopting: descriptor, on: try Self.chain(Array(words.dropFirst())))
    }

    /// The descriptor that somebody passes at an abstract Unix address.
    private static func passed(at name: String) throws -> Int32 {
        let connection = clinux_packet_connect(name)
        guard connection >= 0 else { throw LaminaError(.refused, name, "can't be reached", errno: -connection) }
        defer { close(connection) }
        var word: UInt8 = 0
        var descriptors = [Int32](repeating: -1, count: Int(clinux_most_descriptors))
        var count: Int32 = 0
        _ = clinux_wait_for(connection, Int16(POLLIN), -1, -1, Deadline.after(seconds: 20))
        let length = clinux_packet_receive(connection, &word, 1, &descriptors, &count)
        guard length == 1, count == 1 else { throw LaminaError(.refused, name, "passed \(count) descriptors") }
        return descriptors[0]
    }

    // MARK: - What no honest process does

    private mutating func misbehave(_ words: [String], _ argument: String) throws -> String? {
        let last = words.count > 2 ? words[2] : argument
        switch words[0] {
        case "raw":
            // Connects as if it were the target, and stops after some words.
            let info = try ProtocolInfo(parsing: Hexadecimal.bytes(last))
            let made = try RawRendezvous(info)
            rendezvous = made
            return try made.run(info, steps: Int(argument) ?? 0)
        case "adopted": return rendezvous?.say(.adopted) ?? "none"
        case "no": return rendezvous?.say(.refused(errno: EPROTO, reason: "no", level: "")) ?? "none"
        case "hang-up":
            rendezvous = nil
            return "ok"
        case "garbage":
            let info = try ProtocolInfo(parsing: Hexadecimal.bytes(last))
            let made = try RawRendezvous(info)
            rendezvous = made
            return made.send([UInt8](repeating: 0xA5, count: Int(argument) ?? 0)) + " " + made.wait()
        case "cut":
            let bytes = Hexadecimal.bytes(argument)
            return Self.refusals(of: (0..<bytes.count).map { Array(bytes[..<$0]) } + [bytes + [0]], .invalidArgument)
        case "flip":
            let bytes = Hexadecimal.bytes(argument)
            let flipped = bytes.indices.map { place in bytes.indices.map { bytes[$0] ^ ($0 == place ? 1 : 0) } }
            return Self.refusals(of: flipped, .invalidArgument)
        case "fit":
            // One byte changed, and made to look right again.
            let bytes = Hexadecimal.bytes(argument)
            return Self.refusals(of: (0..<248).map { Self.edited(bytes, at: $0) }, nil)
        default: return nil
        }
    }

    private static func edited(_ bytes: [UInt8], at place: Int) -> [UInt8] {
        var bytes = bytes
        bytes[place] ^= 1
        let digest = SHA256.hexadecimal(of: Array(bytes[..<248]))
        bytes.replaceSubrange(248..<256, with: Hexadecimal.bytes(digest).prefix(8))
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
