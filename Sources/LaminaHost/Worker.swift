import CLamina
import CLaminaRun
import CLinux
import Glibc
import Lamina

/// The process that runs a chain: answers the preload object's questions, accepts the program's sockets and pumps.
final class Worker {
    /// How long a non-blocking connect waits for the chain, in milliseconds, before the program is sent on.
    static let patience: Int64 = 20
    /// How long the last bytes of a program that has ended may take to be delivered, in milliseconds.
    static let drainTime: Int64 = 10_000
    /// How long a program that was sent on may take to come, in milliseconds.
    static let expectation: Int64 = 60_000

    /// How long sockets that don't block are pumped after a handshake has taken longer than the patience, in nanoseconds.
    static let slowness: Int64 = 60_000_000_000

    private let loop: EventLoop
    private let rendezvous: Rendezvous
    let runner: ChainRunner
    let coverage: Coverage
    /// Resolves what is none of the run's; there only with rules.
    let bare: ChainRunner?
    let synthetics: SyntheticClient
    var programs = KnownPrograms()
    var names = ResolvedNames()
    private(set) lazy var nameServers = NameServers(loop) { [unowned self] query, asker, limit, respond in
        answer(query, of: asker, limit: limit, respond)
    }
    private var callers: [Int32: Caller] = [:]
    private var passages = Passages()
    private var isDraining = false
    /// From this time on, by the monotonic clock, sockets that don't block are lent to the chain.
    private var lendsAgain: Int64 = 0

    /// Serves on `rendezvous`, and carries out what comes over `control`, until the supervisor closes its other end.
    init(
        loop: EventLoop,
        rendezvous: Rendezvous,
        control: Int32,
        runner: ChainRunner,
        coverage: Coverage,
        bare: ChainRunner?,
        synthetics: SyntheticClient
    ) throws(Errno) {
        self.loop = loop
        self.rendezvous = rendezvous
        self.runner = runner
        self.coverage = coverage
        self.bare = bare
        self.synthetics = synthetics
        try loop.accept(from: rendezvous.questions) { [unowned self] descriptor, _ in admit(caller: descriptor) }
        for listener in rendezvous.listeners {
            try loop.accept(from: listener) { [unowned self] near, peer in admit(socket: near, from: peer) }
        }
        try runner.serve(control, on: loop) { [unowned self] in drain() }
        sweep()
        runner.sockets.emptied = { [unowned self] in stopIfDrained() }
    }

    /// Gives up programs that were sent on and have not come: they ended in between.
    private func sweep() {
        loop.after(milliseconds: Worker.expectation) { [unowned self] in
            for passage in passages.active where passage.isExpected && passage.caller == nil {
                if passage.isOverdue { abandon(passage) }
                passage.isOverdue = true
            }
            sweep()
        }
    }

    // MARK: - Questions

    private func admit(caller descriptor: Int32) {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
        guard clinux_peer(descriptor, &process, &user, &group) == 0, user == getuid() || getuid() == 0 else {
            close(descriptor)
            return
        }
        let caller = Caller(descriptor: descriptor, process: process, user: user, group: group)
        callers[descriptor] = caller
        hear(caller)
        // One that has its answer by then is gone, and nothing was watched for it.
        loop.soon { [unowned self] in attend(caller) }
    }

    /// Waits for what else a caller says.
    private func attend(_ caller: Caller) {
        guard callers[caller.descriptor] === caller else { return }
        do {
            try loop.watch(caller.descriptor, EventLoop.readable) { [unowned self] _ in hear(caller) }
        } catch {
            dismiss(caller)
        }
    }

    private func hear(_ caller: Caller) {
        switch caller.read(secret: rendezvous.secret) {
        case .question(let request): take(request, of: caller)
        case .nothing: break
        case .end: dismiss(caller)
        }
    }

    private func take(_ request: lamina_run_request, of caller: Caller) {
        guard request.version == UInt32(LAMINA_RUN_VERSION) else {
            caller.answer(error: EPROTO)
            return dismiss(caller)
        }
        switch Int(request.kind) {
        case LAMINA_RUN_CONNECT: connect(caller, request)
        case LAMINA_RUN_DETACH:
            if request.nonblocking != 0 { lendsAgain = clinux_monotonic() + Worker.slowness }
            if let passage = caller.passage { detach(passage) }
        case LAMINA_RUN_ABANDON: if let passage = caller.passage { abandon(passage) }
        case LAMINA_RUN_DONE: caller.endDirect(request.error)
        case LAMINA_RUN_ERROR: caller.answer(error: passages[request.cookie]?.error ?? 0)
        case LAMINA_RUN_PEER:
            caller.answer(passages[request.cookie]?.destination ?? synthetics.peer(of: request.cookie))
        case LAMINA_RUN_LOCAL: caller.answer(passages[request.cookie]?.local)
        case LAMINA_RUN_RESOLVE: resolve(caller, request)
        case LAMINA_RUN_REVERSE: reverse(caller, request)
        case LAMINA_RUN_NAME_SERVER: standIn(caller, for: Endpoint(request.destination))
        case LAMINA_RUN_NAME_SERVER_OF: original(caller, of: Endpoint(request.destination))
        default: dismiss(caller)
        }
    }

    private func dismiss(_ caller: Caller) {
        loop.forget(caller.descriptor)
        if callers.removeValue(forKey: caller.descriptor) != nil { close(caller.descriptor) }
        endPatience(of: caller)
        caller.endDirect(nil)
        // Nobody waits for the verdict any more, and nobody was told to come.
        if let passage = caller.passage, passage.caller === caller { abandon(passage) }
    }

    // MARK: - Connects

    private func connect(_ caller: Caller, _ request: lamina_run_request) {
        let destination = Endpoint(request.destination)
        guard caller.passage == nil, destination.family != AF_UNSPEC else { return caller.answer(error: EINVAL) }
        if let old = passages[request.cookie] { abandon(old) }
        let passage = Passage(cookie: request.cookie, destination: destination)
        guard let meant = meaning(of: destination, passage, caller) else { return caller.answer(error: EHOSTUNREACH) }
        if meant.target == nil, isBypassed(destination, name: meant.asked) { return letPass(caller, to: destination) }
        if meant.target == nil, connectToNameServer(caller, passage) { return }
        let question = ConnectRequest(
            destination: destination,
            local: request.local.length == 0 ? nil : Endpoint(request.local),
            origin: programs.origin(of: caller, name: meant.asked),
            target: meant.target
        )
        let lends = request.lends != 0 && (request.nonblocking == 0 || clinux_monotonic() >= lendsAgain)
        let way = runner.way(of: question, lends: lends)
        let meeting = rendezvous.address(for: destination, ipv6Only: request.ipv6_only != 0)
        guard way != .pumped || meeting != nil else {
            release(passage, isUsed: false)
            return caller.answer(error: EADDRNOTAVAIL)
        }
        passage.meeting = meeting
        passage.way = way
        passage.question = question
        passage.caller = caller
        caller.passage = passage
        passages.insert(passage)
        dial(passage, question)
        guard case .dialing = passage.far, request.nonblocking != 0, way != .own else { return }
        caller.patience = loop.after(milliseconds: Worker.patience) { [weak self, weak passage] in
            guard let self, let passage else { return }
            detach(passage)
        }
    }

    private func dial(_ passage: Passage, _ question: ConnectRequest) {
        let dial = runner.connect(question, way: passage.way) { [weak self, weak passage] outcome in
            guard let self, let passage else { return }
            settle(passage, outcome)
        }
        if case .dialing = passage.far { passage.far = .dialing(dial) }
    }

    /// The caller has its answer, or knows how long it waits itself.
    private func endPatience(of caller: Caller) {
        if let timer = caller.patience { loop.cancel(timer: timer) }
        caller.patience = nil
    }

    /// The caller of a connect waits no more: it is sent on, and takes back a socket that was lent.
    private func detach(_ passage: Passage) {
        if passage.way == .lent, passage.meeting != nil, case .dialing(let first) = passage.far,
            let question = passage.question
        {
            first?.cancel()
            passage.way = .pumped
            passage.far = .dialing(nil)
            dial(passage, question)
        }
        sendOn(passage)
    }

    /// Keeps where a program's own socket was to go, for getpeername.
    func remember(_ passage: Passage) {
        passages.insert(passage)
        passages.end(passage, error: 0)
    }

    /// Sends the caller to the rendezvous before the chain has connected.
    private func sendOn(_ passage: Passage) {
        guard let caller = passage.caller, let meeting = passage.meeting, passage.way == .pumped else { return }
        passage.caller = nil
        release(passage, isUsed: true)
        caller.answer(meeting, LAMINA_RUN_PUMPED)
    }

    private func settle(_ passage: Passage, _ outcome: ConnectOutcome) {
        guard case .dialing(let dial) = passage.far else {
            if case .connected(let connection) = outcome { connection.close(abort: true) {} }
            return
        }
        Output.log(.debug, "", "\(passage.destination): \(outcome)")
        if case .lent(let address, let ended) = outcome { return lend(passage, address, ended) }
        if case .refused = outcome { release(passage, isUsed: false) } else { release(passage, isUsed: true) }
        let caller = passage.caller
        (passage.caller, passage.question) = (nil, nil)
        if let caller { endPatience(of: caller) }
        switch outcome {
        case .refused(let code, _):
            if let caller {
                caller.passage = nil
                caller.answer(error: code)
                passages.end(passage, error: code)
            } else {
                fail(passage, code)
            }
        case .direct(let address, let ended):
            if address == passage.destination { passages.remove(passage) }
            // Else getpeername answers what was asked for.
            passages.end(passage, error: 0)
            guard let caller else {
                ended?(nil)
                return
            }
            caller.passage = nil
            guard let ended else {
                caller.answer(address)
                return dismiss(caller)
            }
            caller.directEnded = { [weak self, weak caller] error, _ in
                if let self, let caller, DirectConnect.isFailure(error) { reopen(passage, dial, for: caller) }
                ended(error)
            }
            caller.answer(address, LAMINA_RUN_REPORTED)
        case .ready:
            // getpeername answers what was asked for.
            passages.end(passage, error: 0)
            caller?.passage = nil
            caller?.answerReady()
        case .lent: break
        case .connected(let connection):
            if let caller, passage.meeting == nil {
                connection.close(abort: true) {}
                caller.passage = nil
                caller.answer(error: EADDRNOTAVAIL)
                return passages.end(passage, error: EADDRNOTAVAIL)
            }
            passage.far = .connected(connection)
            passage.local = connection.localAddress.map { local in
                passage.destination.family == AF_INET6 ? local.mapped : local.unmapped
            }
            if let caller, let meeting = passage.meeting { caller.answer(meeting, LAMINA_RUN_PUMPED) }
            pumpIfMet(passage)
        }
    }

    /// The program's own socket is to be connected to `address` and to come here, before it is the program's.
    private func lend(_ passage: Passage, _ address: Endpoint, _ ended: @escaping (Int32, Int32) -> Void) {
        guard let caller = passage.caller else { return ended(ECANCELED, -1) }
        endPatience(of: caller)
        caller.directEnded = { error, descriptor in ended(error ?? ECANCELED, descriptor) }
        caller.answer(address, LAMINA_RUN_LENT)
    }

    /// The program's own connect has failed: it waits for what the chain says to that.
    private func reopen(_ passage: Passage, _ dial: ChainDial?, for caller: Caller) {
        passage.far = .dialing(dial)
        passage.caller = caller
        caller.passage = passage
        passages.insert(passage)
    }

    /// The chain has not connected, and the program has been sent on: its connection is reset.
    private func fail(_ passage: Passage, _ code: Int32) {
        passage.error = code
        guard let near = passage.near else {
            passage.far = .failed(code)
            return
        }
        passage.near = nil
        loop.forget(near)
        close(near)
        passages.end(passage, error: code)
    }

    private func abandon(_ passage: Passage) {
        let far = passage.far
        release(passage, isUsed: false)
        passage.caller = nil
        passages.end(passage, error: passage.error)
        passages.remove(passage)
        switch far {
        case .dialing(let dial): dial?.cancel()
        case .connected(let connection): connection.close(abort: true) {}
        case .pumped(let pump): pump.abort(error: ECONNRESET)
        case .failed, .ended: break
        }
        if let near = passage.near {
            passage.near = nil
            loop.forget(near)
            close(near)
        }
    }

    // MARK: - The program's sockets

    private func admit(socket near: Int32, from peer: sockaddr_storage) {
        // A worker that dies resets, and a refused socket is reset, because closing does so from now on.
        clinux_reset_on_close(near, 1)
        guard let passage = passage(of: near, peer: peer), passage.isExpected else {
            Output.log(.debug, "", "a connection to the worker that no program of this run asked for was reset")
            close(near)
            return
        }
        var on: Int32 = 1
        setsockopt(near, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(near, SOL_SOCKET, SO_OOBINLINE, &on, socklen_t(MemoryLayout<Int32>.size))
        passage.near = near
        if case .failed(let code) = passage.far {
            fail(passage, code)
        } else {
            watchWhileDialing(passage, near)
            pumpIfMet(passage)
        }
    }

    /// Who has connected, by the cookie of the socket at the other end.
    private func passage(of near: Int32, peer: sockaddr_storage) -> Passage? {
        var identity = clinux_socket_identity()
        guard let local = Endpoint.name(of: near, getsockname) else { return nil }
        let found = withUnsafePointer(to: peer) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { theirs in
                local.withSocketAddress { ours, _ in clinux_find_tcp(theirs, ours, &identity) }
            }
        }
        guard found == 0 else { return nil }
        if identity.owned != 0 && getuid() != 0 && identity.user != getuid() { return nil }
        return passages[identity.cookie]
    }

    /// A program that resets its connection while the chain dials wants nothing any more.
    private func watchWhileDialing(_ passage: Passage, _ near: Int32) {
        guard case .dialing = passage.far else { return }
        do {
            try loop.watch(near, 0) { [weak self, weak passage] _ in
                guard let self, let passage else { return }
                abandon(passage)
            }
        } catch {
            abandon(passage)
        }
    }

    private func pumpIfMet(_ passage: Passage) {
        guard case .connected(let far) = passage.far, let near = passage.near else { return }
        passage.near = nil
        loop.forget(near)
        let pump = Pump(loop: loop, near: near, far: far) { [weak self, weak passage] error in
            guard let self, let passage else { return }
            passages.end(passage, error: error)
            stopIfDrained()
        }
        passage.far = .pumped(pump)
        pump.start()
        if isDraining { pump.drain() }
    }

    // MARK: - The end

    /// The program and its children are gone: what they sent is delivered, and the worker ends.
    private func drain() {
        isDraining = true
        for listener in rendezvous.listeners { loop.acceptWaiting(at: listener, admit(socket:from:)) }
        for passage in passages.active {
            switch passage.far {
            case .pumped(let pump): pump.drain()
            // Sent on early, a program may have sent something before it ended.
            case .dialing: if !hasSent(passage) { abandon(passage) }
            case .connected, .failed: if passage.near == nil { abandon(passage) }
            case .ended: break
            }
        }
        loop.after(milliseconds: Worker.drainTime) { [unowned self] in
            Output.log(
                .notice,
                "",
                "\(passages.active.count) connection(s) of the program were cut off: their peers take no more data"
            )
            loop.stop()
        }
        stopIfDrained()
    }

    private func hasSent(_ passage: Passage) -> Bool {
        guard let near = passage.near else { return false }
        var waiting: Int32 = 0
        return ioctl(near, UInt(FIONREAD), &waiting) == 0 && waiting > 0
    }

    private func stopIfDrained() {
        if isDraining && passages.active.isEmpty && runner.sockets.count == 0 { loop.stop() }
    }
}
