public import CLamina
import CLinux
import Glibc

/// Indicates the connections that a listener takes. It accepts them as a program would, by the base's own entry and a
/// request of its own, in turn with the accepts that others make.
public struct AcceptIndicator {
    /// Whether accepts are wanted.
    var gate: IndicationGate
    fileprivate let entry: lamina_accept_function
    fileprivate var request = lamina_request()
    fileprivate var local = lamina_address()
    fileprivate var remote = lamina_address()
    fileprivate var turn = Arrivals()
    /// The request is out, or about to be: the socket is kept for it. Guarded by the lock, like what follows.
    fileprivate var isOut = false
    /// The accept was made, so that it can be cancelled.
    fileprivate var isMade = false
    /// Whether the socket listens.
    fileprivate var isListening = false
    /// A connection that came when nobody wanted indications any more: the next accept's.
    fileprivate var left: (slot: UnsafeMutablePointer<lamina_slot>, generation: UInt64)?

    fileprivate init(_ gate: IndicationGate, _ entry: lamina_accept_function) {
        self.gate = gate
        self.entry = entry
    }
}

extension UnsafeMutablePointer<AcceptIndicator> {
    private static var bit: UInt32 { IndicationGate.bit(LAMINA_INDICATION_ACCEPT) }
    /// What a listener can indicate.
    public static var known: UInt32 { bit }
    /// Nanoseconds until a listener tries again that the system had no descriptor or memory for.
    private static var pause: Int64 { 100_000_000 }

    private var gate: UnsafeMutablePointer<IndicationGate> { field(\.gate) }
    private var group: UnsafeMutablePointer<LaneGroup> { gate.field(\.group).pointee }
    private var slot: UnsafeMutablePointer<lamina_slot> { gate.field(\.slot).pointee }
    private var request: UnsafeMutablePointer<lamina_request> { field(\.request) }
    private var upcalls: lamina_upcalls { slot.pointee.column.pointee.upcalls.pointee }

    /// An indicator over the base's entry, for a socket that doesn't listen yet. `enabled`: what is wanted already.
    /// Nil: no memory.
    public static func make(
        _ group: UnsafeMutablePointer<LaneGroup>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ entry: @escaping lamina_accept_function,
        enabled: UInt32 = 0
    ) -> Self? {
        guard let memory = malloc(MemoryLayout<AcceptIndicator>.size) else { return nil }
        let indicator = memory.bindMemory(to: AcceptIndicator.self, capacity: 1)
        let gate = IndicationGate(group, slot, known: known, enabled: enabled)
        indicator.initialize(to: AcceptIndicator(gate, entry))
        return indicator
    }

    /// Frees it, once the socket's group has finished.
    public func destroy() {
        if let left = pointee.left { upcalls.refuse_accepted(slot, left.slot, left.generation) }
        deinitialize(count: 1)
        free(UnsafeMutableRawPointer(self))
    }

    /// The entry `enable_indications`.
    public func change(set: UInt32, clear: UInt32, _ request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        let status = gate.change(set: set, clear: clear, request) { start() }
        guard clear & Self.bit != 0 else { return status }
        // An accept that isn't made yet is taken back by whoever makes it.
        group.lock()
        let isMade = pointee.isMade && !gate.wants(Self.bit)
        group.unlock()
        if isMade { _ = upcalls.cancel(self.request) }
        return status
    }

    /// The socket listens from now on.
    public func listen() {
        group.lock()
        pointee.isListening = true
        _ = start()
        group.unlock()
    }

    /// Whether a connection waits that nobody was told of. Not under the lock.
    public var hasLeft: Bool {
        group.lock()
        defer { group.unlock() }
        return pointee.left != nil
    }

    /// A connection that nobody was told of, for an accept.
    public func takeLeft() -> (slot: UnsafeMutablePointer<lamina_slot>, generation: UInt64)? {
        group.lock()
        defer {
            pointee.left = nil
            group.unlock()
        }
        return pointee.left
    }

    /// Lets the engine accept, if that is wanted and not under way. Under the lock. A negative errno if it can't.
    private func start(at when: Int64? = nil) -> Int32 {
        guard gate.wants(Self.bit), pointee.isListening, !pointee.isOut else { return 0 }
        guard group.pinLocked() else { return -ECANCELED }
        let function: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            guard let indicator = context?.assumingMemoryBound(to: AcceptIndicator.self) else { return }
            indicator.acceptNext()
        }
        let context = UnsafeMutableRawPointer(self)
        let status =
            when.map { upcalls.post_at(slot, $0, function, context) } ?? upcalls.post(slot, function, context)
        guard status == 0 else {
            group.unpinLocked()
            return status
        }
        pointee.isOut = true
        // Clearing the indication waits for the accept.
        gate.beginLocked()
        return 0
    }

    /// Accepts until it must wait, or nobody wants it any more. On the engine's thread.
    private func acceptNext() {
        while true {
            lamina_request_prepare(
                request,
                { _, _, context in
                    guard let indicator = context?.assumingMemoryBound(to: AcceptIndicator.self) else { return 0 }
                    if indicator.field(\.turn).arrive(), indicator.indicate() { indicator.acceptNext() }
                    return 0
                },
                UnsafeMutableRawPointer(self)
            )
            pointee.turn = Arrivals()
            _ = field(\.entry).pointee(slot, field(\.local), field(\.remote), request)
            if !noteMade() { _ = upcalls.cancel(request) }
            guard field(\.turn).arrive(), indicate() else { return }
        }
    }

    /// The accept was made. False: nobody wants it any more.
    private func noteMade() -> Bool {
        group.lock()
        defer { group.unlock() }
        pointee.isMade = true
        return gate.wants(Self.bit)
    }

    /// What the accept brought. True: another one is wanted; else the request is no longer out, and the socket may go.
    private func indicate() -> Bool {
        let status = request.pointee.status
        if status >= 0, let accepted = request.pointee.socket {
            hand(accepted, request.pointee.socket_generation)
        }
        group.lock()
        pointee.isMade = false
        let isWanted = gate.wants(Self.bit) && !group.isClosing
        if isWanted, status >= 0 || status == -ECANCELED {
            group.unlock()
            return true
        }
        pointee.isOut = false
        // Out of descriptors or memory: others may give some back.
        if isWanted { _ = start(at: clinux_monotonic() + Self.pause) }
        group.unlock()
        if isWanted {
            let rest: StaticString = "; trying again every 100 ms"
            LineBuffer.log(slot, LAMINA_LOG_WARNING, "connections wait: ", cause: -status, rest)
        }
        gate.end()
        return false
    }

    private func hand(_ accepted: UnsafeMutablePointer<lamina_slot>, _ generation: UInt64) {
        guard gate.begin(Self.bit) else {
            group.lock()
            let isKept = pointee.left == nil && !group.isClosing
            if isKept { pointee.left = (accepted, generation) }
            group.unlock()
            if !isKept { upcalls.refuse_accepted(slot, accepted, generation) }
            return
        }
        var event = lamina_accept_event(
            local: UnsafePointer(field(\.local)),
            remote: UnsafePointer(field(\.remote)),
            accepted: accepted,
            accepted_generation: generation
        )
        if lamina_indicate_accept(slot, &event) != 0 {
            upcalls.refuse_accepted(slot, accepted, generation)
        }
        gate.end()
    }
}
