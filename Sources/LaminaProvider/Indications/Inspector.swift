public import CLamina
import CLinux
import Glibc

/// What a base does for connections that are inspected.
public struct InspectorActions {
    /// A connection that waits, -EAGAIN, or another negative errno. On the engine's thread.
    public let take: (UnsafeMutableRawPointer) -> Int
    /// Writes a connection's addresses: local, then remote.
    public let names: (Int, UnsafeMutablePointer<lamina_address>, UnsafeMutablePointer<lamina_address>) -> Void
    /// Resets a connection.
    public let reset: (Int) -> Void
    /// Sees to it that `Inspector.vanished` is called, on the engine's thread, if the peer resets the connection.
    public let watch: (UnsafeMutablePointer<Inspected>) -> Void
    /// Undoes `watch`; afterwards `vanished` neither runs on another thread nor will run. Without the lock.
    public let unwatch: (UnsafeMutablePointer<Inspected>) -> Void
    /// Sees to it that `Inspector.run` is called on the engine's thread once a connection waits, if `hasRoom`. Under the
    /// group's lock. A negative errno if that can't be had.
    public let schedule: (UnsafeMutableRawPointer) -> Int32

    /// The actions of one provider.
    public init(
        take: @escaping (UnsafeMutableRawPointer) -> Int,
        names: @escaping (Int, UnsafeMutablePointer<lamina_address>, UnsafeMutablePointer<lamina_address>) -> Void,
        reset: @escaping (Int) -> Void,
        watch: @escaping (UnsafeMutablePointer<Inspected>) -> Void,
        unwatch: @escaping (UnsafeMutablePointer<Inspected>) -> Void,
        schedule: @escaping (UnsafeMutableRawPointer) -> Int32
    ) {
        self.take = take
        self.names = names
        self.reset = reset
        self.watch = watch
        self.unwatch = unwatch
        self.schedule = schedule
    }
}

/// A connection that the level above was asked about, until an accept takes it.
public struct Inspected {
    /// The base's number for it.
    public let connection: Int
    /// For the base's `watch`.
    public var watch: lamina_watch
    /// Whose it is.
    public let inspector: UnsafeMutablePointer<Inspector>
    fileprivate let id: lamina_inspect_id
    fileprivate var isAccepted: Bool
    fileprivate var next: UnsafeMutablePointer<Inspected>?
}

/// Asks the level above about each connection before an accept gets it (SO_CONDITIONAL_ACCEPT), and tells it of those
/// that are gone before. The handshake is over by then: a rejected peer sees a reset.
public struct Inspector {
    fileprivate var gate: IndicationGate
    fileprivate let actions: UnsafePointer<InspectorActions>
    fileprivate let lane: UnsafeMutablePointer<Lane>
    /// Guarded by the lock, like what follows. In the order in which they came.
    fileprivate var first: UnsafeMutablePointer<Inspected>?
    fileprivate var count = 0
    fileprivate var serial: UInt64 = 0
    fileprivate var limit = 0
    fileprivate var engineRun = EngineRun()
    /// The serial number of the indication that is out, 0 for none, and what was decided before it returned.
    fileprivate var asking: UInt64 = 0
    /// The inspection of the connection that an accept took last. Inside the input lane.
    fileprivate var taken = lamina_inspect_id()
    fileprivate var decision = UInt32(LAMINA_INSPECT_PEND)
}

extension UnsafeMutablePointer<Inspector> {
    /// Inspect and abort.
    public static var known: UInt32 {
        IndicationGate.bit(LAMINA_INDICATION_INSPECT) | IndicationGate.bit(LAMINA_INDICATION_ABORT)
    }

    /// For `enable_indications`: leaves in `set` what isn't the inspector's. Inspections are asked for before the socket
    /// listens, and for good. `enable` makes them happen. False: that can't be had.
    public static func take(from set: inout UInt32, _ clear: UInt32, enable: () -> Bool) -> Bool {
        guard clear & known == 0 else { return false }
        let isWanted = set & known != 0
        set &= ~known
        return !isWanted || enable()
    }

    private var gate: UnsafeMutablePointer<IndicationGate> { field(\.gate) }
    private var lane: UnsafeMutablePointer<Lane> { field(\.lane).pointee }
    private var group: UnsafeMutablePointer<LaneGroup> { gate.field(\.group).pointee }
    private var slot: UnsafeMutablePointer<lamina_slot> { gate.field(\.slot).pointee }
    private var actions: UnsafePointer<InspectorActions> { field(\.actions).pointee }
    private var owner: UnsafeMutableRawPointer { group.field(\.owner).pointee }

    /// Keeps the socket until `unpin`. False: it is closing.
    public func pin() -> Bool { group.pin() }

    /// Undoes `pin`.
    public func unpin() { group.release() }

    /// The listener's slot.
    public var listener: UnsafeMutablePointer<lamina_slot> { slot }

    /// An inspector for a socket that will listen. Nil: no memory.
    public static func make(
        _ actions: UnsafePointer<InspectorActions>,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: UnsafeMutablePointer<lamina_slot>
    ) -> Self? {
        guard let memory = malloc(MemoryLayout<Inspector>.size) else { return nil }
        let inspector = memory.bindMemory(to: Inspector.self, capacity: 1)
        let gate = IndicationGate(lane.pointee.group, slot, known: known, enabled: known)
        inspector.initialize(to: Inspector(gate: gate, actions: actions, lane: lane))
        return inspector
    }

    /// Resets what no accept took, and frees it, once the socket's group has finished.
    public func destroy() {
        while let item = takeFirst(where: { _ in true }) {
            let connection = item.pointee.connection
            item.discard()
            actions.pointee.reset(connection)
        }
        deinitialize(count: 1)
        free(UnsafeMutableRawPointer(self))
    }

    /// The socket listens, and keeps up to `backlog` connections here.
    public func listen(backlog: Int) {
        group.lock()
        pointee.limit = Swift.max(backlog, 1)
        goOn()
        group.unlock()
    }

    /// Whether it takes more connections. Under the lock.
    public var hasRoom: Bool { pointee.count < pointee.limit }

    /// Sees to it that connections are taken. Under the lock.
    public func goOn() {
        if group.isClosing || !hasRoom { return }
        let status = actions.pointee.schedule(owner)
        guard status < 0 else { return }
        LineBuffer.log(
            slot,
            LAMINA_LOG_WARNING,
            "connections are not inspected until the next accept: ",
            cause: -status
        )
    }

    /// Lets the engine call `run`. Under the lock. A negative errno if it can't.
    public func post() -> Int32 {
        field(\.engineRun).post(group, slot, UnsafeMutableRawPointer(self)) { context in
            guard let inspector = context?.assumingMemoryBound(to: Inspector.self) else { return }
            let group = inspector.group
            inspector.field(\.engineRun).begin(group)
            inspector.run()
            group.release()
        }
    }

    /// Takes the connections that wait, and asks about each. On the engine's thread, while the caller keeps the socket.
    public func run() {
        while true {
            group.lock()
            let mayTake = hasRoom && !group.isClosing
            group.unlock()
            guard mayTake else { return }
            let connection = actions.pointee.take(owner)
            if connection == -Int(EAGAIN) { break }
            guard connection >= 0 else {
                let cause = -Int32(connection)
                LineBuffer.log(slot, LAMINA_LOG_WARNING, "a connection can't be inspected: ", cause: cause)
                break
            }
            inspect(connection)
        }
        group.lock()
        goOn()
        group.unlock()
    }

    private func inspect(_ connection: Int) {
        guard let memory = malloc(MemoryLayout<Inspected>.size), gate.begin(Self.known) else {
            return actions.pointee.reset(connection)
        }
        group.lock()
        field(\.serial).pointee += 1
        let id = lamina_inspect_id(key: UInt64(UInt(bitPattern: connection)), serial: pointee.serial)
        field(\.asking).pointee = id.serial
        field(\.decision).pointee = UInt32(LAMINA_INSPECT_PEND)
        group.unlock()
        var names = (local: lamina_address(), remote: lamina_address())
        actions.pointee.names(connection, &names.local, &names.remote)
        let (status, answer) = withUnsafePointer(to: names.local) { local in
            withUnsafePointer(to: names.remote) { remote in
                var event = lamina_inspect_event(
                    local: local,
                    remote: remote,
                    id: id,
                    answer: UInt32(LAMINA_INSPECT_ACCEPT)
                )
                let status = lamina_indicate_inspect(slot, &event)
                return (status, event.answer)
            }
        }
        if status >= 0, answer == LAMINA_INSPECT_ACCEPT || answer == LAMINA_INSPECT_PEND {
            let item = memory.bindMemory(to: Inspected.self, capacity: 1)
            let isAccepted = answer == LAMINA_INSPECT_ACCEPT
            let watch = lamina_watch(
                size: UInt32(MemoryLayout<lamina_watch>.size),
                descriptor: -1,
                function: { _, _ in },
                context: nil,
                framework: (nil, nil, nil, nil)
            )
            item.initialize(
                to: Inspected(
                    connection: connection,
                    watch: watch,
                    inspector: self,
                    id: id,
                    isAccepted: isAccepted
                )
            )
            // Watched first: once it is in the list, an accept may take it.
            actions.pointee.watch(item)
            append(item)
        } else {
            group.lock()
            field(\.asking).pointee = 0
            group.unlock()
            actions.pointee.reset(connection)
            free(memory)
        }
        gate.end()
    }

    private func append(_ item: UnsafeMutablePointer<Inspected>) {
        group.lock()
        field(\.asking).pointee = 0
        let isAccepted = item.pointee.isAccepted || pointee.decision == UInt32(LAMINA_INSPECT_ACCEPT)
        if !isAccepted, pointee.decision == UInt32(LAMINA_INSPECT_REJECT) {
            group.unlock()
            let connection = item.pointee.connection
            item.discard()
            return actions.pointee.reset(connection)
        }
        item.field(\.isAccepted).pointee = isAccepted
        var place = field(\.first)
        while let other = place.pointee { place = other.field(\.next) }
        place.pointee = item
        field(\.count).pointee += 1
        group.unlock()
        if isAccepted { lane.wake() }
    }

    /// Notes a decision about the connection whose indication has not returned yet. False: it is another one.
    private func decideEarly(_ id: lamina_inspect_id, _ action: UInt32) -> Bool {
        group.lock()
        defer { group.unlock() }
        guard pointee.asking == id.serial, id.serial != 0, pointee.decision == UInt32(LAMINA_INSPECT_PEND) else {
            return false
        }
        field(\.decision).pointee = action
        return true
    }

    /// Takes an item out of the list; it is the caller's to discard.
    private func takeFirst(where fits: (UnsafeMutablePointer<Inspected>) -> Bool) -> UnsafeMutablePointer<Inspected>? {
        group.lock()
        defer { group.unlock() }
        var place = field(\.first)
        while let item = place.pointee {
            if fits(item) {
                place.pointee = item.pointee.next
                field(\.count).pointee -= 1
                return item
            }
            place = item.field(\.next)
        }
        return nil
    }

    /// Which inspection the connection came from that `take` gave last. Inside the input lane.
    public var lastTaken: lamina_inspect_id { pointee.taken }

    /// The next connection for an accept, or -EAGAIN.
    public func take() -> Int {
        guard let item = takeFirst(where: { $0.pointee.isAccepted }) else { return -Int(EAGAIN) }
        let connection = item.pointee.connection
        field(\.taken).pointee = item.pointee.id
        item.discard()
        group.lock()
        goOn()
        group.unlock()
        return connection
    }

    /// The entry `inspect_complete`. -EINVAL: no such inspection is pending; the connection may be gone.
    public func complete(
        _ id: lamina_inspect_id,
        _ action: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        func isAsked(_ item: UnsafeMutablePointer<Inspected>) -> Bool {
            let own = item.pointee.id
            return own.key == id.key && own.serial == id.serial && !item.pointee.isAccepted
        }
        let isDecision = action == UInt32(LAMINA_INSPECT_ACCEPT) || action == UInt32(LAMINA_INSPECT_REJECT)
        if isDecision, decideEarly(id, action) { return lamina_complete(slot, request, 0, 0) }
        switch Int(action) {
        case LAMINA_INSPECT_ACCEPT:
            group.lock()
            var next = pointee.first
            while let item = next, !isAsked(item) { next = item.pointee.next }
            next?.pointee.isAccepted = true
            group.unlock()
            if next != nil { lane.wake() }
            return lamina_complete(slot, request, next == nil ? -EINVAL : 0, 0)
        case LAMINA_INSPECT_REJECT:
            guard let item = takeFirst(where: isAsked) else { return lamina_complete(slot, request, -EINVAL, 0) }
            let connection = item.pointee.connection
            item.discard()
            actions.pointee.reset(connection)
            group.lock()
            goOn()
            group.unlock()
            return lamina_complete(slot, request, 0, 0)
        default: return lamina_complete(slot, request, -EINVAL, 0)
        }
    }

    /// The peer has reset a connection; one that no accept has taken is indicated as aborted. On the engine's thread.
    public func vanished(_ connection: Int) {
        guard gate.begin(Self.known) else { return }
        if let item = takeFirst(where: { $0.pointee.connection == connection }) {
            let id = item.pointee.id
            item.discard()
            actions.pointee.reset(connection)
            var event = lamina_abort_event(id: id)
            _ = lamina_indicate_abort(slot, &event)
            group.lock()
            goOn()
            group.unlock()
        }
        gate.end()
    }
}

extension UnsafeMutablePointer<Inspected> {
    fileprivate func discard() {
        pointee.inspector.field(\.actions).pointee.pointee.unwatch(self)
        free(UnsafeMutableRawPointer(self))
    }
}
