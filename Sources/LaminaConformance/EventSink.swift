import CLamina
import CLinux
import Glibc
import Lamina

/// A program's side of indications: it notes what comes, and answers as a check says.
final class EventSink: @unchecked Sendable {
    /// What becomes of data that are indicated.
    enum Taking {
        case all, none, retained
        /// This many bytes of them.
        case part(Int)
    }

    struct Datagram {
        let bytes: [UInt8]
        let sender: Address?
    }

    typealias Node = UnsafeMutablePointer<lamina_data>

    // Guarded by the lock.
    private struct State {
        var content: [UInt8] = []
        var bytes = 0
        var datagrams: [Datagram] = []
        var deaths = 0
        var calls = 0
        var inside = 0
        var mostInside = 0
        var isStopped = false
        var next = Taking.all
        var usual = Taking.all
        var nodes: [Node] = []
        var takesConnections = true
        var accepted: [lamina_socket] = []
        var refused = 0
        var decision = LAMINA_INSPECT_ACCEPT
        var inspected: [lamina_inspect_id] = []
        var aborted: [lamina_inspect_id] = []
    }
    private let state = Locked(State())
    private let dwells: Bool

    /// One that stays in each receive indication for a while, so that two at once would meet.
    init(dwells: Bool = false) {
        self.dwells = dwells
    }

    // MARK: - What it is told

    /// Keep the nodes of all data that come, until they are taken.
    func retainAll() { state.withLock { $0.usual = .retained } }
    /// How the next data are answered; those after them are all taken, or kept.
    func answerNext(_ taking: Taking) { state.withLock { $0.next = taking } }
    /// The next receive indication stays inside until `go`.
    func stop() { state.withLock { $0.isStopped = true } }
    func go() { state.withLock { $0.isStopped = false } }
    /// Whether connections that come are taken.
    func takeConnections(_ areTaken: Bool) { state.withLock { $0.takesConnections = areTaken } }
    /// What is said of connections that come: `LAMINA_INSPECT_…`.
    func decide(_ decision: Int) { state.withLock { $0.decision = decision } }

    // MARK: - What it has seen

    /// Bytes of a stream that were taken or kept, and how many were indicated.
    var content: [UInt8] { state.withLock { $0.content } }
    var bytes: Int { state.withLock { $0.bytes } }
    var datagrams: [Datagram] { state.withLock { $0.datagrams } }
    /// Indications that the socket is dead.
    var deaths: Int { state.withLock { $0.deaths } }
    /// Indications of data.
    var calls: Int { state.withLock { $0.calls } }
    var mostInside: Int { state.withLock { $0.mostInside } }
    var isInside: Bool { state.withLock { $0.inside > 0 } }
    var refusedCount: Int { state.withLock { $0.refused } }
    /// A node that was kept, which is the caller's to release.
    func takeNode() -> Node? { state.withLock { $0.nodes.isEmpty ? nil : $0.nodes.removeFirst() } }
    var hasAccepted: Bool { state.withLock { !$0.accepted.isEmpty } }
    /// A connection that was taken; the next one, once.
    func takeAccepted() -> lamina_socket? { state.withLock { $0.accepted.isEmpty ? nil : $0.accepted.removeFirst() } }
    func takeInspected() -> lamina_inspect_id? {
        state.withLock { $0.inspected.isEmpty ? nil : $0.inspected.removeFirst() }
    }
    var aborted: [lamina_inspect_id] { state.withLock { $0.aborted } }

    // MARK: - Being called

    /// Hears a socket's indications. Throws `NotApplicable` where they can't be named, or enabled.
    func attach(to socket: lamina_socket, _ indications: [Int], _ rig: Rig) throws {
        do {
            try Socket(handle: socket, chain: rig.chain)
                .setIndications(Self.table, context: Unmanaged.passUnretained(self).toOpaque())
        } catch {
            throw NotApplicable("indications can't be named \(rig.place): \(error)")
        }
        let mask = indications.reduce(UInt32(0)) { $0 | 1 << UInt32($1) }
        _ = try rig.need("enable_indications") { lamina_socket_enable_indications(socket, mask, 0, $0) }
    }

    private static func bytes(of node: Node) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length))
    }

    /// The nodes of a list, each with its end of the list cut off.
    private static func split(_ list: Node?) -> [Node] {
        var nodes: [Node] = []
        var next = list
        while let node = next {
            next = node.pointee.next
            nodes.append(node)
        }
        return nodes
    }

    private func enter() -> Taking {
        state.withLock { state in
            state.calls += 1
            state.inside += 1
            state.mostInside = max(state.mostInside, state.inside)
            defer { state.next = state.usual }
            if case .retained = state.usual { return .retained }
            return state.next
        }
    }

    /// Stays until another one comes in, at the first time for long.
    private func dwell() {
        _ = Patience.wait(calls == 1 ? 50 : 5) { self.state.withLock { $0.inside > 1 } }
    }

    private func receive(_ event: UnsafeMutablePointer<lamina_receive_event>) -> lamina_status {
        guard let list = event.pointee.data else {
            state.withLock { $0.deaths += 1 }
            return 0
        }
        let taking = enter()
        if dwells { dwell() }
        _ = Patience.wait(5_000) { !self.state.withLock { $0.isStopped } }
        let nodes = Self.split(list)
        let content = nodes.flatMap { Self.bytes(of: $0) }
        return state.withLock { state in
            state.inside -= 1
            state.bytes += content.count
            switch taking {
            case .all:
                state.content += content
                return 0
            case .none: return -EAGAIN
            case .part(let count):
                let taken = content.prefix(count)
                state.content += taken
                event.pointee.bytes_accepted = UInt64(taken.count)
                return 0
            case .retained:
                state.content += content
                for node in nodes { node.pointee.next = nil }
                state.nodes += nodes
                return lamina_status(LAMINA_PENDING)
            }
        }
    }

    private func receiveFrom(_ event: UnsafeMutablePointer<lamina_receive_from_event>) -> lamina_status {
        guard let list = event.pointee.datagrams else { return 0 }
        let taking = enter()
        let nodes = Self.split(list)
        let datagrams = nodes.map { node in
            Datagram(bytes: Self.bytes(of: node), sender: node.pointee.address.map { Address($0.pointee) })
        }
        return state.withLock { state in
            state.inside -= 1
            if case .none = taking { return -EAGAIN }
            state.datagrams += datagrams
            guard case .retained = taking else { return 0 }
            for node in nodes { node.pointee.next = nil }
            state.nodes += nodes
            return lamina_status(LAMINA_PENDING)
        }
    }

    private func accept(_ event: lamina_accept_event) -> lamina_status {
        state.withLock { state in
            guard state.takesConnections else {
                state.refused += 1
                return -EAGAIN
            }
            state.accepted.append(lamina_socket(slot: event.accepted, generation: event.accepted_generation))
            return 0
        }
    }

    private func inspect(_ event: UnsafeMutablePointer<lamina_inspect_event>) {
        state.withLock { state in
            state.inspected.append(event.pointee.id)
            event.pointee.answer = UInt32(state.decision)
        }
    }

    private static func of(_ slot: Slot) -> EventSink? {
        slot.pointee.context.map { Unmanaged<EventSink>.fromOpaque($0).takeUnretainedValue() }
    }

    // Written once, before anybody sees it.
    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = {
        let table = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        table.initialize(to: lamina_indications())
        table.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.receive = { slot, event in EventSink.of(slot)?.receive(event) ?? -EAGAIN }
        table.pointee.receive_from = { slot, event in EventSink.of(slot)?.receiveFrom(event) ?? -EAGAIN }
        table.pointee.accept = { slot, event in EventSink.of(slot)?.accept(event.pointee) ?? -EAGAIN }
        table.pointee.inspect = { slot, event in
            EventSink.of(slot)?.inspect(event)
            return 0
        }
        table.pointee.abort = { slot, event in
            EventSink.of(slot)?.state.withLock { $0.aborted.append(event.pointee.id) }
            return 0
        }
        return UnsafePointer(table)
    }()
}
