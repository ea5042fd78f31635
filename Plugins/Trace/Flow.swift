import LaminaProvider

/// One socket of a capture.
final class Flow: Sendable {
    /// `curl[12] #3 trace`: on every packet.
    let comment: String
    let conversation = Guarded(Conversation())

    init(comment: String) { self.comment = comment }
}

/// What a capture knows of a socket's two ends.
struct Conversation: Sendable {
    private var local: PacketEnd?
    private var remote: PacketEnd?
    /// The next byte that each side sends.
    private var sent: UInt32 = 0
    private var received: UInt32 = 0
    private var hasBegun = false
    /// Which sides have ended.
    private var (isLocalOut, isRemoteOut) = (false, false)

    /// Notes where it stands.
    mutating func place(_ local: PacketEnd?, _ remote: PacketEnd?) {
        self.local = local ?? self.local
        self.remote = remote ?? self.remote
    }

    /// The packets of a connection that came about, the first at `start`.
    mutating func connect(_ put: ([UInt8], _ isFirst: Bool) -> Void, isInbound: Bool) {
        guard !hasBegun else { return }
        hasBegun = true
        // From 0, as everybody counts who looks at it.
        put(segment(out: !isInbound, .syn), true)
        if isInbound { received = 1 } else { sent = 1 }
        put(segment(out: isInbound, [.syn, .ack]), false)
        (sent, received) = (1, 1)
        put(segment(out: !isInbound, .ack), false)
    }

    /// The packets of a connect that failed.
    func refuse(_ put: ([UInt8], _ isFirst: Bool) -> Void, isAnswered: Bool) {
        put(segment(out: true, .syn), true)
        guard isAnswered, let local, let remote else { return }
        put(Packet.tcp(remote, local, [.rst, .ack], sequence: 0, acknowledged: 1), false)
    }

    /// The packets of bytes that one side sent.
    mutating func data(_ put: ([UInt8]) -> Void, out: Bool, _ bytes: [UInt8]) {
        guard hasBegun, !(out ? isLocalOut : isRemoteOut) else { return }
        for start in stride(from: 0, to: bytes.count, by: Packet.mostBytes) {
            let part = bytes[start..<min(start + Packet.mostBytes, bytes.count)]
            put(segment(out: out, [.psh, .ack], part))
            if out { sent &+= UInt32(part.count) } else { received &+= UInt32(part.count) }
            put(segment(out: !out, .ack))
        }
    }

    /// The packets of one side's end.
    mutating func end(_ put: ([UInt8]) -> Void, out: Bool) {
        guard hasBegun, !(out ? isLocalOut : isRemoteOut) else { return }
        put(segment(out: out, [.fin, .ack]))
        if out { sent &+= 1 } else { received &+= 1 }
        if out { isLocalOut = true } else { isRemoteOut = true }
        put(segment(out: !out, .ack))
    }

    /// The packet of a reset, after which nothing comes.
    mutating func reset(_ put: ([UInt8]) -> Void, out: Bool) {
        guard hasBegun, !(isLocalOut && isRemoteOut) else { return }
        put(segment(out: out, [.rst, .ack]))
        (isLocalOut, isRemoteOut) = (true, true)
    }

    /// The packet of a datagram, to or from `peer`, else who it is connected to.
    func datagram(_ put: ([UInt8]) -> Void, out: Bool, _ peer: PacketEnd?, _ bytes: [UInt8]) {
        guard let local, let peer = peer ?? remote, bytes.count <= 65_507 else { return }
        put(out ? Packet.udp(local, peer, bytes[...]) : Packet.udp(peer, local, bytes[...]))
    }

    private func segment(out: Bool, _ flags: Packet.Flags, _ data: ArraySlice<UInt8> = []) -> [UInt8] {
        guard let local, let remote else { return [] }
        let acknowledged = flags.contains(.ack) ? (out ? received : sent) : 0
        return out
            ? Packet.tcp(local, remote, flags, sequence: sent, acknowledged: acknowledged, data)
            : Packet.tcp(remote, local, flags, sequence: received, acknowledged: acknowledged, data)
    }
}
