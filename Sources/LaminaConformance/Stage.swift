import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization

/// A base of the kit's own that keeps the contract and does what a check tells it: it notes every call that comes down,
/// and ends it at once, later, on another thread, or with an error.
final class Stage: @unchecked Sendable {
    // Everything is guarded by the lock; no provider's code is called under it.

    /// How the next calls of an entry end.
    enum Answer {
        /// Inside the call: a send takes all, a receive what has come, and waits where nothing has.
        case now
        /// Inside the call, with an error.
        case fail(lamina_status)
        /// When the check says so.
        case later
        /// On another thread, as soon as it can.
        case elsewhere
    }

    struct Held {
        let entry: Int
        let slot: Slot
        let request: Request
        let transfer: Transfer
    }

    /// What a call moves, with descriptors of the stage's own.
    struct Transfer {
        var sent = 0
        var room: [lamina_buffer] = []
        var message: UnsafeMutablePointer<lamina_message>?
        var isReceive = false
        /// The request's byte count is a count of datagrams.
        var countsDatagrams = false
    }

    private struct State {
        var seen: [Seen] = []
        var afterClose: [String] = []
        var answers: [Int: Answer] = [:]
        var usual = Answer.now
        var held: [Held] = []
        var incoming: [Slot: [UInt8]] = [:]
        var datagrams: [Slot: [[UInt8]]] = [:]
        var ended: Set<Slot> = []
        /// Sockets of which some thread completes a receive: one at a time does, so that they complete in order.
        var serving: Set<Slot> = []
        var open: Set<Slot> = []
        var called: Slot?
        var indicating: [Slot: Int] = [:]
        var clearing: [(slot: Slot, request: Request, mask: UInt32)] = []
        var nodes = 0

        /// Whether a receive of this socket ends at once.
        func hasSome(_ slot: Slot) -> Bool {
            ended.contains(slot) || !(incoming[slot] ?? []).isEmpty || !(datagrams[slot] ?? []).isEmpty
        }
    }
    private let state = Locked(State())

    /// A stage's label in its chain, by which its levels find it.
    let label: String
    private static let stages = Locked<[String: Stage]>([:])
    private static let count = Atomic(0)

    init() {
        label = "stage-\(Self.count.add(1, ordering: .relaxed).newValue)"
        Self.stages.withLock { $0[label] = self }
    }

    static func named(_ label: String) -> Stage? { stages.withLock { $0[label] } }

    // MARK: - What a check says and asks

    /// How all calls end from now on.
    func answerAll(_ answer: Answer) {
        state.withLock { state in
            state.answers = [:]
            state.usual = answer
        }
    }

    /// How calls of `entry` end from now on.
    func answer(_ entry: Int, _ answer: Answer) { state.withLock { $0.answers[entry] = answer } }

    /// The calls that came down.
    var seen: [Seen] { state.withLock { $0.seen } }
    /// Calls that came for a socket after its close.
    var afterClose: [String] { state.withLock { $0.afterClose } }
    /// How many requests wait here, of one entry or of all.
    func heldCount(_ entry: Int? = nil) -> Int {
        state.withLock { state in state.held.count { entry == nil || $0.entry == entry } }
    }
    /// Sockets that are open here.
    var openCount: Int { state.withLock { $0.open.count } }
    /// The socket that was called last, or any that is open here.
    var someSlot: Slot? {
        state.withLock { state in state.called.flatMap { state.open.contains($0) ? $0 : nil } ?? state.open.first }
    }
    /// Indicated nodes that nobody has given back.
    var nodeCount: Int { state.withLock { $0.nodes } }
    /// Forgets what it has seen.
    func forget() { state.withLock { $0.seen.removeAll(keepingCapacity: true) } }

    /// Ends the oldest request that waits here, of one entry or of any; false where none does.
    @discardableResult
    func finish(_ entry: Int?, _ status: lamina_status = 0) -> Bool {
        let held = state.withLock { state -> Held? in
            for (index, held) in state.held.enumerated() where entry == nil || held.entry == entry {
                if lamina_request_claim(held.request) != 0 { return state.held.remove(at: index) }
            }
            return nil
        }
        guard let held else { return false }
        // There is never a connection to take.
        let isAccept = held.entry == LAMINA_ENTRY_ACCEPT && status >= 0
        let bytes = status < 0 ? 0 : move(held.slot, held.transfer) ?? 0
        _ = lamina_complete(held.slot, held.request, isAccept ? -ECONNABORTED : status, bytes)
        return true
    }

    /// Bytes come for a socket: they complete the receives that wait.
    func deliver(_ bytes: [UInt8], to slot: Slot, datagram: Bool = false) {
        state.withLock { state in
            if datagram {
                state.datagrams[slot, default: []].append(bytes)
            } else {
                state.incoming[slot, default: []] += bytes
            }
        }
        serveReceives(of: slot)
    }

    /// The stream of a socket ends.
    func end(_ slot: Slot) {
        state.withLock { _ = $0.ended.insert(slot) }
        serveReceives(of: slot)
    }

    private func serveReceives(of slot: Slot) {
        while true {
            let held = state.withLock { state -> Held? in
                guard state.hasSome(slot), !state.serving.contains(slot) else { return nil }
                for (index, held) in state.held.enumerated() where held.slot == slot && held.transfer.isReceive {
                    if lamina_request_claim(held.request) != 0 {
                        state.serving.insert(slot)
                        return state.held.remove(at: index)
                    }
                }
                return nil
            }
            guard let held else { return }
            _ = lamina_complete(held.slot, held.request, 0, move(slot, held.transfer) ?? 0)
            state.withLock { _ = $0.serving.remove(slot) }
        }
    }

    /// Ends a receive with what has come, or holds it: where nothing has, and behind those that are before it.
    private func receive(_ held: Held) -> lamina_status {
        let slot = held.slot
        let isFirst = state.withLock { state in
            !state.held.contains { $0.slot == slot && $0.transfer.isReceive } && state.serving.insert(slot).inserted
        }
        if isFirst, let bytes = move(slot, held.transfer) {
            let status = lamina_complete(slot, held.request, 0, bytes)
            state.withLock { _ = $0.serving.remove(slot) }
            serveReceives(of: slot)
            return status
        }
        let status = hold(held)
        if isFirst { state.withLock { _ = $0.serving.remove(slot) } }
        serveReceives(of: slot)
        return status
    }

    // MARK: - What comes down

    /// The stage of a slot.
    static func of(_ slot: Slot) -> Stage? {
        lamina_instance_context(slot).map { Unmanaged<Stage>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Notes a call and ends it as it is told to.
    func serve(_ slot: Slot, _ request: Request, _ seen: Seen, _ transfer: Transfer = Transfer()) -> lamina_status {
        var seen = seen
        seen.frameFault = Self.frameFault(slot, request)
        let (answer, isOpen) = state.withLock { state in
            state.seen.append(seen)
            let isOpen = state.open.contains(slot)
            state.called = slot
            if !isOpen { state.afterClose.append(seen.name) }
            return (state.answers[seen.entry] ?? state.usual, isOpen)
        }
        guard isOpen else { return lamina_complete(slot, request, -EBADF, 0) }
        switch answer {
        case .fail(let status): return lamina_complete(slot, request, status, 0)
        case .now:
            if seen.entry == Int(LAMINA_ENTRY_ACCEPT) { return lamina_complete(slot, request, -ECONNABORTED, 0) }
            if transfer.isReceive {
                return receive(Held(entry: seen.entry, slot: slot, request: request, transfer: transfer))
            }
            return lamina_complete(slot, request, 0, UInt64(transfer.sent))
        case .later:
            return hold(Held(entry: seen.entry, slot: slot, request: request, transfer: transfer))
        case .elsewhere:
            let entry = seen.entry
            let status = hold(Held(entry: entry, slot: slot, request: request, transfer: transfer))
            if status == LAMINA_PENDING { Worker { self.finish(entry) }.detach() }
            return status
        }
    }

    private func hold(_ held: Held) -> lamina_status {
        let status = state.withLock { state in
            let status = held.slot.pointee.column.pointee.upcalls.pointee.hold(held.slot, held.request, Self.cancel)
            if status == 0 { state.held.append(held) }
            return status
        }
        return status < 0 ? lamina_complete(held.slot, held.request, status, 0) : lamina_status(LAMINA_PENDING)
    }

    private static let cancel: lamina_cancel_function = { slot, request in
        let address = UInt(bitPattern: request)
        Stage.of(slot)?.state.withLock { state in state.held.removeAll { UInt(bitPattern: $0.request) == address } }
        _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
    }

    /// Moves what a call moves, and gives its byte count; nil for a receive that has to wait.
    private func move(_ slot: Slot, _ transfer: Transfer) -> UInt64? {
        guard transfer.isReceive else { return UInt64(transfer.sent) }
        let bytes = state.withLock { state -> [UInt8]? in
            guard state.hasSome(slot) else { return nil }
            if transfer.message != nil { return state.datagrams[slot]?.removeFirst() ?? [] }
            let room = transfer.room.reduce(0) { $0 + $1.length }
            let taken = Array(state.incoming[slot, default: []].prefix(room))
            state.incoming[slot]?.removeFirst(taken.count)
            return taken
        }
        guard let bytes else { return nil }
        var rest = bytes[...]
        for buffer in transfer.room {
            guard let base = buffer.base else { continue }
            let part = rest.prefix(buffer.length)
            UnsafeMutableRawBufferPointer(start: base, count: buffer.length).copyBytes(from: part)
            rest = rest.dropFirst(part.count)
        }
        transfer.message?.pointee.bytes = UInt64(bytes.count - rest.count)
        return transfer.countsDatagrams ? 1 : UInt64(bytes.count - rest.count)
    }

    /// What is wrong with the frames of a request that came down; nil for nothing.
    private static func frameFault(_ slot: Slot, _ request: Request) -> String? {
        let count = UInt32(request.pointee.frame_count)
        var levels: [UInt32: Int] = [:]
        for index in 0..<count {
            let frame = lamina_request_frame(request, index).pointee
            guard let owner = frame.slot, owner.pointee.column == slot.pointee.column else { continue }
            levels[owner.pointee.level, default: 0] += 1
        }
        if let (_, number) = levels.first(where: { $0.value > 1 }) {
            return "the level put \(number) frames on the request"
        }
        return nil
    }

    // MARK: - Lifetime and indications

    func opened(_ slot: Slot) { state.withLock { _ = $0.open.insert(slot) } }

    /// Ends a socket: what it holds is cancelled, which also runs the levels' frames.
    func closed(_ slot: Slot, _ request: Request) -> lamina_status {
        while true {
            let held = state.withLock { state -> Held? in
                for (index, held) in state.held.enumerated() where held.slot == slot {
                    if lamina_request_claim(held.request) != 0 { return state.held.remove(at: index) }
                }
                return nil
            }
            guard let held else { break }
            _ = lamina_complete(slot, held.request, -ECANCELED, 0)
        }
        // A cancel that has won may still look for its request.
        while state.withLock({ state in state.held.contains { $0.slot == slot } }) { sched_yield() }
        state.withLock { state in
            state.open.remove(slot)
            state.ended.remove(slot)
            state.incoming[slot] = nil
            state.datagrams[slot] = nil
            state.indicating[slot] = nil
        }
        return lamina_complete(slot, request, 0, 0)
    }

    func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        let waits = state.withLock { state -> Bool in
            guard state.open.contains(slot) else { return false }
            slot.pointee.enabled = (slot.pointee.enabled | set) & ~clear
            guard clear != 0, state.indicating[slot, default: 0] > 0 else { return false }
            slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
            state.clearing.append((slot, request, clear))
            return true
        }
        return waits ? lamina_status(LAMINA_PENDING) : lamina_complete(slot, request, 0, 0)
    }

    /// Indicates bytes on the socket's engine, in the order of the calls.
    func indicate(_ bytes: [UInt8], on slot: Slot) {
        let job = Indication(stage: self, slot: slot, bytes: bytes)
        _ = slot.pointee.column.pointee.upcalls.pointee.post(
            slot,
            { context in
                guard let context else { return }
                Unmanaged<Indication>.fromOpaque(context).takeRetainedValue().run()
            },
            Unmanaged.passRetained(job).toOpaque()
        )
    }

    private final class Indication {
        let stage: Stage
        let slot: Slot
        let bytes: [UInt8]

        init(stage: Stage, slot: Slot, bytes: [UInt8]) {
            self.stage = stage
            self.slot = slot
            self.bytes = bytes
        }

        func run() {
            let isWanted = stage.state.withLock { state in
                guard state.open.contains(slot),
                    slot.pointee.enabled & 1 << UInt32(LAMINA_INDICATION_RECEIVE) != 0
                else { return false }
                state.indicating[slot, default: 0] += 1
                state.nodes += 1
                return true
            }
            guard isWanted else { return }
            let node = StageNode.make(bytes, stage)
            var event = lamina_receive_event(
                data: node,
                bytes_indicated: UInt64(bytes.count),
                bytes_accepted: UInt64(bytes.count)
            )
            if lamina_indicate_receive(slot, &event) != LAMINA_PENDING { StageNode.free(node) }
            let cleared = stage.state.withLock { state in
                state.indicating[slot, default: 1] -= 1
                let cleared = state.clearing.filter { $0.slot == slot }
                state.clearing.removeAll { $0.slot == slot }
                return cleared
            }
            for clear in cleared { _ = lamina_complete(clear.slot, clear.request, 0, 0) }
        }
    }

    fileprivate func takeBack() { state.withLock { $0.nodes -= 1 } }
}

/// Data that the stage indicates.
private enum StageNode {
    static func make(_ bytes: [UInt8], _ stage: Stage) -> UnsafeMutablePointer<lamina_data> {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        memory.copyBytes(from: bytes)
        let node = UnsafeMutablePointer<lamina_data>.allocate(capacity: 1)
        node.initialize(to: lamina_data())
        node.pointee.buffer = lamina_buffer(base: memory.baseAddress, length: bytes.count)
        node.pointee.owner = { node, _ in StageNode.free(node) }
        node.pointee.owner_context = Unmanaged.passUnretained(stage).toOpaque()
        return node
    }

    static func free(_ node: UnsafeMutablePointer<lamina_data>) {
        let stage = node.pointee.owner_context.map { Unmanaged<Stage>.fromOpaque($0).takeUnretainedValue() }
        node.pointee.buffer.base?.deallocate()
        node.deallocate()
        stage?.takeBack()
    }
}
