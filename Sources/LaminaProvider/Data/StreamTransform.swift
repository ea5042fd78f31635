import CLamina
import CLinux
import Glibc
import Synchronization

/// A layer that changes the bytes of a connection and keeps their number: a cipher, a mask, a translation. The SDK does
/// the rest: it copies what is sent, since it is the caller's, changes what is received where it has come to lie, keeps
/// the position of either direction through partial sends, peeks and errors, and lets sends follow each other as they
/// were encoded. Nothing is kept back, so the levels below exert their back-pressure, and a half close ends as it would
/// without the layer.
///
/// Last data of a disconnect and first data of a connect come by the framework as sends. Urgent data are refused with
/// `EOPNOTSUPP`, and so are indications of data. A send that is cancelled after a part of it has left, while others wait
/// behind it, spoils those, as with any cipher. Sockets move to another process with their positions. A description that says `categories: .streams` and `effect: .transform`
/// is the layer's own part, beside two functions.
public protocol StreamTransform: SendCalls, ReceiveCalls, HandsOver, ~Copyable where State == StreamState {
    /// Changes bytes on their way out, of which the first is the `position`th of the connection, from 0. One thread at a
    /// time for a socket; must not block. A position comes again where the bytes weren't taken.
    func encode(_ bytes: inout MutableSpan<UInt8>, at position: UInt64)

    /// Changes bytes that have come, likewise.
    func decode(_ bytes: inout MutableSpan<UInt8>, at position: UInt64)
}

/// What the SDK keeps for each socket of a `StreamTransform`.
public struct StreamState: ~Copyable, Sendable {
    fileprivate let sent = Atomic<UInt64>(0)
    fileprivate let received = Atomic<UInt64>(0)
    fileprivate let sending = SendTurn()

    fileprivate init(sent: UInt64 = 0, received: UInt64 = 0) {
        self.sent.store(sent, ordering: .relaxed)
        self.received.store(received, ordering: .relaxed)
    }
}

extension StreamTransform where Self: ~Copyable {
    /// Positions at the connection's beginning.
    public func makeState(_ socket: borrowing Socket) -> StreamState { StreamState() }

    /// The version of what is handed over: two positions.
    public static var stateVersion: UInt32 { 1 }

    /// Hands the positions over.
    public func export(_ state: borrowing StreamState, to bytes: inout StateBytes) {
        bytes.append(state.sent.load(ordering: .relaxed))
        bytes.append(state.received.load(ordering: .relaxed))
    }

    /// Goes on at the positions that another process came to.
    public func adopt(_ bytes: borrowing RawSpan, _ socket: borrowing Socket) throws(Failure) -> StreamState {
        StreamState(sent: try bytes.integer(at: 0), received: try bytes.integer(at: 8))
    }

    /// Encodes a copy of what is sent and passes that on.
    public func send(_ data: Outgoing, next: consuming Next<StreamState>) -> Answer {
        guard !data.flags.contains(.urgent) else { return next.fail(EOPNOTSUPP) }
        let (slot, request) = (next.slot, next.request)
        guard let copy = SentCopy.make(data, isTry: next.isTry) else { return next.fail(ENOMEM) }
        let isFirst = next.state.sending.take()
        let start = next.state.sent.load(ordering: .relaxed)
        copy.pointee.start = start
        if !copy.pointee.isTry {
            next.state.sent.store(start &+ UInt64(copy.pointee.buffer.length), ordering: .relaxed)
        }
        var bytes = copy.bytes.mutableSpan
        encode(&bytes, at: start)
        guard Frame.push(slot, request, SentCopy.ended, UnsafeMutableRawPointer(copy)) else {
            next.state.sent.store(start, ordering: .relaxed)
            if isFirst { next.state.sending.give() }
            copy.discard()
            return next.fail(ENOMEM)
        }
        let part = Part(open: slot)
        // The copy is there until the frame has run, and the state for as long as a call is inside the socket.
        let answer = Answer(
            DirectLinks.send(slot, UnsafePointer(copy.field(\.buffer)), 1, data.flags.rawValue, request)
        )
        if isFirst { part.state(of: Self.self).pointee.sending.give() }
        return answer
    }

    /// Passes the receive on, and decodes what has come when it has ended.
    public func receive(_ room: Incoming, next: consuming Next<StreamState>) -> Answer {
        guard !room.flags.contains(.urgent) else { return next.fail(EOPNOTSUPP) }
        let (slot, request) = (next.slot, next.request)
        guard KeptRoom.keep(room.buffers, room.bufferCount, room.flags, slot, request) else { return next.fail(ENOMEM) }
        return Answer(DirectLinks.receive(slot, room.buffers, room.bufferCount, room.flags.rawValue, request))
    }

    /// Decodes the bytes that came into a room.
    static func decode(
        _ part: Part,
        _ kept: KeptRoom,
        _ request: UnsafeMutablePointer<lamina_request>
    ) {
        let state = part.state(of: Self.self)
        let count = request.pointee.bytes
        var position = state.pointee.received.load(ordering: .relaxed)
        if !kept.isPeek { state.pointee.received.store(position &+ count, ordering: .relaxed) }
        kept.forEach(Int(clamping: count)) { bytes in
            var span = bytes.mutableSpan
            part.layer(Self.self).pointee.decode(&span, at: position)
            position &+= UInt64(bytes.count)
        }
    }
}

/// Lets the sends of a socket follow each other as they were encoded. A thread that has the turn may send again from inside
/// its send: what it sent first has left by then.
private struct SendTurn: ~Copyable, Sendable {
    private let owner = Atomic<UInt>(0)
    private let epoch: Atomic<UInt32>

    init() {
        ForkEpoch.start()
        epoch = Atomic(ForkEpoch.current)
    }

    /// Waits for the turn. False: this thread has it already.
    func take() -> Bool {
        let thread = UInt(pthread_self())
        while true {
            let (isTaken, other) = owner.compareExchange(expected: 0, desired: thread, ordering: .acquiring)
            if isTaken { return true }
            if other == thread { return false }
            // In a child process the thread that had it is gone.
            let (made, now) = (epoch.load(ordering: .relaxed), ForkEpoch.current)
            if made != now, epoch.compareExchange(expected: made, desired: now, ordering: .relaxed).exchanged {
                _ = owner.compareExchange(expected: other, desired: 0, ordering: .relaxed)
            } else {
                sched_yield()
            }
        }
    }

    func give() { owner.store(0, ordering: .releasing) }
}

/// A copy of what is sent, which the levels below get instead, with its bytes behind it.
private struct SentCopy {
    var buffer: lamina_buffer
    let isTry: Bool
    /// The position of its first byte.
    var start: UInt64 = 0

    static func make(_ data: Outgoing, isTry: Bool) -> UnsafeMutablePointer<SentCopy>? {
        let length = data.byteCount
        let head = MemoryLayout<SentCopy>.stride
        guard let memory = malloc(head + length) else { return nil }
        var place = memory + head
        for index in 0..<data.count {
            guard let base = data.buffers[index].base else { continue }
            place.copyMemory(from: base, byteCount: data.buffers[index].length)
            place += data.buffers[index].length
        }
        let copy = memory.bindMemory(to: SentCopy.self, capacity: 1)
        copy.initialize(
            to: SentCopy(buffer: lamina_buffer(base: memory + head, length: place - (memory + head)), isTry: isTry)
        )
        return copy
    }

    /// The frame of a send: where fewer bytes went than were encoded, the next ones go on there.
    static let ended: lamina_completion = { slot, request, context in
        guard let copy = context?.assumingMemoryBound(to: SentCopy.self) else { return 0 }
        if let slot, let part = Part(slot) {
            let state = (part.memory + Part.size).assumingMemoryBound(to: StreamState.self)
            let (start, moved) = (copy.pointee.start, request.pointee.bytes)
            let expected = copy.pointee.isTry ? start : start &+ UInt64(copy.pointee.buffer.length)
            if copy.pointee.isTry || request.pointee.status < 0 {
                _ = state.pointee.sent.compareExchange(
                    expected: expected,
                    desired: start &+ moved,
                    ordering: .relaxed
                )
            }
        }
        copy.discard()
        return 0
    }
}

extension UnsafeMutablePointer<SentCopy> {
    fileprivate var bytes: UnsafeMutableBufferPointer<UInt8> {
        UnsafeMutableBufferPointer(
            start: pointee.buffer.base?.assumingMemoryBound(to: UInt8.self),
            count: pointee.buffer.base == nil ? 0 : pointee.buffer.length
        )
    }

    fileprivate func discard() { free(self) }
}
