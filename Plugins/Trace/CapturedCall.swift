import Glibc
import LaminaProvider

/// What a capture keeps of a call or event until it has ended.
struct CapturedCall: Sendable {
    /// Nanoseconds since 1970.
    let started = Clock.wall
    /// Where it goes.
    var address: Address?
    var how: DisconnectFlags = []
    var isInbound = false
    /// Whether a receive takes nothing, or has no room for anything.
    var isLook = false
    var hasRoom = false
    /// What an event brings, which may be gone when it has ended.
    var pieces: [(sender: PacketEnd?, bytes: [UInt8])] = []
}

extension Capture {
    /// What a capture sees. Other entries with data come as these, through the framework's adapters.
    static let entries: EntrySet = [
        .open, .close, .connect, .send, .receive, .disconnect, .sendTo, .receiveFrom, .receiveEvent,
        .receiveFromEvent, .disconnectEvent,
    ].reduce(into: EntrySet()) { $0.insert(EntrySet($1)) }

    /// What to keep of a call or event.
    func begins(_ call: borrowing ObservedCall<Trace.State>) -> CapturedCall? {
        switch call.arguments {
        case .open(let opening): return CapturedCall(isInbound: opening.isFromBelow)
        case .connect(let address, _): return CapturedCall(address: address.value)
        case .close, .send: return CapturedCall()
        case .receive(let room):
            return CapturedCall(isLook: Self.isLook(room.flags), hasRoom: room.byteCount > 0)
        case .disconnect(let how, _): return CapturedCall(how: how)
        case .sendTo(let datagram): return CapturedCall(address: datagram.address)
        case .receiveFrom(let room): return CapturedCall(isLook: Self.isLook(room.flags))
        case .receiveEvent(let event): return CapturedCall(pieces: Self.pieces(event.data))
        case .receiveFromEvent(let event): return CapturedCall(pieces: Self.pieces(event.data))
        case .disconnectEvent(let event):
            // Before what the levels above do about it.
            guard let flow = call.withState({ $0.flow }) ?? nil else { return nil }
            write(flow) { conversation, put in
                if event.isAbortive {
                    conversation.reset({ put($0, nil) }, out: false)
                } else {
                    conversation.end({ put($0, nil) }, out: false)
                }
            }
            return nil
        default: return nil
        }
    }

    private static func isLook(_ flags: ReceiveFlags) -> Bool { !flags.isDisjoint(with: [.peek, .reports]) }

    private static func pieces(_ data: IndicatedData) -> [(sender: PacketEnd?, bytes: [UInt8])] {
        var pieces: [(sender: PacketEnd?, bytes: [UInt8])] = []
        data.forEach { bytes, sender in
            var copy: [UInt8] = []
            copy.append(bytes)
            pieces.append((sender.flatMap { PacketEnd($0) }, copy))
        }
        return pieces
    }

    // MARK: - What came of them

    /// Writes the packets of a call or event that has ended.
    func ended(_ call: CapturedCall, _ ending: borrowing ObservedEnd<Trace.State>) {
        guard let flow = ending.withState({ $0.flow }) ?? nil else { return }
        switch ending.entry {
        case .open where call.isInbound && !ending.hasFailed: begin(flow, call, ending)
        case .connect: ending.hasFailed ? refuse(flow, call, ending) : begin(flow, call, ending)
        case .close:
            write(flow) { conversation, put in conversation.end({ put($0, nil) }, out: true) }
            flush()
        case .disconnect where !ending.hasFailed: disconnect(flow, call, ending)
        case .send:
            let data = Self.bytes(ending)
            write(flow) { conversation, put in conversation.data({ put($0, nil) }, out: true, data) }
            if ending.status == -EPIPE || ending.status == -ECONNRESET { reset(flow) }
        case .receive where !call.isLook: received(flow, call, ending)
        case .sendTo where !ending.hasFailed:
            datagram(flow, call.address.flatMap { PacketEnd($0) }, isOut: true, ending)
        case .receiveFrom where !ending.hasFailed && !call.isLook:
            datagram(flow, ending.address.flatMap { PacketEnd($0) }, isOut: false, ending)
        case .receiveEvent:
            let data = call.pieces.flatMap(\.bytes).prefix(Int(clamping: ending.bytes))
            write(flow) { conversation, put in conversation.data({ put($0, nil) }, out: false, [UInt8](data)) }
        case .receiveFromEvent where !ending.hasFailed:
            let local = ending.socket.localAddress.flatMap { PacketEnd($0) }
            write(flow) { conversation, put in
                conversation.place(local ?? .nowhere(like: call.pieces.first?.sender), nil)
                for (peer, data) in call.pieces { conversation.datagram({ put($0, nil) }, out: false, peer, data) }
            }
        default: break
        }
    }

    private func begin(_ flow: Flow, _ call: CapturedCall, _ ending: borrowing ObservedEnd<Trace.State>) {
        let category = ending.socket.category
        guard category != .listen else { return }
        let local = ending.socket.localAddress.flatMap { PacketEnd($0) }
        let remote = ending.socket.remoteAddress.flatMap { PacketEnd($0) }
        let wanted = call.address.flatMap { PacketEnd($0) }
        write(flow) { conversation, put in
            conversation.place(
                local ?? .nowhere(like: remote ?? wanted),
                remote ?? wanted ?? .nowhere(like: local)
            )
            guard category != .datagram else { return }
            conversation.connect({ put($0, $1 ? call.started : nil) }, isInbound: call.isInbound)
        }
    }

    private func refuse(_ flow: Flow, _ call: CapturedCall, _ ending: borrowing ObservedEnd<Trace.State>) {
        guard ending.socket.category != .datagram, ending.status != -EAGAIN,
            let remote = call.address.flatMap({ PacketEnd($0) })
        else { return }
        let local = ending.socket.localAddress.flatMap { PacketEnd($0) } ?? .nowhere(like: remote)
        let isAnswered = ending.status == -ECONNREFUSED
        write(flow) { conversation, put in
            conversation.place(local, remote)
            conversation.refuse({ put($0, $1 ? call.started : nil) }, isAnswered: isAnswered)
        }
    }

    private func disconnect(_ flow: Flow, _ call: CapturedCall, _ ending: borrowing ObservedEnd<Trace.State>) {
        let last = Self.bytes(ending)
        write(flow) { conversation, put in
            if call.how.contains(.abortive) {
                conversation.reset({ put($0, nil) }, out: true)
            } else if !call.how.contains(.keepSending) {
                conversation.data({ put($0, nil) }, out: true, last)
                conversation.end({ put($0, nil) }, out: true)
            }
        }
    }

    private func received(_ flow: Flow, _ call: CapturedCall, _ ending: borrowing ObservedEnd<Trace.State>) {
        if ending.status == -ECONNRESET { return reset(flow) }
        let data = Self.bytes(ending)
        let hasEnded = ending.status == 0 && ending.bytes == 0 && call.hasRoom
        write(flow) { conversation, put in
            conversation.data({ put($0, nil) }, out: false, data)
            if hasEnded { conversation.end({ put($0, nil) }, out: false) }
        }
    }

    private func reset(_ flow: Flow) {
        write(flow) { conversation, put in conversation.reset({ put($0, nil) }, out: false) }
    }

    private func datagram(
        _ flow: Flow,
        _ peer: PacketEnd?,
        isOut: Bool,
        _ ending: borrowing ObservedEnd<Trace.State>
    ) {
        let local = ending.socket.localAddress.flatMap { PacketEnd($0) }
        let data = Self.bytes(ending)
        write(flow) { conversation, put in
            conversation.place(local ?? .nowhere(like: peer), nil)
            conversation.datagram({ put($0, nil) }, out: isOut, peer, data)
        }
    }

    /// The bytes that went out or came.
    private static func bytes(_ ending: borrowing ObservedEnd<Trace.State>) -> [UInt8] {
        var bytes: [UInt8] = []
        ending.forEachBuffer(first: ending.bytes) { bytes.append($0) }
        return bytes
    }
}
