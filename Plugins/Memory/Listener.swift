import CLamina
import Glibc
import LaminaProvider

/// A listening socket's part: the connections that wait for an accept.
struct Listener {
    var group: LaneGroup
    var input: Lane
    let state: UnsafeMutablePointer<SocketState>
    /// Guarded by the group's lock, like what follows. What the socket indicates.
    var acceptance: UnsafeMutablePointer<AcceptIndicator>?
    var inspector: UnsafeMutablePointer<Inspector>?
    var first: UnsafeMutablePointer<Link>?
    var last: UnsafeMutablePointer<Link>?
    var count = 0
    var backlog: Int
}

extension UnsafeMutablePointer<Listener> {
    /// A listener without connections. Nil: no memory.
    static func make(_ state: UnsafeMutablePointer<SocketState>, backlog: Int) -> Self? {
        guard let memory = malloc(MemoryLayout<Listener>.size) else { return nil }
        let listener = memory.bindMemory(to: Listener.self, capacity: 1)
        let group = listener.group
        listener.initialize(
            to: Listener(
                group: LaneGroup(Lanes.ofListeners, owner: memory),
                input: Lane(group: group),
                state: state,
                backlog: backlog
            )
        )
        group.start()
        return listener
    }

    var group: UnsafeMutablePointer<LaneGroup> { field(\.group) }

    var input: UnsafeMutablePointer<Lane> { field(\.input) }

    /// Queues a connection, whose server end it takes over. False: the queue is full, or the listener closes. Keeps the
    /// listener for `wakeInput`.
    func offer(_ link: UnsafeMutablePointer<Link>) -> Bool {
        group.lock()
        defer { group.unlock() }
        guard pointee.count < pointee.backlog, group.pinLocked() else { return false }
        if let last = pointee.last { last.pointee.next = link } else { pointee.first = link }
        pointee.last = link
        pointee.count += 1
        return true
    }

    /// The number of the connection that has waited longest, or -EAGAIN.
    func takeUninspected() -> Int { take().map { Int(bitPattern: $0) } ?? -Int(EAGAIN) }

    /// Lets an accept that waits go on, or an inspection, after `offer`.
    func wakeInput() {
        input.wake()
        group.lock()
        pointee.inspector?.goOn()
        group.unlock()
        group.release()
    }

    /// The connection that has waited longest.
    func take() -> UnsafeMutablePointer<Link>? {
        group.lock()
        defer { group.unlock() }
        guard let link = pointee.first else { return nil }
        pointee.first = link.pointee.next
        if pointee.first == nil { pointee.last = nil }
        pointee.count -= 1
        return link
    }

    /// Resets what nobody accepted, and frees the listener.
    func destroy() {
        pointee.acceptance?.destroy()
        pointee.inspector?.destroy()
        while let link = take() { Accept.discard(Int(bitPattern: link)) }
        group.destroy()
        free(UnsafeMutableRawPointer(self))
    }
}

/// Listen and accept. A connection is its link.
enum Accept: Acceptor {
    static func listen(_ slot: Slot, _ backlog: UInt32, _ request: Request) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        return lamina_complete(slot, request, listen(state, min(max(Int(backlog), 1), 4096)), 0)
    }

    private static func listen(_ state: UnsafeMutablePointer<SocketState>, _ backlog: Int) -> Int32 {
        guard !state.pointee.isDatagram else { return -EOPNOTSUPP }
        guard state.pointee.link == nil else { return -EINVAL }
        if let listener = state.pointee.listener {
            listener.group.lock()
            listener.pointee.backlog = backlog
            listener.group.unlock()
            return 0
        }
        if !state.pointee.isBound {
            guard state.pointee.family != AF_UNIX else { return -EINVAL }
            let status = state.bind(
                Endpoint(family: state.pointee.family == AF_UNSPEC ? AF_INET : state.pointee.family)
            )
            guard status == 0 else { return status }
        }
        guard let listener = UnsafeMutablePointer<Listener>.make(state, backlog: backlog) else { return -ENOMEM }
        state.pointee.listener = listener
        if state.pointee.inspects, !listener.makeInspector() { return -ENOMEM }
        if state.pointee.wanted != 0, listener.makeAcceptance(enabled: state.pointee.wanted) == nil { return -ENOMEM }
        state.network.replace(state.pointee.local, isDatagram: false, by: .listener(listener))
        return 0
    }

    static func accept(
        _ slot: Slot,
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let listener = state.pointee.listener else { return lamina_complete(slot, request, -EINVAL, 0) }
        if let left = listener.pointee.acceptance?.takeLeft() {
            return Accepting<Self>.complete(slot, request, with: left, local, remote)
        }
        let made = UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_ACCEPT, listener.input, slot, request)
        guard let operation = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        operation.pointee.local = local
        operation.pointee.remote = remote
        return Accepting<Self>.accept(operation)
    }

    static func take(_ lane: UnsafeMutablePointer<Lane>) -> Int {
        let listener = lane.pointee.group.pointee.owner.assumingMemoryBound(to: Listener.self)
        return listener.pointee.inspector?.take() ?? listener.takeUninspected()
    }

    static func shape(_ listener: Slot) -> (Int32, Int32, Int32) {
        (listener.state?.pointee.family ?? 0, Int32(SOCK_STREAM.rawValue), 0)
    }

    private static func link(_ connection: Int) -> UnsafeMutablePointer<Link>? {
        UnsafeMutablePointer(bitPattern: connection)
    }

    static func inspection(_ lane: UnsafeMutablePointer<Lane>) -> lamina_inspect_id {
        let listener = lane.pointee.group.pointee.owner.assumingMemoryBound(to: Listener.self)
        return listener.pointee.inspector?.lastTaken ?? lamina_inspect_id()
    }

    static func prepare(
        _ connection: Int,
        _ listener: Slot,
        _ inspection: lamina_inspect_id
    ) -> UnsafeMutableRawPointer? {
        guard let link = link(connection), let listening = listener.state else { return nil }
        let made = UnsafeMutablePointer<SocketState>.make(
            listener,
            family: listening.pointee.family,
            isDatagram: false
        )
        guard let state = made else { return nil }
        state.pointee.local = link.pointee.serverName
        state.pointee.inspected = inspection
        state.pointee.receiveRoom = listening.pointee.receiveRoom
        state.pointee.switches = listening.pointee.switches.intersection(.inherited)
        state.pointee.side = .server
        state.pointee.link = link
        link.end(.server).pointee.state = state
        return UnsafeMutableRawPointer(state)
    }

    static func install(_ state: UnsafeMutableRawPointer, _ base: Slot) {
        state.assumingMemoryBound(to: SocketState.self).pointee.slot = base
        base.pointee.context = state
    }

    static func dismiss(_ state: UnsafeMutableRawPointer) {
        let state = state.assumingMemoryBound(to: SocketState.self)
        if let link = state.pointee.link { discard(Int(bitPattern: link)) }
        state.destroy()
    }

    static func discard(_ connection: Int) {
        guard let link = link(connection) else { return }
        link.reset(by: .server)
        link.release()
    }

    static func write(
        _ base: Slot,
        local: UnsafeMutablePointer<lamina_address>?,
        remote: UnsafeMutablePointer<lamina_address>?
    ) {
        guard let state = base.state, let link = state.pointee.link else { return }
        if let local { link.pointee.serverName.write(local, for: state.pointee.family) }
        if let remote { link.pointee.clientName.write(remote, for: state.pointee.family) }
    }

    static let answer: lamina_accepted_function = { _, accepted, status, context in
        Accepting<Accept>.answered(accepted, status, context)
    }
}
