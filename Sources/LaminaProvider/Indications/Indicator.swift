public import CLamina
import CLinux
import Glibc

/// What a base does for the indications of incoming data.
public struct IndicatorActions {
    /// Reads what is there into the room, without blocking: bytes, 0 at the stream's end, or a negative errno. Inside
    /// the input lane. For datagrams it also writes the sender, ancillary data with their length, and the flags.
    public let read: (UnsafeMutableRawPointer, UnsafeMutablePointer<IndicationRoom>) -> Int
    /// What the stream ended with, seen without reading it: 0 or a negative errno; nil if it goes on.
    public let ending: (UnsafeMutableRawPointer) -> Int32?
    /// How many bytes a sender should keep under way for now; 0 if that isn't known.
    public let backlog: (UnsafeMutableRawPointer) -> Int
    /// Sees to it that `Indicator.run` is called on the engine's thread once there may be something to indicate:
    /// `wantsInput` and `wantsEnd` say what for. Under the group's lock. A negative errno if that can't be had.
    public let schedule: (UnsafeMutableRawPointer) -> Int32

    /// The actions of one provider.
    public init(
        read: @escaping (UnsafeMutableRawPointer, UnsafeMutablePointer<IndicationRoom>) -> Int,
        ending: @escaping (UnsafeMutableRawPointer) -> Int32?,
        backlog: @escaping (UnsafeMutableRawPointer) -> Int = { _ in 0 },
        schedule: @escaping (UnsafeMutableRawPointer) -> Int32
    ) {
        self.read = read
        self.ending = ending
        self.backlog = backlog
        self.schedule = schedule
    }
}

/// Indicates what comes in on one connection or datagram socket, and how the stream ends: serially, inside the input
/// lane, on the engine's thread, and behind the receives that wait.
///
/// Data that the client doesn't take stay here, and receives get them first; a receive that has completed lets the
/// indications go on. What a client retains counts against a budget; while that is used up, data stay in the transport.
public struct Indicator {
    /// Which indications are wanted.
    public var gate: IndicationGate
    fileprivate let actions: UnsafePointer<IndicatorActions>
    fileprivate let lane: UnsafeMutablePointer<Lane>
    fileprivate let isDatagram: Bool
    fileprivate var retention: UnsafeMutablePointer<Retention>
    /// Data were not taken: nothing more until a receive has completed. Guarded by the lock.
    fileprivate var isStopped = false
    /// The stream's end has been told, or isn't the peer's. Guarded by the lock.
    fileprivate var isOver = false
    /// What the stream ended with, where that was found while nobody wanted to be told. Guarded by the lock.
    fileprivate var untold: Int32?
    /// `run`, on the engine. Guarded by the lock.
    fileprivate var engineRun = EngineRun()
    /// The ideal backlog may have changed. Guarded by the lock.
    fileprivate var isBacklogDue = false
    /// The ideal backlog that was last told; 0 for none. On the engine's thread.
    fileprivate var backlog = 0
    /// What was not taken. Changed inside the lane and under the lock.
    fileprivate var rest: UnsafeMutablePointer<IndicatedNode>?

    fileprivate init(
        _ gate: IndicationGate,
        _ actions: UnsafePointer<IndicatorActions>,
        _ lane: UnsafeMutablePointer<Lane>,
        isDatagram: Bool,
        _ retention: UnsafeMutablePointer<Retention>
    ) {
        self.gate = gate
        self.actions = actions
        self.lane = lane
        self.isDatagram = isDatagram
        self.retention = retention
    }
}

extension UnsafeMutablePointer<Indicator> {
    private static var data: UInt32 {
        IndicationGate.bit(LAMINA_INDICATION_RECEIVE) | IndicationGate.bit(LAMINA_INDICATION_RECEIVE_FROM)
    }
    private static var end: UInt32 { IndicationGate.bit(LAMINA_INDICATION_DISCONNECT) }
    private static var sending: UInt32 { IndicationGate.bit(LAMINA_INDICATION_SEND_BACKLOG) }
    /// The most events of one run: other sockets of the engine have their turn.
    private static var turns: Int { 16 }
    /// The most datagrams of one indication.
    private static var batch: Int { 16 }

    /// An indicator. `enabled`: what is wanted already. Nil: no memory.
    public static func make(
        _ actions: UnsafePointer<IndicatorActions>,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        isDatagram: Bool,
        enabled: UInt32 = 0
    ) -> Self? {
        guard let memory = malloc(MemoryLayout<Indicator>.size) else { return nil }
        let indicator = memory.bindMemory(to: Indicator.self, capacity: 1)
        guard let retention = UnsafeMutablePointer<Retention>.make(indicator) else {
            free(memory)
            return nil
        }
        indicator.initialize(
            to: Indicator(
                IndicationGate(lane.pointee.group, slot, known: known(isDatagram: isDatagram), enabled: enabled),
                actions,
                lane,
                isDatagram: isDatagram,
                retention
            )
        )
        return indicator
    }

    /// What a datagram socket or a connection can indicate.
    public static func known(isDatagram: Bool) -> UInt32 {
        let indications =
            isDatagram
            ? [LAMINA_INDICATION_RECEIVE_FROM]
            : [LAMINA_INDICATION_RECEIVE, LAMINA_INDICATION_DISCONNECT, LAMINA_INDICATION_SEND_BACKLOG]
        return indications.reduce(0) { $0 | IndicationGate.bit($1) }
    }

    private var gate: UnsafeMutablePointer<IndicationGate> { field(\.gate) }
    private var group: UnsafeMutablePointer<LaneGroup> { field(\.lane).pointee.field(\.group).pointee }
    private var owner: UnsafeMutableRawPointer { group.field(\.owner).pointee }
    private var actions: UnsafePointer<IndicatorActions> { field(\.actions).pointee }
    private var slot: UnsafeMutablePointer<lamina_slot> { gate.field(\.slot).pointee }

    /// Frees it, once the socket's group has finished. Retained data live on.
    public func destroy() {
        if let rest = pointee.rest { rest.giveBack() }
        pointee.retention.leave()
        deinitialize(count: 1)
        free(UnsafeMutableRawPointer(self))
    }

    /// The entry `enable_indications`.
    public func change(set: UInt32, clear: UInt32, _ request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        gate.change(set: set, clear: clear, request) {
            if set & Self.data != 0 { pointee.isStopped = false }
            if set & Self.sending != 0 {
                pointee.backlog = 0
                noteBacklog()
            }
            return scheduleNext()
        }
    }

    /// Whether data are to be indicated. Under the lock.
    public var wantsInput: Bool {
        gate.wants(Self.data) && !pointee.isStopped && !pointee.isOver && !pointee.retention.isFull
    }

    /// Whether the stream's end is to be indicated, while nobody wants its data indicated. Under the lock.
    public var wantsEnd: Bool { gate.wants(Self.end) && !gate.wants(Self.data) && !pointee.isOver }

    /// Sees to it that indications go on; without the lock.
    public func schedule() {
        group.lock()
        if !group.isClosing { goOn() }
        group.unlock()
    }

    /// Sees to it that indications go on. Under the lock.
    public func goOn() {
        let status = scheduleNext()
        guard status < 0 else { return }
        LineBuffer.log(slot, LAMINA_LOG_WARNING, "indications stop until a receive: ", cause: -status)
        pointee.isStopped = true
    }

    /// What wasn't taken needs no word from the transport.
    private func scheduleNext() -> Int32 {
        let isKept = pointee.rest != nil && wantsInput || pointee.untold != nil && gate.wants(Self.end)
        return isKept ? post() : actions.pointee.schedule(owner)
    }

    /// Lets the engine call `run`. Under the lock. A negative errno if it can't.
    public func post() -> Int32 {
        field(\.engineRun).post(group, slot, UnsafeMutableRawPointer(self)) { context in
            guard let indicator = context?.assumingMemoryBound(to: Indicator.self) else { return }
            let group = indicator.group
            indicator.field(\.engineRun).begin(group)
            indicator.run()
            group.release()
        }
    }

    /// The transport has taken what waited: the ideal backlog may have changed. Under the lock.
    public func noteBacklog() {
        guard gate.wants(Self.sending), !pointee.isBacklogDue else { return }
        pointee.isBacklogDue = true
        // Where the engine can't be had, the next change is told.
        _ = post()
    }

    /// The stream's end is this side's doing: nobody is told of it.
    public func stopEnding() {
        group.lock()
        pointee.isOver = true
        pointee.untold = nil
        group.unlock()
    }

    /// A receive has completed: indications that stopped go on.
    public func resume() {
        group.lock()
        if pointee.isStopped {
            pointee.isStopped = false
            if !group.isClosing { goOn() }
        }
        group.unlock()
    }

    /// Bytes that a client didn't take, for those who only ask. Not under the lock.
    public var kept: Int {
        group.lock()
        defer { group.unlock() }
        return pointee.rest.map { $0.pointee.data.buffer.length } ?? 0
    }

    /// Bytes that a client didn't take, and that receives get first. Inside the lane.
    public var remaining: Int { pointee.rest.map { $0.pointee.data.buffer.length } ?? 0 }

    /// Moves bytes that a client didn't take into the buffers; `keeps` leaves them here as well. Inside the lane.
    public func takeRemaining(_ buffers: UnsafePointer<lamina_buffer>?, _ count: Int, keeps: Bool) -> Int {
        guard let rest = pointee.rest, buffers != nil, let base = rest.pointee.data.buffer.base else { return 0 }
        let length = rest.pointee.data.buffer.length
        let moved = scatter(base, length, over: buffers, count)
        guard !keeps else { return moved }
        group.lock()
        rest.advance(by: moved)
        group.unlock()
        if moved == length {
            setRest(nil)
            rest.giveBack()
        }
        return moved
    }

    private func setRest(_ rest: UnsafeMutablePointer<IndicatedNode>?) {
        group.lock()
        pointee.rest = rest
        group.unlock()
    }

    /// Indicates what is there. On the engine's thread, while the caller keeps the socket.
    public func run() {
        let lane = pointee.lane
        guard lane.enterOrAsk() else { return }
        var turn = 0
        while turn < Self.turns {
            let next = next()
            if next.isBacklogDue { indicateBacklog() }
            guard let task = next.task, !lane.isContended, indicate(task) else { break }
            turn += 1
        }
        lane.leaveAndLook()
    }

    /// What there is to look for.
    private enum Task { case data, end, told(Int32) }

    private func next() -> (isBacklogDue: Bool, task: Task?) {
        group.lock()
        defer {
            pointee.isBacklogDue = false
            group.unlock()
        }
        if let reason = pointee.untold, gate.wants(Self.end) { return (pointee.isBacklogDue, .told(reason)) }
        return (pointee.isBacklogDue, wantsInput ? .data : wantsEnd ? .end : nil)
    }

    /// Tells a backlog that differs by more than a quarter from the one that was told last.
    private func indicateBacklog() {
        let (ideal, told) = (actions.pointee.backlog(owner), pointee.backlog)
        guard ideal > 0, abs(ideal - told) > told / 4, gate.begin(Self.sending) else { return }
        pointee.backlog = ideal
        var event = lamina_send_backlog_event(ideal_bytes: UInt64(ideal))
        _ = lamina_indicate_send_backlog(slot, &event)
        gate.end()
    }

    /// One indication. True: there may be more.
    private func indicate(_ task: Task) -> Bool {
        switch task {
        case .data: break
        case .end:
            if let reason = actions.pointee.ending(owner) { indicateEnd(reason) }
            return false
        case .told(let reason):
            indicateEnd(reason)
            return false
        }
        if let rest = pointee.rest {
            setRest(nil)
            return indicate(rest)
        }
        guard let slab = SlabPool.take() else { return false }
        defer { SlabPool.give(slab) }
        return pointee.isDatagram ? indicateDatagrams(slab) : indicateStream(slab)
    }

    private func indicateStream(_ slab: UnsafeMutablePointer<Slab>) -> Bool {
        var room = IndicatedNode.room(in: slab, isDatagram: false)
        let received = actions.pointee.read(owner, &room)
        if received == -Int(EAGAIN) { return false }
        guard received > 0 else {
            indicateEnd(Int32(received))
            return false
        }
        return indicate(IndicatedNode.make(in: slab, room, received, pointee.retention)) && received == room.capacity
    }

    /// Indicates stream data. True: they were taken or retained.
    private func indicate(_ node: UnsafeMutablePointer<IndicatedNode>) -> Bool {
        let length = UInt64(node.pointee.data.buffer.length)
        // It counts as not taken while it runs, so that a client which enables it again meanwhile is heard.
        guard gate.begin(IndicationGate.bit(LAMINA_INDICATION_RECEIVE), also: { pointee.isStopped = true }) else {
            setRest(node)
            return false
        }
        var event = lamina_receive_event(data: node.data, bytes_indicated: length, bytes_accepted: length)
        let status = lamina_indicate_receive(slot, &event)
        let taken = status == 0 ? Swift.min(event.bytes_accepted, length) : 0
        let isDone = status == LAMINA_PENDING || taken == length
        if isDone, status == 0 { node.giveBack() }
        if !isDone { node.advance(by: Int(taken)) }
        gate.end { if isDone { pointee.isStopped = false } else { pointee.rest = node } }
        return isDone
    }

    /// Indicates datagrams, several at once where there are. Those that aren't taken are lost, as datagrams are; nothing
    /// more is indicated until the indication is enabled again.
    private func indicateDatagrams(_ slab: UnsafeMutablePointer<Slab>) -> Bool {
        var first: UnsafeMutablePointer<lamina_data>?
        var last: UnsafeMutablePointer<lamina_data>?
        var count = 0
        while count < Self.batch, slab.room >= Slab.largest {
            var room = IndicatedNode.room(in: slab, isDatagram: true)
            let received = actions.pointee.read(owner, &room)
            guard received >= 0 else { break }
            let node = IndicatedNode.make(in: slab, room, received, pointee.retention)
            if let last { last.pointee.next = node.data } else { first = node.data }
            last = node.data
            count += 1
        }
        guard let first else { return false }
        var status = -EAGAIN
        let isWanted = gate.begin(
            IndicationGate.bit(LAMINA_INDICATION_RECEIVE_FROM),
            also: { pointee.isStopped = true }
        )
        if isWanted {
            var event = lamina_receive_from_event(datagrams: first)
            status = lamina_indicate_receive_from(slot, &event)
        }
        if status != LAMINA_PENDING { IndicatedNode.giveBack(first) }
        if isWanted { gate.end { if status >= 0 { pointee.isStopped = false } } }
        return status >= 0 && count == Self.batch
    }

    private func indicateEnd(_ reason: Int32) {
        let isWanted = gate.begin(Self.end)
        group.lock()
        let isTold = pointee.isOver && pointee.untold == nil
        pointee.isOver = true
        pointee.untold = isWanted || isTold ? nil : reason
        group.unlock()
        guard isWanted else { return }
        if !isTold {
            var event = lamina_disconnect_event(
                flags: reason < 0 ? UInt32(LAMINA_DISCONNECT_ABORTIVE) : 0,
                reason: reason
            )
            _ = lamina_indicate_disconnect(slot, &event)
        }
        gate.end()
    }
}
