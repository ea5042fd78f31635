import CLamina
import Glibc
import LaminaProvider

/// A listening socket's part: the connections that wait for an accept.
@unsafe struct Listener {
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
        guard let memory = unsafe malloc(MemoryLayout<Listener>.size) else { return nil }
        let listener = unsafe memory.bindMemory(to: Listener.self, capacity: 1)
        let group = unsafe listener.group
        unsafe listener.initialize(
            to: Listener(
                group: LaneGroup(Lanes.ofListeners, owner: memory),
                input: Lane(group: group),
                state: state,
                backlog: backlog
            )
        )
        unsafe group.start()
        return unsafe listener
    }

    var group: UnsafeMutablePointer<LaneGroup> { unsafe field(\.group) }

    var input: UnsafeMutablePointer<Lane> { unsafe field(\.input) }

    /// Queues a connection, whose server end it takes over. False: the queue is full, or the listener closes. Keeps the
    /// listener for `wakeInput`.
    func offer(_ link: UnsafeMutablePointer<Link>) -> Bool {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        guard unsafe pointee.count < pointee.backlog, unsafe group.pinLocked() else { return false }
        if let last = unsafe pointee.last { unsafe last.pointee.next = link } else { unsafe pointee.first = link }
        unsafe pointee.last = link
        unsafe pointee.count += 1
        return true
    }

    /// The number of the connection that has waited longest, or -EAGAIN.
    func takeUninspected() -> Int { unsafe take().map { Int(bitPattern: $0) } ?? -Int(EAGAIN) }

    /// Lets an accept that waits go on, or an inspection, after `offer`.
    func wakeInput() {
        unsafe input.wake()
        unsafe group.lock()
        unsafe pointee.inspector?.goOn()
        unsafe group.unlock()
        unsafe group.release()
    }

    /// The connection that has waited longest.
    func take() -> UnsafeMutablePointer<Link>? {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        guard let link = unsafe pointee.first else { return nil }
        unsafe pointee.first = link.pointee.next
        if unsafe pointee.first == nil { unsafe pointee.last = nil }
        unsafe pointee.count -= 1
        return unsafe link
    }

    /// Resets what nobody accepted, and frees the listener.
    func destroy() {
        unsafe pointee.acceptance?.destroy()
        unsafe pointee.inspector?.destroy()
        while let link = unsafe take() { Accept.discard(Int(bitPattern: link)) }
        unsafe group.destroy()
        unsafe free(UnsafeMutableRawPointer(self))
    }
}

/// Listen and accept. A connection is its link.
enum Accept: Acceptor {
    static func listen(_ slot: Slot, _ backlog: UInt32, _ request: Request) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        return unsafe lamina_complete(slot, request, listen(state, min(max(Int(backlog), 1), 4096)), 0)
    }

    private static func listen(_ state: UnsafeMutablePointer<SocketState>, _ backlog: Int) -> Int32 {
        guard unsafe !state.pointee.isDatagram else { return -EOPNOTSUPP }
        guard unsafe state.pointee.link == nil else { return -EINVAL }
        if let listener = unsafe state.pointee.listener {
            unsafe listener.group.lock()
            unsafe listener.pointee.backlog = backlog
            unsafe listener.group.unlock()
            return 0
        }
        if unsafe !state.pointee.isBound {
            guard unsafe state.pointee.family != AF_UNIX else { return -EINVAL }
            let status = unsafe state.bind(
                Endpoint(family: state.pointee.family == AF_UNSPEC ? AF_INET : state.pointee.family)
            )
            guard status == 0 else { return status }
        }
        guard let listener = unsafe UnsafeMutablePointer<Listener>.make(state, backlog: backlog) else { return -ENOMEM }
        unsafe state.pointee.listener = listener
        if unsafe state.pointee.inspects, unsafe !listener.makeInspector() { return -ENOMEM }
        if unsafe state.pointee.wanted != 0, unsafe listener.makeAcceptance(enabled: state.pointee.wanted) == nil {
            return -ENOMEM
        }
        unsafe state.network.replace(state.pointee.local, isDatagram: false, by: .listener(listener))
        return 0
    }

    static func accept(
        _ slot: Slot,
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard let listener = unsafe state.pointee.listener else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        if let left = unsafe listener.pointee.acceptance?.takeLeft() {
            return unsafe Accepting<Self>.complete(slot, request, with: left, local, remote)
        }
        let made = unsafe UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_ACCEPT, listener.input, slot, request)
        guard let operation = unsafe made else { return unsafe lamina_complete(slot, request, -ENOMEM, 0) }
        unsafe operation.pointee.local = local
        unsafe operation.pointee.remote = remote
        return unsafe Accepting<Self>.accept(operation)
    }

    static func take(_ lane: UnsafeMutablePointer<Lane>) -> Int {
        let listener = unsafe lane.pointee.group.pointee.owner.assumingMemoryBound(to: Listener.self)
        return unsafe listener.pointee.inspector?.take() ?? listener.takeUninspected()
    }

    static func shape(_ listener: Slot) -> (Int32, Int32, Int32) {
        unsafe (listener.state?.pointee.family ?? 0, Int32(SOCK_STREAM.rawValue), 0)
    }

    private static func link(_ connection: Int) -> UnsafeMutablePointer<Link>? {
        unsafe UnsafeMutablePointer(bitPattern: connection)
    }

    static func inspection(_ lane: UnsafeMutablePointer<Lane>) -> lamina_inspect_id {
        let listener = unsafe lane.pointee.group.pointee.owner.assumingMemoryBound(to: Listener.self)
        return unsafe listener.pointee.inspector?.lastTaken ?? lamina_inspect_id()
    }

    static func prepare(
        _ connection: Int,
        _ listener: Slot,
        _ inspection: lamina_inspect_id
    ) -> UnsafeMutableRawPointer? {
        guard let link = unsafe link(connection), let listening = unsafe listener.state else { return nil }
        let made = unsafe UnsafeMutablePointer<SocketState>.make(
            listener,
            family: listening.pointee.family,
            isDatagram: false
        )
        guard let state = unsafe made else { return nil }
        unsafe state.pointee.local = link.pointee.serverName
        unsafe state.pointee.inspected = inspection
        unsafe state.pointee.receiveRoom = listening.pointee.receiveRoom
        unsafe state.pointee.switches = listening.pointee.switches.intersection(.inherited)
        unsafe state.pointee.side = .server
        unsafe state.pointee.link = link
        unsafe link.end(.server).pointee.state = state
        return UnsafeMutableRawPointer(state)
    }

    static func install(_ state: UnsafeMutableRawPointer, _ base: Slot) {
        unsafe state.assumingMemoryBound(to: SocketState.self).pointee.slot = base
        unsafe base.pointee.context = state
    }

    static func dismiss(_ state: UnsafeMutableRawPointer) {
        let state = unsafe state.assumingMemoryBound(to: SocketState.self)
        if let link = unsafe state.pointee.link { discard(Int(bitPattern: link)) }
        unsafe state.destroy()
    }

    static func discard(_ connection: Int) {
        guard let link = unsafe link(connection) else { return }
        unsafe link.reset(by: .server)
        unsafe link.release()
    }

    static func write(
        _ base: Slot,
        local: UnsafeMutablePointer<lamina_address>?,
        remote: UnsafeMutablePointer<lamina_address>?
    ) {
        guard let state = unsafe base.state, let link = unsafe state.pointee.link else { return }
        if let local = unsafe local { unsafe link.pointee.serverName.write(local, for: state.pointee.family) }
        if let remote = unsafe remote { unsafe link.pointee.clientName.write(remote, for: state.pointee.family) }
    }

    static let answer: lamina_accepted_function = { _, accepted, status, context in
        unsafe Accepting<Accept>.answered(accepted, status, context)
    }
}
