import CLamina
import CLinux
import Glibc
import Lamina

/// Events that travel up.
enum IndicationChecks {
    private static let mask = UInt32(1 << LAMINA_INDICATION_RECEIVE)
    private static let chunk = 50

    static func serial(_ subject: Subject) throws {
        try subject.everywhere { rig in
            let scene = try Scene(rig)
            for index in 0..<20 { scene.raise(index) }
            guard Patience.wait(4_000, { scene.client.bytes >= 20 * chunk }) else {
                throw Finding(
                    "receive indication",
                    "\(rig.place): of \(20 * chunk) bytes \(scene.client.bytes) were indicated",
                    "pass indications on, or leave them empty"
                )
            }
            guard scene.client.mostInside <= 1 else {
                throw Finding(
                    "receive indication",
                    "\(rig.place): \(scene.client.mostInside) ran at once on one socket",
                    "indicate one after the other, on the socket's engine"
                )
            }
            scene.close()
        }
    }

    static func clearingDrains(_ subject: Subject) throws {
        try subject.everywhere { rig in
            let scene = try Scene(rig)
            scene.client.stop()
            scene.raise(0)
            guard Patience.wait(Patience.call, { scene.client.isInside }) else {
                scene.client.go()
                throw NotApplicable("no indication comes \(rig.place)")
            }
            let clear = Call("enable_indications")
            let worker = Worker {
                clear.make { lamina_socket_enable_indications(scene.socket, 0, mask, $0) }
            }
            let isEarly = Patience.wait(Patience.grace) { clear.hasEnded }
            scene.client.go()
            worker.join()
            if isEarly {
                throw Finding(
                    "enable_indications",
                    "\(rig.place): a request that cleared an indication completed while one was being handled",
                    "complete it when the request below has"
                )
            }
            _ = try clear.needEnd(rig.place)
            let before = scene.client.calls
            scene.raise(1)
            Patience.pass()
            guard scene.client.calls == before else {
                throw Finding(
                    "receive indication",
                    "\(rig.place): came after the request that cleared it had completed",
                    "indicate only what the level above enabled"
                )
            }
            scene.close()
        }
    }

    /// A socket whose receive indications are enabled, and a way to raise them.
    private final class Scene: @unchecked Sendable {
        // Set up by one thread; handles may be used by any.
        let socket: lamina_socket
        let client = EventSink()
        private let rig: Rig
        private var pair: Pair?
        private var sends: [(Ask, Call)] = []

        init(_ rig: Rig) throws {
            self.rig = rig
            if rig.stage == nil {
                let pair = try rig.pair()
                self.pair = pair
                socket = pair.server
            } else {
                socket = try rig.ready(.connection)
            }
            do {
                try client.attach(to: Socket(handle: socket, chain: rig.chain))
            } catch {
                throw NotApplicable("indications can't be named \(rig.place): \(error)")
            }
            let enable = Call("enable_indications")
            enable.make { lamina_socket_enable_indications(self.socket, mask, 0, $0) }
            let end = try enable.needEnd(rig.place)
            guard end.status >= 0 else {
                throw NotApplicable("enable_indications answers \(Status.text(end.status)) \(rig.place)")
            }
        }

        /// Lets one more indication come.
        func raise(_ index: Int) {
            let bytes = Array(repeating: UInt8(truncatingIfNeeded: index), count: IndicationChecks.chunk)
            if let stage = rig.stage, let slot = stage.someSlot { return stage.indicate(bytes, on: slot) }
            guard let pair else { return }
            let ask = Ask(LAMINA_ENTRY_SEND, payload: bytes)
            let call = Call(ask.name)
            call.make { ask.issue(pair.client, $0) }
            // Nobody waits for it here: the engine may be inside an indication that waits for this thread.
            sends.append((ask, call))
        }

        func close() {
            if let pair { pair.close() } else { rig.close(socket) }
        }
    }
}

/// A program's side of indications: it counts what comes.
final class EventSink: @unchecked Sendable {
    // Guarded by the lock.
    private struct State {
        var bytes = 0
        var calls = 0
        var inside = 0
        var mostInside = 0
        var isStopped = false
        var retains = false
        var nodes: [UnsafeMutablePointer<lamina_data>] = []
    }
    private let state = Locked(State())

    var bytes: Int { state.withLock { $0.bytes } }
    var calls: Int { state.withLock { $0.calls } }
    var mostInside: Int { state.withLock { $0.mostInside } }
    var isInside: Bool { state.withLock { $0.inside > 0 } }
    /// Keep the nodes of the indications that come, until they are taken.
    func retain() { state.withLock { $0.retains = true } }
    /// A node that was kept, which is the caller's to release.
    func takeNode() -> UnsafeMutablePointer<lamina_data>? { state.withLock { $0.nodes.popLast() } }
    /// The next indication stays inside until `go`.
    func stop() { state.withLock { $0.isStopped = true } }
    func go() { state.withLock { $0.isStopped = false } }

    func attach(to socket: Socket) throws {
        try socket.setIndications(Self.table, context: Unmanaged.passUnretained(self).toOpaque())
    }

    private func receive(_ event: UnsafeMutablePointer<lamina_receive_event>) -> lamina_status {
        guard let node = event.pointee.data else { return 0 }
        state.withLock { state in
            state.calls += 1
            state.inside += 1
            state.mostInside = max(state.mostInside, state.inside)
        }
        // Long enough that two at once would meet.
        Patience.pass(1)
        _ = Patience.wait(5_000) { !self.state.withLock { $0.isStopped } }
        let count = Int(clamping: event.pointee.bytes_indicated)
        return state.withLock { state in
            state.inside -= 1
            state.bytes += count
            if state.retains { state.nodes.append(node) }
            return state.retains ? lamina_status(LAMINA_PENDING) : 0
        }
    }

    // Written once, before anybody sees it.
    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = {
        let table = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        table.initialize(to: lamina_indications())
        table.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.receive = { slot, event in
            guard let context = slot.pointee.context else { return -EAGAIN }
            return Unmanaged<EventSink>.fromOpaque(context).takeUnretainedValue().receive(event)
        }
        return UnsafePointer(table)
    }()
}
