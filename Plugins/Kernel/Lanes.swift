import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What waits, and what makes it go on: the engine's watch of the descriptor, or a waiting thread that polls it.
enum Lanes {
    nonisolated(unsafe) static let actions: UnsafePointer<LaneActions> = unsafe Immortal.copy(
        LaneActions(
            attempt: attempt,
            arm: { unsafe $0.state.arm($0) },
            dispose: { unsafe Connect.dispose($0) },
            idle: { lane in
                let state = unsafe lane.state
                if unsafe lane == state.input { unsafe state.pointee.indicator?.goOn() }
            },
            renew: { unsafe $0.assumingMemoryBound(to: SocketState.self).renew() },
            finish: { unsafe Lifetime.finish($0.assumingMemoryBound(to: SocketState.self)) }
        )
    )

    private static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        let state = unsafe operation.pointee.lane.state
        switch unsafe Int(operation.pointee.kind) {
        case LAMINA_ENTRY_SEND: return unsafe Stream.attemptSend(operation, state)
        case LAMINA_ENTRY_RECEIVE: return unsafe Stream.attemptReceive(operation, state)
        case LAMINA_ENTRY_SEND_MESSAGES: return unsafe Datagram.attemptSend(operation, state)
        case LAMINA_ENTRY_RECEIVE_FROM, LAMINA_ENTRY_RECEIVE_MESSAGES:
            return unsafe Datagram.attemptReceive(operation, state)
        case LAMINA_ENTRY_CONNECT: return unsafe Connect.attempt(operation, state)
        case LAMINA_ENTRY_ACCEPT: return unsafe Accepting<Accept>.attempt(operation)
        case LAMINA_ENTRY_DISCONNECT: return unsafe Disconnect.attempt(operation, state)
        default:
            unsafe operation.pointee.status = -EOPNOTSUPP
            return .ended
        }
    }

    /// Lets a waiting thread poll for the operation itself, if one waits.
    static func drive(
        _ operation: UnsafeMutablePointer<Operation>?,
        _ state: UnsafeMutablePointer<SocketState>,
        _ events: Int32
    ) -> UnsafeMutablePointer<Operation>? {
        guard let operation = unsafe operation else { return nil }
        let request = unsafe operation.pointee.request
        guard unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_WAITED) != 0, unsafe state.pointee.descriptor >= 0
        else {
            return unsafe operation
        }
        unsafe operation.pointee.isDriven = true
        unsafe request.pointee.wait.descriptor = state.pointee.descriptor
        unsafe request.pointee.wait.events = UInt32(events)
        unsafe request.pointee.wait.slot = operation.pointee.slot
        if events == POLLIN {
            unsafe request.pointee.wait.drive = { slot in
                guard let state = unsafe slot.state else { return }
                unsafe state.noteInput()
                unsafe state.input.wake()
            }
        } else {
            unsafe request.pointee.wait.drive = { unsafe $0.state?.output.wake() }
        }
        return unsafe operation
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
        unsafe pointee.group.pointee.owner.assumingMemoryBound(to: SocketState.self)
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Sees to it that somebody wakes `lane`. Under the lock.
    func arm(_ lane: UnsafeMutablePointer<Lane>) -> Int32 {
        guard unsafe lane.needsEngine else { return 0 }
        if unsafe lane == output, let wakes = unsafe Connect.armOtherwise(lane) { return wakes }
        return unsafe watchDescriptor()
    }

    /// Watches for what the lanes and the indications wait for, and lets the indications go on where an edge has told
    /// of it already. Under the lock.
    func watchDescriptor() -> Int32 {
        var wanted = unsafe pointee.armed
        if let inspector = unsafe pointee.inspector {
            if unsafe pointee.isListening, unsafe inspector.hasRoom { wanted |= Lanes.input }
        } else if unsafe input.needsEngine {
            wanted |= Lanes.input
        }
        if let indicator = unsafe pointee.indicator, unsafe pointee.isConnected {
            if unsafe indicator.wantsInput { wanted |= Lanes.input }
            if unsafe indicator.wantsEnd { wanted |= Lanes.ended }
        }
        if unsafe output.needsEngine, unsafe !Connect.isWaitingOtherwise(output) { wanted |= Lanes.writable }
        let status = unsafe watch(for: wanted)
        return unsafe status < 0 ? status : runUnread()
    }

    private func watch(for wanted: UInt32) -> Int32 {
        guard unsafe wanted != pointee.armed else { return 0 }
        let slot = unsafe pointee.slot
        let status: Int32
        if unsafe pointee.isWatched {
            status = unsafe slot.upcalls.rearm(slot, watch, wanted | Lanes.edges)
        } else {
            unsafe pointee.watch = lamina_watch(of: self, descriptor: pointee.descriptor)
            status = unsafe slot.upcalls.watch(slot, watch, wanted | Lanes.edges)
            unsafe pointee.isWatched = status == 0
        }
        guard status == 0 else { return status }
        unsafe pointee.armed = wanted
        // What is there already is told as the first edge.
        if wanted & Lanes.readable != 0 { unsafe beginReadiness() }
        return 0
    }

    /// No edge comes again for what an indication left unread, because it had no room or its turn was over.
    private func runUnread() -> Int32 {
        if let inspector = unsafe pointee.inspector, unsafe pointee.isListening, unsafe inspector.hasRoom,
            unsafe hasUnreadInput
        {
            return unsafe inspector.post()
        }
        if let indicator = unsafe pointee.indicator, unsafe pointee.isConnected,
            unsafe indicator.wantsInput && hasUnreadInput || indicator.wantsEnd && hasUnseenEnd
        {
            return unsafe indicator.post()
        }
        return 0
    }

    private var watch: UnsafeMutablePointer<lamina_watch> { unsafe field(\.watch) }

    /// The engine saw an edge.
    fileprivate func ready(_ events: UInt32) {
        // Noted before anybody looks who waits: whoever comes later finds it.
        let isReadable = unsafe note(events)
        let isWritable = events & (Lanes.writable | Lanes.broken) != 0
        unsafe group.lock()
        guard unsafe group.pinLocked() else { return unsafe group.unlock() }
        let (indicator, inspector) = unsafe (pointee.indicator, pointee.inspector)
        let wakesInput = unsafe isReadable && input.beginWake()
        let wakesOutput = unsafe isWritable && output.beginWake()
        if wakesOutput { unsafe indicator?.noteBacklog() }
        if isWritable { unsafe forgetOutput() }
        unsafe group.unlock()
        if isReadable { unsafe inspector?.run() }
        if wakesInput { unsafe input.endWake() }
        if isReadable { unsafe indicator?.run() }
        if wakesOutput { unsafe output.endWake() }
        unsafe group.release()
    }

    /// A socket that tells of room whenever something leaves is watched for it only while a send waits. Under the lock.
    private func forgetOutput() {
        guard unsafe pointee.armed & Lanes.writable != 0, unsafe !isTCP, unsafe !output.needsEngine else { return }
        _ = unsafe watch(for: pointee.armed & ~Lanes.writable)
    }

    /// Takes the descriptor out of the engine. Not under the lock.
    func stopWatching() {
        guard unsafe pointee.isWatched else { return }
        unsafe pointee.slot.upcalls.unwatch(pointee.slot, watch)
        unsafe pointee.isWatched = false
        unsafe pointee.armed = 0
        unsafe endReadiness()
    }
}

extension lamina_watch {
    /// A watch of a socket's descriptor, which nobody watches yet.
    init(of state: UnsafeMutablePointer<SocketState>, descriptor: Int32) {
        unsafe self.init(
            size: UInt32(MemoryLayout<lamina_watch>.size),
            descriptor: descriptor,
            function: { watch, events in
                unsafe watch.pointee.context?.assumingMemoryBound(to: SocketState.self).ready(events)
            },
            context: UnsafeMutableRawPointer(state),
            framework: (nil, nil, nil, nil)
        )
    }
}
