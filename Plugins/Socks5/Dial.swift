import CLamina
import CLinux
import Glibc
import LaminaProvider

/// One socket's part of the level: whether it is connected, and the conversation with the server while it connects.
/// Stands in raw memory, from open to the end of close.
struct Dial {
    /// How far the socket has come.
    enum Phase {
        static let idle: UInt32 = 0
        /// The conversation is under way: nobody else's bytes may pass.
        static let dialing: UInt32 = 1
        static let ready: UInt32 = 2
        /// The server was spoken to in vain: the connection to it is of no use any more.
        static let broken: UInt32 = 3
    }

    /// What the levels below were asked for.
    enum Step {
        case connect, greet, method, login, verdict, ask, head, rest, enable
    }

    /// Nobody's: the thread sanitizer takes a change of any property for one of the first.
    private let first: UInt64 = 0
    /// `Phase`; changed by atomic operations, under the lock.
    fileprivate var phase: UInt32
    let slot: Slot
    /// Where the program wants to go, once it has said so.
    var destination = lamina_address()

    fileprivate var lock = clinux_fork_lock()
    // Guarded by the lock.
    /// The caller's connect, until somebody ends it.
    fileprivate var outer: Request?
    /// The conversation, and those who interrupt it: the last one to leave lets a close go on.
    fileprivate var users = 0
    fileprivate var isEnding = false
    /// The request below is out, so that it can be cancelled.
    fileprivate var isOut = false
    fileprivate var closing: Request?
    /// Indications that the program has asked for before there are data of its own.
    fileprivate var wanted: UInt32 = 0
    /// Whose conversation it is: in a child of fork it never goes on.
    fileprivate var process: pid_t = 0

    // The conversation's, one step at a time.
    fileprivate var step = Step.connect
    fileprivate var inner = lamina_request()
    fileprivate var expected = 0
    fileprivate var bytes: UnsafeMutablePointer<UInt8>?

    init(_ slot: Slot, isConnected: Bool) {
        self.slot = slot
        phase = isConnected ? Phase.ready : Phase.idle
    }

    /// The longest message: a login of 255 and 255 bytes.
    fileprivate static let capacity = 3 + 255 + 255
}

extension Slot {
    /// This level's part of the socket; nil before open and after close.
    var dial: UnsafeMutablePointer<Dial>? { pointee.context?.assumingMemoryBound(to: Dial.self) }
}

// MARK: - Its life

extension UnsafeMutablePointer<Dial> {
    /// Gives the slot its part. False: no memory.
    static func begin(_ slot: Slot, isConnected: Bool) -> Bool {
        guard let memory = malloc(MemoryLayout<Dial>.size) else { return false }
        let dial = memory.bindMemory(to: Dial.self, capacity: 1)
        dial.initialize(to: Dial(slot, isConnected: isConnected))
        clinux_fork_lock_begin(dial.field(\.lock), nil, nil)
        slot.pointee.context = memory
        return true
    }

    /// Ends it, when nobody uses the socket any more.
    func end() {
        pointee.slot.pointee.context = nil
        clinux_fork_lock_end(field(\.lock))
        free(pointee.bytes)
        free(self)
    }

    /// Lets `request`, a close, wait for the end of the conversation, which ends at once. False: there is none.
    func isClosedLater(_ request: Request) -> Bool {
        let isOut = locked { () -> Bool? in
            guard pointee.users > 0, pointee.process == getpid() else { return nil }
            pointee.closing = request
            upcalls.mark_pending(pointee.slot, request)
            pointee.users += 1
            pointee.isEnding = true
            return pointee.isOut
        }
        guard let isOut else { return false }
        if isOut { _ = upcalls.cancel(field(\.inner)) }
        leave()
        return true
    }

    /// `Phase`, for whoever may be wrong a moment later.
    var phase: UInt32 { clinux_load_u32(field(\.phase)) }

    /// Whether a conversation is under way. In a child of fork the parent's doesn't count.
    var isBusy: Bool { locked { pointee.users > 0 && pointee.process == getpid() } }

    /// Takes over what another process had.
    func resume(_ phase: UInt32, _ destination: lamina_address) {
        clinux_store_u32(field(\.phase), phase)
        pointee.destination = destination
    }

    /// Keeps what the program wants indicated until there are data of its own. False: there are.
    func postpones(set: UInt32, clear: UInt32) -> Bool {
        locked {
            guard pointee.phase != Dial.Phase.ready else { return false }
            pointee.wanted = pointee.wanted & ~clear | set
            return true
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        clinux_fork_lock_take(field(\.lock))
        defer { clinux_fork_lock_give(field(\.lock)) }
        return body()
    }

    private var upcalls: lamina_upcalls { pointee.slot.pointee.column.pointee.upcalls.pointee }
    private var server: ProxyServer? { ProxyServer.of(pointee.slot) }
}

// MARK: - The caller's connect

extension UnsafeMutablePointer<Dial> {
    /// Connects to the server, and asks it for the destination. Answers what `connect` returns; nil: the levels below
    /// are to answer it.
    func connect(_ address: UnsafePointer<lamina_address>, _ request: Request) -> lamina_status? {
        let slot = pointee.slot
        guard let server else { return lamina_complete(slot, request, -EBADF, 0) }
        let isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        let before = locked { () -> UInt32 in
            guard pointee.phase == Dial.Phase.idle, !isTry else { return pointee.phase }
            clinux_store_u32(field(\.phase), Dial.Phase.dialing)
            pointee.users = 1
            pointee.isEnding = false
            pointee.process = getpid()
            pointee.destination = address.pointee
            return Dial.Phase.idle
        }
        switch before {
        case Dial.Phase.ready: return nil
        case Dial.Phase.dialing: return lamina_complete(slot, request, -EALREADY, 0)
        case Dial.Phase.broken: return lamina_complete(slot, request, -ECONNABORTED, 0)
        default: break
        }
        if isTry { return lamina_complete(slot, request, -EAGAIN, 0) }
        if pointee.bytes == nil {
            field(\.bytes).pointee = malloc(Dial.capacity)?.bindMemory(to: UInt8.self, capacity: Dial.capacity)
        }
        var status = pointee.bytes == nil ? -ENOMEM : SocksAddress.bytes(of: address) == nil ? -EAFNOSUPPORT : 0
        if status == 0 {
            status = locked {
                pointee.outer = request
                return upcalls.hold(slot, request) { slot, request in slot.dial?.cancelled(request) }
            }
        }
        guard status == 0 else {
            locked {
                pointee.outer = nil
                clinux_store_u32(field(\.phase), Dial.Phase.idle)
            }
            leave()
            return lamina_complete(slot, request, status, 0)
        }
        issue(.connect) { inner in withUnsafePointer(to: server.address) { lamina_connect(slot, $0, 0, inner) } }
        return LAMINA_PENDING
    }

    /// The caller's connect was cancelled, or is late. Whether or not the conversation has ended meanwhile, this has a
    /// share in the socket.
    private func cancelled(_ request: Request) {
        let isOut = locked { () -> Bool in
            if pointee.outer != nil { pointee.users += 1 }
            pointee.outer = nil
            pointee.isEnding = true
            return pointee.isOut
        }
        if isOut { _ = upcalls.cancel(field(\.inner)) }
        _ = lamina_complete(pointee.slot, request, lamina_cancel_status(request), 0)
        leave()
    }

    /// Ends the conversation and the caller's connect. `isSpokenTo`: the server has heard something.
    private func finish(_ status: lamina_status, isSpokenTo: Bool = true) {
        let outer = locked { () -> Request? in
            let outer = pointee.outer
            pointee.outer = nil
            // A cancel that has the request comes for its share.
            let isMine = outer.map { lamina_request_claim($0) != 0 } ?? false
            if outer != nil, !isMine { pointee.users += 1 }
            let isOpen = isMine && status >= 0
            let phase = isOpen ? Dial.Phase.ready : isSpokenTo ? Dial.Phase.broken : Dial.Phase.idle
            clinux_store_u32(field(\.phase), phase)
            return isMine ? outer : nil
        }
        if let outer { _ = lamina_complete(pointee.slot, outer, status, 0) }
        leave()
    }

    private func leave() {
        let closing = locked { () -> Request? in
            pointee.users -= 1
            return pointee.users == 0 ? pointee.closing : nil
        }
        if let closing { _ = Lifetime.closeBelow(pointee.slot, closing) }
    }
}

// MARK: - The conversation

extension UnsafeMutablePointer<Dial> {
    /// Asks the levels below for something; `arrived` goes on when it has ended.
    private func issue(_ step: Dial.Step, _ call: (Request) -> lamina_status) {
        let inner = field(\.inner)
        let goesOn = locked { () -> Bool in
            guard !pointee.isEnding else { return false }
            pointee.step = step
            pointee.isOut = true
            lamina_request_prepare(inner, Self.ended, self)
            inner.pointee.deadline = clinux_monotonic() + (server?.timeout ?? 0)
            return true
        }
        guard goesOn else { return finish(-ECANCELED, isSpokenTo: step != .connect) }
        _ = call(inner)
    }

    private static var ended: lamina_completion {
        { _, _, context in
            context?.assumingMemoryBound(to: Dial.self).arrived()
            return 0
        }
    }

    private func send(_ step: Dial.Step, _ message: [UInt8]) {
        guard let bytes = pointee.bytes else { return finish(-ENOMEM) }
        bytes.update(from: message, count: min(message.count, Dial.capacity))
        let slot = pointee.slot
        issue(step) { inner in
            var buffer = lamina_buffer(base: bytes, length: message.count)
            return lamina_send(slot, &buffer, 1, 0, inner)
        }
    }

    private func receive(_ step: Dial.Step, _ count: Int) {
        guard let bytes = pointee.bytes else { return finish(-ENOMEM) }
        field(\.expected).pointee = count
        let slot = pointee.slot
        issue(step) { inner in
            var buffer = lamina_buffer(base: bytes, length: count)
            return lamina_receive(slot, &buffer, 1, UInt32(LAMINA_RECEIVE_WAIT_ALL), inner)
        }
    }

    private func arrived() {
        locked { pointee.isOut = false }
        let (status, count) = (pointee.inner.status, Int(pointee.inner.bytes))
        let step = pointee.step
        if status < 0 { return failed(step, status) }
        guard let bytes = pointee.bytes, let server else { return finish(-EBADF) }
        switch step {
        case .connect: send(.greet, Messages.greeting(server.credentials))
        case .greet: receive(.method, 2)
        case .login:
            explicit_bzero(bytes, Dial.capacity)
            receive(.verdict, 2)
        case .ask: receive(.head, 5)
        case .enable: conclude()
        case .method, .verdict, .head, .rest:
            guard count == pointee.expected else { return refused(-ECONNRESET, "closed the connection") }
            hear(step, bytes, server)
        }
    }

    private func hear(_ step: Dial.Step, _ bytes: UnsafeMutablePointer<UInt8>, _ server: ProxyServer) {
        switch step {
        case .method:
            guard bytes[0] == Messages.version else { return refused(-EPROTO, "doesn't speak SOCKS5") }
            switch (bytes[1], server.credentials) {
            case (Messages.noLogin, _): ask()
            case (Messages.byPassword, let credentials?): send(.login, Messages.login(credentials))
            case (Messages.byPassword, nil), (_, nil): refused(-EACCES, "wants a login; give user and password")
            default: refused(-EACCES, "takes no login by password")
            }
        case .verdict:
            guard bytes[1] == 0 else { return refused(-EACCES, "refuses the user or the password") }
            ask()
        case .head:
            guard bytes[0] == Messages.version else { return refused(-EPROTO, "doesn't speak SOCKS5") }
            if let refusal = Messages.refusal(bytes[1]) {
                guard let remark = refusal.remark else { return finish(refusal.status) }
                return refused(refusal.status, remark)
            }
            guard let rest = SocksAddress.rest(ofType: bytes[3], first: bytes[4]) else {
                return refused(-EPROTO, "answers with an unknown type of address")
            }
            receive(.rest, rest)
        default: conclude()
        }
    }

    private func ask() {
        let request = withUnsafePointer(to: pointee.destination) { Messages.request(for: $0) }
        send(.ask, request)
    }

    /// The way is open. What the program wanted to hear is asked for now that the data are its own.
    private func conclude() {
        let wanted = locked { () -> UInt32 in
            defer { pointee.wanted = 0 }
            if pointee.wanted == 0, pointee.outer != nil { clinux_store_u32(field(\.phase), Dial.Phase.ready) }
            return pointee.wanted
        }
        guard wanted != 0 else { return finish(0) }
        let slot = pointee.slot
        issue(.enable) { lamina_enable_indications(slot, wanted, 0, $0) }
    }

    private func failed(_ step: Dial.Step, _ status: lamina_status) {
        if step == .connect { return finish(status, isSpokenTo: false) }
        guard status == -ETIMEDOUT else { return finish(status) }
        refused(status, "takes too long")
    }

    /// Ends it for a reason that its user can do something about.
    private func refused(_ status: lamina_status, _ reason: String) {
        let text = "the server \(server?.name ?? "") \(reason)"
        text.withCString { upcalls.log(pointee.slot, UInt32(LAMINA_LOG_WARNING), $0, strlen($0)) }
        finish(status)
    }
}
