import CLamina
import CLaminaRun
import CLinux
import Glibc

/// Serves the calls that the seccomp filter stopped: those that did not come through the preload object. TCP connects
/// and the questions about them are carried like the preload object's; what leaves the machine otherwise is refused, and
/// said once for each program and reason.
final class Guard {
    /// What a stopped call comes to.
    enum Verdict {
        /// The kernel carries it out: nothing that the caller could still change matters.
        case allow
        /// It has been carried out, or can't be.
        case answer(Int64)
        case refuse(Int32, String)
        /// It is answered later.
        case pending
    }

    let coverage: Coverage
    private let allowsUncovered: Bool
    let rendezvous: Rendezvous
    let loop: EventLoop
    let blocking: BlockingConnects
    private var said: Set<String> = []
    /// The calls that are answered later.
    var connects: [ObjectIdentifier: StoppedConnect] = [:]
    /// The sockets that were sent to name servers, by their cookies.
    var nameSockets = RecentCookies()
    /// Who has asked a name server.
    var lookUps = RecentLookUps()

    /// Serves on `loop`. With `allowsUncovered`, what would be refused goes on, past the chain.
    init(_ rendezvous: Rendezvous, _ loop: EventLoop, _ coverage: Coverage, allowsUncovered: Bool) {
        self.coverage = coverage
        self.rendezvous = rendezvous
        self.loop = loop
        self.allowsUncovered = allowsUncovered
        blocking = BlockingConnects(loop)
    }

    /// Answers one stopped call of a filter's listener, if one waits.
    func serve(_ listener: Int32) {
        guard let call = StoppedCall(of: listener) else { return }
        let verdict: Verdict
        do throws(Errno) {
            verdict = try judge(call)
        } catch {
            verdict = .answer(-Int64(error.code))
        }
        switch verdict {
        case .allow: call.goOn()
        case .answer(let result): call.answer(result)
        case .refuse(let error, let reason):
            // Before the answer: the caller's own message comes after it.
            explain(call, reason)
            if allowsUncovered { call.goOn() } else { call.answer(-Int64(error)) }
        case .pending: break
        }
    }

    private func explain(_ call: StoppedCall, _ reason: String) {
        let program = Process.executable(of: call.thread)
        guard said.insert("\(program) \(reason)").inserted else { return }
        say("\(program) (pid \(call.process)): \(reason); \(allowsUncovered ? "it goes on past the chain" : "refused")")
    }

    /// Throws what the call fails with by itself, whoever carries it out.
    private func judge(_ call: StoppedCall) throws(Errno) -> Verdict {
        if call.isForeign { return .refuse(EPERM, "32-bit programs are not covered, and it wants a socket") }
        if call.kind == CLINUX_CALL_SOCKET { return try judgeSocket(call) }
        let descriptor = call.duplicate()
        if descriptor < 0 { return try unreachable(-descriptor, call) }
        let socket = try ProgramSocket(descriptor)
        if socket.kind.isLocal { return judgeLocal(call) }
        guard socket.kind.isInternet else { return refuseFamily(socket.kind.domain) }
        switch call.kind {
        case CLINUX_CALL_BIND: return try judgeBind(call, socket)
        case CLINUX_CALL_LISTEN, CLINUX_CALL_ACCEPT: return judgeServer(socket)
        default: return try socket.kind.isDatagram ? judgeDatagrams(call, socket) : judgeStream(call, socket)
        }
    }

    /// A descriptor that can't be looked at is none, or belongs to a process that hides from its own user.
    private func unreachable(_ error: Int32, _ call: StoppedCall) throws(Errno) -> Verdict {
        let harmless = [
            CLINUX_CALL_GETPEERNAME, CLINUX_CALL_GETSOCKNAME, CLINUX_CALL_GETSOCKOPT, CLINUX_CALL_RECVFROM,
            CLINUX_CALL_RECVMSG,
        ]
        if harmless.contains(call.kind) { return .allow }
        if error == EBADF { throw Errno(EBADF) }
        return .refuse(EPERM, "its sockets can't be looked at (\(Errno(error).text))")
    }

    /// AF_MAX and SOCK_MAX.
    private static let families: Int32 = 46
    private static let types: Int32 = 11

    private func judgeSocket(_ call: StoppedCall) throws(Errno) -> Verdict {
        let (domain, type) = (call.integer(0), call.integer(1) & 0xf)
        if call.integer(1) & ~(O_NONBLOCK | O_CLOEXEC | 0xf) != 0 { throw Errno(EINVAL) }
        if domain <= 0 || domain >= Self.families { throw Errno(EAFNOSUPPORT) }
        guard domain == AF_INET || domain == AF_INET6 else { return refuseFamily(domain) }
        if type >= Self.types { throw Errno(EINVAL) }
        // A datagram socket like any other: what it sends and receives is judged by address.
        if type == Int32(CLINUX_DATAGRAM), call.integer(2) == 136 /* UDP-Lite */ { return .allow }
        if type == Int32(CLINUX_RAW) {
            if call.integer(2) == 0 { throw Errno(EPROTONOSUPPORT) }
            return .refuse(EPERM, "raw sockets are not covered")
        }
        return .refuse(EPROTONOSUPPORT, "only TCP and UDP sockets are covered")
    }

    private func refuseFamily(_ domain: Int32) -> Verdict {
        let error = domain == AF_PACKET ? EPERM : EAFNOSUPPORT
        return .refuse(error, "sockets of address family \(domain) are not covered")
    }

    // MARK: - What stays on the machine

    /// The sockets of services that would look names up elsewhere. Programs that don't find them ask the name servers.
    private static let nameServices = [
        "/run/nscd/socket", "/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve",
    ]

    private func judgeLocal(_ call: StoppedCall) -> Verdict {
        guard call.kind == CLINUX_CALL_CONNECT, let bytes = call.read(call.arguments.1, call.arguments.2) else {
            return .allow
        }
        let path = String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self)
        return Self.nameServices.contains(path) ? .answer(-Int64(ECONNREFUSED)) : .allow
    }

    private func judgeBind(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        let address = try call.address(at: call.arguments.1, length: call.arguments.2)
        // The kernel looks at the privileges of this process, where the caller's count.
        if address.port != 0, address.port < Process.firstUnprivilegedPort, !Process.mayBindPrivilegedPorts(call.thread)
        {
            throw Errno(EACCES)
        }
        if socket.kind.isDatagram, address.port != 0, let endpoint = address.endpoint,
            !coverage.passesServer(at: endpoint)
        {
            return .refuse(
                EACCES,
                "UDP servers are not covered yet, and it receives at \(address); --bypass direction=in lets it"
            )
        }
        return perform { address.withSocketAddress { bind(socket.descriptor, $0, $1) } }
    }

    private func judgeServer(_ socket: ProgramSocket) -> Verdict {
        guard let local = Endpoint.name(of: socket.descriptor, getsockname), !coverage.passesServer(at: local) else {
            return .allow
        }
        return .refuse(
            EACCES,
            "servers are not covered yet, and it listens at \(local); --bypass direction=in lets it, and lamina forward "
                + "carries what comes to it"
        )
    }

    /// Asks the worker about a socket, or about an address.
    func ask(
        _ kind: Int,
        _ call: StoppedCall,
        _ socket: ProgramSocket,
        about address: Endpoint? = nil,
        answered: @escaping (lamina_run_reply?) -> Void
    ) {
        let question = WorkerQuestion(rendezvous, loop, for: call.process)
        var request = question.request(kind, socket: socket.descriptor)
        if let address { request.destination = address.raw }
        question.ask(request) { reply in
            question.close()
            answered(reply)
        }
    }

    /// Carries a call out on this process's duplicate of the socket.
    func perform(_ call: () -> Int) -> Verdict {
        let result = call()
        return .answer(result < 0 ? -Int64(errno) : Int64(result))
    }

    func perform(_ call: () -> Int32) -> Verdict {
        perform { Int(call()) }
    }
}
