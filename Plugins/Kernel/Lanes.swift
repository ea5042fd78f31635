import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What waits, and what makes it go on: the engine's watch of the descriptor, or a waiting thread that polls it.
enum Lanes {
    nonisolated(unsafe) static let actions: UnsafePointer<LaneActions> = Immortal.copy(
        LaneActions(
            attempt: attempt,
            arm: { $0.state.arm($0) },
            dispose: { Connect.dispose($0) },
            idle: { lane in
                let state = lane.state
                if lane == state.input { state.pointee.indicator?.goOn() }
            },
            renew: { $0.assumingMemoryBound(to: SocketState.self).renew() },
            finish: { Lifetime.finish($0.assumingMemoryBound(to: SocketState.self)) }
        )
    )

    private static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        let state = operation.pointee.lane.state
        switch Int(operation.pointee.kind) {
        case LAMINA_ENTRY_SEND: return Stream.attemptSend(operation, state)
        case LAMINA_ENTRY_RECEIVE: return Stream.attemptReceive(operation, state)
        case LAMINA_ENTRY_SEND_MESSAGES: return Datagram.attemptSend(operation, state)
        case LAMINA_ENTRY_RECEIVE_FROM, LAMINA_ENTRY_RECEIVE_MESSAGES:
            return Datagram.attemptReceive(operation, state)
        case LAMINA_ENTRY_CONNECT: return Connect.attempt(operation, state)
        case LAMINA_ENTRY_ACCEPT: return Accepting<Accept>.attempt(operation)
        case LAMINA_ENTRY_DISCONNECT: return Disconnect.attempt(operation, state)
        default:
            operation.pointee.status = -EOPNOTSUPP
            return .ended
        }
    }

    /// Lets a waiting thread poll for the operation itself, if one waits.
    static func drive(
        _ operation: UnsafeMutablePointer<Operation>?,
        _ state: UnsafeMutablePointer<SocketState>,
        _ events: Int32
    ) -> UnsafeMutablePointer<Operation>? {
        guard let operation else { return nil }
        let request = operation.pointee.request
        guard request.pointee.flags & UInt32(LAMINA_REQUEST_WAITED) != 0, state.pointee.descriptor >= 0 else {
            return operation
        }
        operation.pointee.isDriven = true
        request.pointee.wait.descriptor = state.pointee.descriptor
        request.pointee.wait.events = UInt32(events)
        request.pointee.wait.slot = operation.pointee.slot
        if events == POLLIN {
            request.pointee.wait.drive = { slot in
                guard let state = slot.state else { return }
                state.noteInput()
                state.input.wake()
            }
        } else {
            request.pointee.wait.drive = { $0.state?.output.wake() }
        }
        return operation
    }

    static let readable: UInt32 = 0x001
    static let urgent: UInt32 = 0x002
    static let writable: UInt32 = 0x004
    static let broken: UInt32 = 0x008 | 0x010
    /// The peer has ended its sending direction.
    static let ended: UInt32 = 0x2000
    /// What there is to know of a socket's input.
    static let input = readable | urgent | ended
    /// Each change is told once, and the watch stays.
    static let edges: UInt32 = 1 << 31
}

extension UnsafeMutablePointer<Lane> {
    var state: UnsafeMutablePointer<SocketState> {
        pointee.group.pointee.owner.assumingMemoryBound(to: SocketState.self)
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Sees to it that somebody wakes `lane`. Under the lock.
    func arm(_ lane: UnsafeMutablePointer<Lane>) -> Int32 {
        guard lane.needsEngine else { return 0 }
        if lane == output, let wakes = Connect.armOtherwise(lane) { return wakes }
        return watchDescriptor()
    }

    /// Watches for what the lanes and the indications wait for, and lets the indications go on where an edge has told
    /// of it already. Under the lock.
    func watchDescriptor() -> Int32 {
        var wanted = pointee.armed
        if let inspector = pointee.inspector {
            if pointee.isListening, inspector.hasRoom { wanted |= Lanes.input }
        } else if input.needsEngine {
            wanted |= Lanes.input
        }
        if let indicator = pointee.indicator, pointee.isConnected {
            if indicator.wantsInput { wanted |= Lanes.input }
            if indicator.wantsEnd { wanted |= Lanes.ended }
        }
        if output.needsEngine, !Connect.isWaitingOtherwise(output) { wanted |= Lanes.writable }
        let status = watch(for: wanted)
        return status < 0 ? status : runUnread()
    }

    private func watch(for wanted: UInt32) -> Int32 {
        guard wanted != pointee.armed else { return 0 }
        let slot = pointee.slot
        let status: Int32
        if pointee.isWatched {
            status = slot.upcalls.rearm(slot, watch, wanted | Lanes.edges)
        } else {
            pointee.watch = lamina_watch(of: self, descriptor: pointee.descriptor)
            status = slot.upcalls.watch(slot, watch, wanted | Lanes.edges)
            pointee.isWatched = status == 0
        }
        guard status == 0 else { return status }
        pointee.armed = wanted
        // What is there already is told as the first edge.
        if wanted & Lanes.readable != 0 { beginReadiness() }
        return 0
    }

    /// No edge comes again for what an indication left unread, because it had no room or its turn was over.
    private func runUnread() -> Int32 {
        if let inspector = pointee.inspector, pointee.isListening, inspector.hasRoom, hasUnreadInput {
            return inspector.post()
        }
        if let indicator = pointee.indicator, pointee.isConnected,
            indicator.wantsInput && hasUnreadInput || indicator.wantsEnd && hasUnseenEnd
        {
            return indicator.post()
        }
        return 0
    }

    private var watch: UnsafeMutablePointer<lamina_watch> { field(\.watch) }

    /// The engine saw an edge.
    fileprivate func ready(_ events: UInt32) {
        // Noted before anybody looks who waits: whoever comes later finds it.
        let isReadable = note(events)
        let isWritable = events & (Lanes.writable | Lanes.broken) != 0
        group.lock()
        guard group.pinLocked() else { return group.unlock() }
        let (indicator, inspector) = (pointee.indicator, pointee.inspector)
        let wakesInput = isReadable && input.beginWake()
        let wakesOutput = isWritable && output.beginWake()
        if wakesOutput { indicator?.noteBacklog() }
        if isWritable { forgetOutput() }
        group.unlock()
        if isReadable { inspector?.run() }
        if wakesInput { input.endWake() }
        if isReadable { indicator?.run() }
        if wakesOutput { output.endWake() }
        group.release()
    }

    /// A socket that tells of room whenever something leaves is watched for it only while a send waits. Under the lock.
    private func forgetOutput() {
        guard pointee.armed & Lanes.writable != 0, !isTCP, !output.needsEngine else { return }
        _ = watch(for: pointee.armed & ~Lanes.writable)
    }

    /// Takes the descriptor out of the engine. Not under the lock.
    func stopWatching() {
        guard pointee.isWatched else { return }
        pointee.slot.upcalls.unwatch(pointee.slot, watch)
        pointee.isWatched = false
        pointee.armed = 0
        endReadiness()
    }
}

extension lamina_watch {
    /// A watch of a socket's descriptor, which nobody watches yet.
    init(of state: UnsafeMutablePointer<SocketState>, descriptor: Int32) {
        self.init(
            size: UInt32(MemoryLayout<lamina_watch>.size),
            descriptor: descriptor,
            function: { watch, events in
                watch.pointee.context?.assumingMemoryBound(to: SocketState.self).ready(events)
            },
            context: UnsafeMutableRawPointer(state),
            framework: (nil, nil, nil, nil)
        )
    }
}
