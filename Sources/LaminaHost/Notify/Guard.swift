import CLamina
import CLaminaRun
import CLinux
import Glibc

/// Serves the calls that the seccomp filter stopped: those that did not come through the preload object. TCP connects
/// and the questions about them are carried like the preload object's; what leaves the machine otherwise is refused, and
/// said once for each program and reason.
final class Guard {
    /// What a stopped call comes to.
    private enum Verdict {
        /// The kernel carries it out: nothing that the caller could still change matters.
        case allow
        /// It has been carried out, or can't be.
        case answer(Int64)
        case refuse(Int32, String)
        /// It is answered later.
        case pending
    }

    private let coverage: Coverage
    private let allowsUncovered: Bool
    private let rendezvous: Rendezvous
    private let loop: EventLoop
    private let blocking: BlockingConnects
    private var said: Set<String> = []
    private var connects: [ObjectIdentifier: StoppedConnect] = [:]

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
        switch judge(call) {
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

    private func judge(_ call: StoppedCall) -> Verdict {
        if call.isForeign { return .refuse(EPERM, "32-bit programs are not covered, and it wants a socket") }
        if call.kind == CLINUX_CALL_SOCKET { return judgeSocket(call) }
        let descriptor = call.duplicate()
        if descriptor < 0 { return unreachable(-descriptor, call) }
        var isKept = false
        defer { if !isKept { close(descriptor) } }
        guard let socket = SocketKind(descriptor) else { return .answer(-Int64(ENOTSOCK)) }
        if socket.isLocal { return judgeLocal(call) }
        guard socket.isInternet else { return refuseFamily(socket.domain) }
        switch call.kind {
        case CLINUX_CALL_CONNECT:
            return judgeConnect(call, descriptor, socket, &isKept)
        case CLINUX_CALL_BIND: return judgeBind(call, descriptor, socket)
        case CLINUX_CALL_LISTEN, CLINUX_CALL_ACCEPT: return judgeServer(descriptor)
        case CLINUX_CALL_SENDTO: return judgeSendTo(call, descriptor, socket)
        case CLINUX_CALL_SENDMSG, CLINUX_CALL_SENDMMSG: return judgeMessages(call, socket)
        case CLINUX_CALL_GETPEERNAME, CLINUX_CALL_GETSOCKNAME: return answerName(call, descriptor, socket)
        case CLINUX_CALL_GETSOCKOPT: return answerError(call, descriptor, socket)
        default: return .allow
        }
    }

    /// A descriptor that can't be looked at is none, or belongs to a process that hides from its own user.
    private func unreachable(_ error: Int32, _ call: StoppedCall) -> Verdict {
        let questions = [CLINUX_CALL_GETPEERNAME, CLINUX_CALL_GETSOCKNAME, CLINUX_CALL_GETSOCKOPT]
        if questions.contains(call.kind) { return .allow }
        if error == EBADF { return .answer(-Int64(EBADF)) }
        return .refuse(EPERM, "its sockets can't be looked at (\(Errno(error).text))")
    }

    private func judgeSocket(_ call: StoppedCall) -> Verdict {
        let domain = Int32(truncatingIfNeeded: call.arguments.0)
        guard domain == AF_INET || domain == AF_INET6 else { return refuseFamily(domain) }
        let type = Int32(truncatingIfNeeded: call.arguments.1) & 0xf
        // A datagram socket like any other: what it sends and receives is judged by address.
        if type == Int32(CLINUX_DATAGRAM), Int32(truncatingIfNeeded: call.arguments.2) == 136 /* UDP-Lite */ {
            return .allow
        }
        if type == Int32(CLINUX_RAW) { return .refuse(EPERM, "raw sockets are not covered") }
        return .refuse(EPROTONOSUPPORT, "only TCP and UDP sockets are covered")
    }

    private func refuseFamily(_ domain: Int32) -> Verdict {
        let error = domain == AF_PACKET ? EPERM : EAFNOSUPPORT
        return .refuse(error, "sockets of address family \(domain) are not covered")
    }

    private func judgeConnect(
        _ call: StoppedCall,
        _ descriptor: Int32,
        _ socket: SocketKind,
        _ isKept: inout Bool
    ) -> Verdict {
        guard let bytes = call.read(call.arguments.1, call.arguments.2) else { return .answer(-Int64(EFAULT)) }
        let address = SocketBytes(bytes)
        if address.family == AF_UNSPEC { return perform { address.withSocketAddress { connect(descriptor, $0, $1) } } }
        if socket.isDatagram {
            if passesDatagrams(to: address) {
                return perform { address.withSocketAddress { connect(descriptor, $0, $1) } }
            }
            return refuseDatagrams(address)
        }
        // What the kernel fails by itself goes nowhere.
        guard let destination = address.endpoint else {
            return .answer(-Int64(address.isShort ? EINVAL : EAFNOSUPPORT))
        }
        guard destination.family == socket.domain else { return .answer(-Int64(EAFNOSUPPORT)) }
        if coverage.bypasses(destination) { return .allow }
        isKept = true
        carry(call, descriptor, to: destination)
        return .pending
    }

    /// A TCP connect, through the chain.
    private func carry(_ call: StoppedCall, _ descriptor: Int32, to destination: Endpoint) {
        let question = WorkerQuestion(rendezvous, loop, for: call.process)
        let connect = StoppedConnect(call, descriptor, question, loop, blocking)
        let identity = ObjectIdentifier(connect)
        connects[identity] = connect
        let ended = { [unowned self] in connects[identity] = nil }
        if SocketKind.isFresh(descriptor) { return connect.start(to: destination, ended: ended) }
        let elsewhere = rendezvous.address(for: destination, ipv6Only: false) ?? .loopback(destination.family, port: 0)
        connect.again(elsewhere: elsewhere, ended: ended)
    }

    // MARK: - What the chain knows of a connection

    /// getpeername and getsockname, with the chain's addresses where it has other ones than the socket.
    private func answerName(_ call: StoppedCall, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        guard !socket.isDatagram, let peer = Endpoint.name(of: descriptor, getpeername),
            let room = call.read(socklen_t.self, at: call.arguments.2)
        else { return .allow }
        let isPeer = call.kind == CLINUX_CALL_GETPEERNAME
        guard isPeer || rendezvous.isMeeting(peer) else { return .allow }
        ask(isPeer ? LAMINA_RUN_PEER : LAMINA_RUN_LOCAL, call, descriptor) { reply in
            guard let reply, reply.error == 0, reply.address.length > 0 else { return call.goOn() }
            let isWritten = withUnsafeBytes(of: reply.address.storage) { storage in
                let cut = UnsafeRawBufferPointer(rebasing: storage.prefix(Int(min(room, reply.address.length))))
                return (cut.isEmpty || call.write(cut, at: call.arguments.1))
                    && call.write(reply.address.length, at: call.arguments.2)
            }
            call.answer(isWritten ? 0 : -Int64(EFAULT))
        }
        return .pending
    }

    /// SO_ERROR, which a connection to the worker that was reset tells in the chain's words.
    private func answerError(_ call: StoppedCall, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard !socket.isDatagram, call.read(socklen_t.self, at: call.arguments.4) == size else { return .allow }
        var error: Int32 = 0
        var length = size
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 else { return .allow }
        let answer = { (error: Int32) in
            let isWritten = call.write(error, at: call.arguments.3) && call.write(size, at: call.arguments.4)
            call.answer(isWritten ? 0 : -Int64(EFAULT))
        }
        if error != ECONNRESET && error != EPIPE {
            answer(error)
            return .pending
        }
        ask(LAMINA_RUN_ERROR, call, descriptor) { reply in
            answer(reply.map { $0.error == 0 ? error : $0.error } ?? error)
        }
        return .pending
    }

    /// Asks the worker about a socket.
    private func ask(
        _ kind: Int,
        _ call: StoppedCall,
        _ descriptor: Int32,
        answered: @escaping (lamina_run_reply?) -> Void
    ) {
        let question = WorkerQuestion(rendezvous, loop, for: call.process)
        question.ask(question.request(kind, socket: descriptor)) { reply in
            question.close()
            answered(reply)
        }
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

    private func judgeBind(_ call: StoppedCall, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        guard let bytes = call.read(call.arguments.1, call.arguments.2) else { return .answer(-Int64(EFAULT)) }
        let address = SocketBytes(bytes)
        if socket.isDatagram, address.port != 0, let endpoint = address.endpoint, !coverage.passesServer(at: endpoint) {
            return .refuse(
                EACCES,
                "UDP servers are not covered yet, and it receives at \(address); --bypass direction=in lets it"
            )
        }
        return perform { address.withSocketAddress { bind(descriptor, $0, $1) } }
    }

    private func judgeServer(_ descriptor: Int32) -> Verdict {
        guard let local = Endpoint.name(of: descriptor, getsockname), !coverage.passesServer(at: local) else {
            return .allow
        }
        return .refuse(
            EACCES,
            "servers are not covered yet, and it listens at \(local); --bypass direction=in lets it"
        )
    }

    private func passesDatagrams(to address: SocketBytes) -> Bool {
        address.endpoint.map(coverage.passesDatagrams) ?? false
    }

    private func judgeSendTo(_ call: StoppedCall, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        let flags = Int32(truncatingIfNeeded: call.arguments.3)
        // A stream has its one destination, whatever the call names, unless it is to be connected by it.
        if !socket.isDatagram { return flags & SocketKind.fastOpen != 0 ? .answer(-Int64(EOPNOTSUPP)) : .allow }
        guard let name = call.read(call.arguments.4, call.arguments.5) else { return .answer(-Int64(EFAULT)) }
        let address = SocketBytes(name)
        guard passesDatagrams(to: address) else { return refuseDatagrams(address) }
        guard let data = call.read(call.arguments.1, call.arguments.2, most: 65536) else {
            return .answer(-Int64(EFAULT))
        }
        return perform {
            address.withSocketAddress { sendto(descriptor, data, data.count, flags, $0, $1) }
        }
    }

    /// sendmsg and sendmmsg, whose destinations lie in memory.
    private func judgeMessages(_ call: StoppedCall, _ socket: SocketKind) -> Verdict {
        let isOne = call.kind == CLINUX_CALL_SENDMSG
        let flags = Int32(truncatingIfNeeded: isOne ? call.arguments.2 : call.arguments.3)
        if !socket.isDatagram { return flags & SocketKind.fastOpen != 0 ? .answer(-Int64(EOPNOTSUPP)) : .allow }
        let header = MemoryLayout<msghdr>.stride
        let stride = isOne ? header : header + 8
        let count = isOne ? 1 : min(call.arguments.2 & 0xffff_ffff, 1024)
        guard let bytes = call.read(call.arguments.1, count * UInt64(stride), most: 1 << 17) else {
            return .answer(-Int64(EFAULT))
        }
        for start in Swift.stride(from: 0, to: bytes.count, by: stride) {
            let name = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: UInt64.self) }
            let length = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start + 8, as: UInt32.self) }
            if name == 0 || length == 0 { continue }
            guard let bytes = call.read(name, UInt64(length)) else { return .answer(-Int64(EFAULT)) }
            let address = SocketBytes(bytes)
            if !passesDatagrams(to: address) { return refuseDatagrams(address) }
        }
        return .allow
    }

    private func refuseDatagrams(_ address: SocketBytes) -> Verdict {
        .refuse(ENETUNREACH, "UDP is not covered yet beyond this machine, and it sends to \(address)")
    }

    /// Carries a call out on this process's duplicate of the socket.
    private func perform(_ call: () -> Int) -> Verdict {
        let result = call()
        return .answer(result < 0 ? -Int64(errno) : Int64(result))
    }

    private func perform(_ call: () -> Int32) -> Verdict {
        perform { Int(call()) }
    }
}
