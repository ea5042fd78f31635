import Glibc
import Lamina
import LaminaHost
import Synchronization

extension Reader {
    func readControl(_ bytes: [UInt8]) throws(Contradiction) {
        guard let object = try? JSON(parsing: bytes).objectValue, let request = try? ControlRequest(object) else {
            return
        }
        switch request.command {
        case .list: break
        case .set(let layer, let settings):
            try require(!layer.isEmpty && !settings.isEmpty, "settings of nothing, or none")
        case .setLevel(let layer, _): try require(!layer.isEmpty, "a level without a label")
        case .watch(let interval): try require((50...3_600_000).contains(interval), "\(interval) ms is no interval")
        }
    }

    func readQuery(_ bytes: [UInt8]) throws(Contradiction) {
        guard let query = NameQuery(bytes) else { return }
        try require(query.name.utf8.count <= 253, "a name of \(query.name.utf8.count) bytes")
        try require((512...1232).contains(query.limit), "a datagram of \(query.limit) bytes")
        let addresses = [[10, 0, 0, 1], [UInt8](repeating: 0x20, count: 16)].compactMap {
            NetworkAddress(family: $0.count == 4 ? .ipv4 : .ipv6, bytes: $0)
        }
        let many = (0..<100).flatMap { _ in addresses }
        var responses = [query.response(.noSuchName), query.response(addresses, limit: query.limit)]
        responses.append(query.response(many, limit: query.limit))
        if let name = query.response(name: "a.test") { responses.append(name) }
        for response in responses {
            try require(response.count <= query.limit, "a response of \(response.count) bytes, beyond \(query.limit)")
            try require(response.prefix(2) == bytes.prefix(2), "a response to another question")
            try require(response[2] & 0x80 != 0 && response[4...5] == [0, 1], "a response that is none")
            let records = Int(response[6]) << 8 | Int(response[7])
            try require(response[2] & 2 == 0 || records == 0, "a response is cut, and has records")
        }
        if let address = query.address {
            try require(query.name.lowercased().hasSuffix(".arpa"), "\(address) of \(query.name)")
        }
    }

    func readSocks(_ bytes: [UInt8]) throws(Contradiction) {
        // However the bytes come, in pieces or each by itself, they lead to the same.
        let (pieces, single) = (Conversation(bytes, atOnce: 1 << 16), Conversation(bytes, atOnce: 1))
        try require(pieces == single, "the same bytes lead to \(pieces) and, one by one, to \(single)")
    }

    /// What became of a client's bytes.
    private struct Conversation: Equatable {
        var said: [UInt8] = []
        var destination: Address?
        var refusal: String?
        var read = 0

        init(_ bytes: [UInt8], atOnce most: Int) {
            var reader = SocksReader()
            while destination == nil, refusal == nil, read < bytes.count {
                let count = min(reader.wanted, most, bytes.count - read)
                guard count > 0 else {
                    refusal = "it wants nothing, and goes on"
                    said = [0xff, UInt8(truncatingIfNeeded: most)]
                    return
                }
                let step = reader.take(bytes[read..<read + count])
                read += count
                switch step {
                case .more: break
                case .say(let answer): said += answer
                case .connect(let address): destination = address
                case .refuse(let answer, let reason):
                    said += answer
                    refusal = reason
                    // What a client says behind what it is refused for, nobody needs.
                    read = 0
                }
            }
        }
    }

    // MARK: - Through the doors themselves

    func readProxy(_ bytes: [UInt8], _ plugins: String) throws(Contradiction) {
        let proxy: HostileProxy
        do {
            proxy = try Self.hostileProxy.withLock { made in
                let proxy = try made ?? HostileProxy(plugins)
                made = proxy
                return proxy
            }
        } catch {
            throw Contradiction(description: "\(error)")
        }
        let (outcome, expected) = (proxy.lead(bytes), HostileProxy.outcome(of: bytes))
        try require(outcome == expected, "\(outcome) instead of \(expected)")
    }

    private static let hostileProxy = Mutex<HostileProxy?>(nil)

    func readRequest(_ bytes: [UInt8]) throws(Contradiction) {
        guard let server = Self.server else { throw Contradiction(description: "nothing can be served") }
        let reply = server.reply(to: bytes)
        try require(
            reply.isEmpty || reply.starts(with: Array("HTTP/1.1 ".utf8)),
            "\(String(decoding: reply, as: UTF8.self)) is no reply"
        )
        let asks = ["GET / HTTP/1.", "GET /metrics HTTP/1.", "GET /?", "GET /metrics?"].contains {
            bytes.starts(with: Array($0.utf8))
        }
        let isFound = reply.starts(with: Array("HTTP/1.1 200 ".utf8))
        try require(asks || !isFound || bytes.starts(with: Array("HEAD ".utf8)), "an answer that nobody asked for")
    }

    private static let server = MetricsServer()
}
