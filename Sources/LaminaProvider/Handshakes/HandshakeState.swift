import CLamina
import CLinux
import Glibc
import Synchronization

/// What the SDK keeps for each socket of a layer that `Handshakes`: how far the socket has come, and who uses it meanwhile.
public final class HandshakeState: @unchecked Sendable {
    /// How far a socket has come. The numbers are handed over.
    enum Phase: UInt32 {
        case idle = 0
        /// A conversation is under way: nobody else's bytes may pass.
        case talking = 1
        case open = 2
        /// Somebody was spoken to in vain: the connection to it is of no use any more.
        case broken = 3
    }

    /// Changed under the lock.
    private let reached: Atomic<UInt32>
    private let slot: UnsafeMutablePointer<lamina_slot>
    private let lock = UnsafeMutablePointer<clinux_fork_lock>.allocate(capacity: 1)
    // Guarded by the lock.
    private var wantedAddress: Address?
    /// The program's connect, until somebody ends it.
    private var outer: UnsafeMutablePointer<lamina_request>?
    /// The conversation, and those who interrupt it: the last one to leave lets a close go on.
    private var users = 0
    private var isEnding = false
    /// Whose request below is out, so that it can be cancelled.
    private var out: Conversation?
    private var closing: UnsafeMutablePointer<lamina_request>?
    /// Indications that the program has asked for before there are data of its own.
    private var wanted: IndicationSet = []
    /// Whose conversation it is: in a child of fork it never goes on.
    private var process: pid_t = 0

    private init(_ slot: UnsafeMutablePointer<lamina_slot>, _ phase: Phase, _ address: Address?) {
        self.slot = slot
        reached = Atomic(phase.rawValue)
        wantedAddress = address
        clinux_fork_lock_begin(lock, nil, nil)
    }

    convenience init(_ socket: borrowing Socket) {
        self.init(socket.slot, .idle, nil)
    }

    /// What another process had.
    convenience init(_ bytes: borrowing RawSpan, _ socket: borrowing Socket) throws(Failure) {
        guard let phase = Phase(rawValue: try bytes.integer(at: 0)), phase != .talking else {
            throw Failure(EINVAL, "the state is none of a socket's at rest")
        }
        self.init(socket.slot, phase, try bytes.address(at: MemoryLayout<UInt32>.size))
    }

    deinit {
        clinux_fork_lock_end(lock)
        lock.deallocate()
    }

    func write(to bytes: inout StateBytes) {
        let (phase, address) = locked { (self.phase, wantedAddress) }
        bytes.append(phase.rawValue)
        bytes.append(address)
    }

    /// Where the program is connected, as it asked for it; nil where the layer didn't converse for it, or the way isn't open.
    public var destination: Address? { isOpen ? locked { wantedAddress } : nil }

    /// Whether the way is open: data are the program's.
    public var isOpen: Bool { reached.load(ordering: .acquiring) == Phase.open.rawValue }

    /// The levels below are open already. Where they are connected, the connection is the program's.
    func comesLate(_ socket: borrowing Socket) {
        guard socket.isConnectedBelow else { return }
        locked { phase = .open }
    }

    /// Whether a conversation is under way. In a child of fork the parent's doesn't count.
    var isBusy: Bool { locked { users > 0 && process == getpid() } }

    private var phase: Phase {
        get { Phase(rawValue: reached.load(ordering: .relaxed)) ?? .broken }
        set { reached.store(newValue.rawValue, ordering: .releasing) }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        clinux_fork_lock_take(lock)
        defer { clinux_fork_lock_give(lock) }
        return body()
    }

    private var upcalls: lamina_upcalls { slot.pointee.column.pointee.upcalls.pointee }

    /// Keeps what the program wants indicated until there are data of its own. False: there are.
    func postpones(_ set: IndicationSet, clear: IndicationSet) -> Bool {
        locked {
            guard phase != .open else { return false }
            wanted = wanted.subtracting(clear).union(set)
            return true
        }
    }

    // MARK: - The program's connect

    /// Lets it wait for a conversation. Answers what the entry returns; nil: the levels below are to answer it.
    func begin(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ address: Address,
        _ stepTime: Int64,
        _ body: (Conversation) -> Void
    ) -> lamina_status? {
        let isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        let before = locked { () -> Phase in
            guard phase == .idle, !isTry else { return phase }
            phase = .talking
            users += 1
            isEnding = false
            process = getpid()
            wantedAddress = address
            return .idle
        }
        switch before {
        case .open: return nil
        case .talking: return lamina_complete(slot, request, -EALREADY, 0)
        case .broken: return lamina_complete(slot, request, -ECONNABORTED, 0)
        case .idle: if isTry { return lamina_complete(slot, request, -EAGAIN, 0) }
        }
        let status = locked {
            outer = request
            return upcalls.hold(slot, request, Self.cancelled)
        }
        guard status == 0 else {
            locked {
                outer = nil
                phase = .idle
            }
            leave()
            return lamina_complete(slot, request, status, 0)
        }
        body(Conversation(self, slot, stepTime))
        return LAMINA_PENDING
    }

    private static let cancelled: lamina_cancel_function = { slot, request in
        guard let part = Part(slot) else { return }
        part.own.handshakes?.state(part).cancelled(request)
    }

    /// The program's connect was cancelled, or is late. Whether or not the conversation has ended meanwhile, this has a
    /// share in the socket.
    private func cancelled(_ request: UnsafeMutablePointer<lamina_request>) {
        let out = locked { () -> Conversation? in
            if outer != nil { users += 1 }
            outer = nil
            isEnding = true
            return self.out
        }
        if let out { cancel(out) }
        _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
        leave()
    }

    /// Ends a conversation, or lets it end after the step that is under way.
    func end(_ conversation: Conversation, _ status: lamina_status) {
        let isInStep = locked { () -> Bool? in
            guard conversation.result == nil else { return nil }
            conversation.result = status
            return out != nil
        }
        switch isInStep {
        case true?: cancel(conversation)
        case false?: finish(conversation, status)
        case nil: break
        }
    }

    /// Ends the program's connect with its conversation.
    private func finish(_ conversation: Conversation, _ status: lamina_status) {
        let (outer, status) = locked { () -> (UnsafeMutablePointer<lamina_request>?, lamina_status) in
            let outer = self.outer
            self.outer = nil
            // A cancel that has the request comes for its share.
            let isMine = outer.map { lamina_request_claim($0) != 0 } ?? false
            if outer != nil, !isMine { users += 1 }
            phase = isMine && status >= 0 ? .open : conversation.hasConnected ? .broken : .idle
            // Whatever the layer makes of a step that was cancelled.
            return (isMine ? outer : nil, status < 0 && isEnding ? -ECANCELED : status)
        }
        if let outer { _ = lamina_complete(slot, outer, status, 0) }
        leave()
    }

    private func leave() {
        let closing = locked { () -> UnsafeMutablePointer<lamina_request>? in
            users -= 1
            return users == 0 ? self.closing : nil
        }
        if let closing { _ = LifetimeThunks.passClose(slot, closing) }
    }

    /// Lets a close wait for the end of the conversation, which ends at once. False: there is none.
    func isClosedLater(_ request: UnsafeMutablePointer<lamina_request>) -> Bool {
        let (waits, out) = locked { () -> (Bool, Conversation?) in
            guard users > 0, process == getpid() else { return (false, nil) }
            closing = request
            upcalls.mark_pending(slot, request)
            users += 1
            isEnding = true
            return (true, self.out)
        }
        guard waits else { return false }
        if let out { cancel(out) }
        leave()
        return true
    }

    // MARK: - The conversation

    /// Cancels what a conversation asked the levels below for. Legal at any time: a request that has ended isn't held any more.
    private func cancel(_ conversation: Conversation) { _ = upcalls.cancel(conversation.request) }

    /// Lets a step begin, which `prepare` makes ready. A negative errno: it doesn't.
    func admit(_ conversation: Conversation, _ prepare: () -> Void) -> lamina_status {
        locked {
            guard !isEnding, conversation.result == nil else { return -ECANCELED }
            guard out == nil else { return -EALREADY }
            out = conversation
            prepare()
            return 0
        }
    }

    /// A step has ended. True: so has the conversation meanwhile.
    func isOverAfterStep(of conversation: Conversation) -> Bool {
        let result = locked { () -> lamina_status? in
            out = nil
            return conversation.result
        }
        guard let result else { return false }
        finish(conversation, result)
        return true
    }

    /// What the program wants indicated, once; nothing: the way is open from here on.
    func takeWanted() -> IndicationSet {
        locked {
            defer { wanted = [] }
            if wanted.isEmpty, outer != nil, out == nil { phase = .open }
            return wanted
        }
    }
}
