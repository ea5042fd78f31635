import CLaminaRun
import CLinux
import Glibc

/// Calls on TCP sockets.
extension Guard {
    func judgeStream(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        switch call.kind {
        case CLINUX_CALL_CONNECT: return try judgeConnect(call, socket)
        // A stream has its one destination, whatever the call names, unless it is to be connected by it.
        case CLINUX_CALL_SENDTO, CLINUX_CALL_SENDMMSG: return judgeSend(flags: call.arguments.3)
        case CLINUX_CALL_SENDMSG: return judgeSend(flags: call.arguments.2)
        case CLINUX_CALL_GETPEERNAME, CLINUX_CALL_GETSOCKNAME: return answerName(call, socket)
        case CLINUX_CALL_GETSOCKOPT: return answerError(call, socket)
        default: return .allow
        }
    }

    private func judgeSend(flags: UInt64) -> Verdict {
        Int32(truncatingIfNeeded: flags) & SocketKind.fastOpen != 0 ? .answer(-Int64(EOPNOTSUPP)) : .allow
    }

    private func judgeConnect(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        let address = try call.address(at: call.arguments.1, length: call.arguments.2)
        if address.family == AF_UNSPEC {
            return perform { address.withSocketAddress { connect(socket.descriptor, $0, $1) } }
        }
        // What the kernel fails by itself goes nowhere.
        guard let destination = address.endpoint else { throw Errno(address.isShort ? EINVAL : EAFNOSUPPORT) }
        guard destination.family == socket.kind.domain else { throw Errno(EAFNOSUPPORT) }
        if coverage.bypasses(destination) || !coverage.asks(about: destination) { return .allow }
        carry(call, socket, to: destination)
        return .pending
    }

    /// A connect, through the chain.
    private func carry(_ call: StoppedCall, _ socket: ProgramSocket, to destination: Endpoint) {
        let question = WorkerQuestion(rendezvous, loop, for: call.process)
        let connect = StoppedConnect(call, socket, question, loop, blocking, rendezvous)
        let identity = ObjectIdentifier(connect)
        connects[identity] = connect
        let ended = { [unowned self] in connects[identity] = nil }
        if SocketKind.isFresh(socket.descriptor) { return connect.start(to: destination, ended: ended) }
        let elsewhere = rendezvous.address(for: destination, ipv6Only: false) ?? .loopback(destination.family, port: 0)
        connect.again(elsewhere: elsewhere, ended: ended)
    }

    /// getpeername and getsockname, with the chain's addresses where it has other ones than the socket.
    private func answerName(_ call: StoppedCall, _ socket: ProgramSocket) -> Verdict {
        guard let peer = Endpoint.name(of: socket.descriptor, getpeername) else { return .allow }
        let isPeer = call.kind == CLINUX_CALL_GETPEERNAME
        guard isPeer || rendezvous.isMeeting(peer) else { return .allow }
        ask(isPeer ? LAMINA_RUN_PEER : LAMINA_RUN_LOCAL, call, socket) { [unowned self] in answer($0, to: call) }
        return .pending
    }

    /// Writes the worker's answer where a question for a name wants it; without one the kernel answers.
    func answer(_ reply: lamina_run_reply?, to call: StoppedCall) {
        guard let reply, reply.error == 0, reply.address.length > 0,
            let room = call.read(socklen_t.self, at: call.arguments.2)
        else { return call.goOn() }
        let isWritten = call.write(
            Endpoint(reply.address),
            at: call.arguments.1,
            room: room,
            length: call.arguments.2
        )
        call.answer(isWritten ? 0 : -Int64(EFAULT))
    }

    /// SO_ERROR, which a connection to the worker that was reset tells in the chain's words.
    private func answerError(_ call: StoppedCall, _ socket: ProgramSocket) -> Verdict {
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard call.read(socklen_t.self, at: call.arguments.4) == size else { return .allow }
        var error: Int32 = 0
        var length = size
        guard getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 else { return .allow }
        let answer = { (error: Int32) in
            let isWritten = call.write(error, at: call.arguments.3) && call.write(size, at: call.arguments.4)
            call.answer(isWritten ? 0 : -Int64(EFAULT))
        }
        if error != ECONNRESET && error != EPIPE {
            answer(error)
            return .pending
        }
        ask(LAMINA_RUN_ERROR, call, socket) { reply in
            answer(reply.map { $0.error == 0 ? error : $0.error } ?? error)
        }
        return .pending
    }
}
