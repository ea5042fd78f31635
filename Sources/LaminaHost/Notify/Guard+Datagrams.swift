import CLaminaRun
import CLinux
import Glibc

/// Calls on UDP sockets: what goes to a name server goes to its stand-in, what stays on this machine passes, and the rest
/// is refused.
extension Guard {
    func judgeDatagrams(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        switch call.kind {
        case CLINUX_CALL_CONNECT: return try judgeConnect(call, socket)
        case CLINUX_CALL_SENDTO: return try judgeSendTo(call, socket)
        case CLINUX_CALL_SENDMSG, CLINUX_CALL_SENDMMSG: return try judgeMessages(call, socket)
        case CLINUX_CALL_RECVFROM, CLINUX_CALL_RECVMSG:
            guard nameSockets.contains(socket.cookie) else { return .allow }
            receive(call, socket)
            return .pending
        case CLINUX_CALL_GETPEERNAME:
            guard nameSockets.contains(socket.cookie),
                let peer = Endpoint.name(of: socket.descriptor, getpeername)
            else { return .allow }
            ask(LAMINA_RUN_NAME_SERVER_OF, call, socket, about: peer) { [unowned self] in answer($0, to: call) }
            return .pending
        default: return .allow
        }
    }

    private func passes(_ address: SocketBytes) -> Bool { address.endpoint.map(coverage.passesDatagrams) ?? false }

    private func nameServer(_ address: SocketBytes) -> Endpoint? {
        address.endpoint.flatMap { coverage.isNameServer($0) ? $0 : nil }
    }

    /// What the kernel fails by itself goes nowhere.
    private func refuse(_ address: SocketBytes) throws(Errno) -> Verdict {
        if address.isShort { throw Errno(EINVAL) }
        return .refuse(ENETUNREACH, "UDP is not covered yet beyond this machine, and it sends to \(address)")
    }

    private func judgeConnect(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        let address = try call.address(at: call.arguments.1, length: call.arguments.2)
        if let server = nameServer(address) {
            reach(server, call, socket) { stand in stand.withSocketAddress { Int(connect(socket.descriptor, $0, $1)) } }
            return .pending
        }
        // AF_UNSPEC disconnects.
        guard address.family == AF_UNSPEC || passes(address) else {
            // Resolvers connect to see which of the addresses that they found can be reached, and send nothing.
            if lookUps.isRecent(call.process) { throw Errno(ENETUNREACH) }
            return try refuse(address)
        }
        return perform { address.withSocketAddress { connect(socket.descriptor, $0, $1) } }
    }

    private func judgeSendTo(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        let address = try call.address(at: call.arguments.4, length: call.arguments.5)
        let server = nameServer(address)
        guard server != nil || passes(address) else { return try refuse(address) }
        guard let data = call.read(call.arguments.1, call.arguments.2, most: 65536) else { throw Errno(EFAULT) }
        let flags = Int32(truncatingIfNeeded: call.arguments.3)
        if let server {
            reach(server, call, socket) { stand in
                stand.withSocketAddress { sendto(socket.descriptor, data, data.count, flags, $0, $1) }
            }
            return .pending
        }
        return perform { address.withSocketAddress { sendto(socket.descriptor, data, data.count, flags, $0, $1) } }
    }

    /// sendmsg and sendmmsg, whose destinations lie in memory.
    private func judgeMessages(_ call: StoppedCall, _ socket: ProgramSocket) throws(Errno) -> Verdict {
        let isOne = call.kind == CLINUX_CALL_SENDMSG
        let flags = Int32(truncatingIfNeeded: isOne ? call.arguments.2 : call.arguments.3)
        let count = isOne ? 1 : Int(min(call.arguments.2 & 0xffff_ffff, 1024))
        for index in 0..<count {
            let place = call.arguments.1 + UInt64(index * StoppedMessage.strideOfSeveral)
            guard let message = StoppedMessage(of: call, at: place) else {
                if index > 0 { return try judgeFirst(index, call, socket, flags) }
                throw Errno(EFAULT)
            }
            if message.nameLength == 0 { continue }
            let address = try message.name(of: call)
            if let server = nameServer(address) {
                // Those before it go first, as with a socket that takes no more at once.
                if index > 0 { return try judgeFirst(index, call, socket, flags) }
                guard let data = message.gather(call) else { throw Errno(EFAULT) }
                reach(server, call, socket) { stand in
                    let sent = stand.withSocketAddress { sendto(socket.descriptor, data, data.count, flags, $0, $1) }
                    guard !isOne, sent >= 0 else { return sent }
                    return message.noteLength(sent, of: call) ? 1 : -1
                }
                return .pending
            }
            if !passes(address) { return try refuse(address) }
        }
        return .allow
    }

    /// Sends the messages before one that goes to a name server, one by one.
    private func judgeFirst(
        _ count: Int,
        _ call: StoppedCall,
        _ socket: ProgramSocket,
        _ flags: Int32
    ) throws(Errno) -> Verdict {
        for index in 0..<count {
            let place = call.arguments.1 + UInt64(index * StoppedMessage.strideOfSeveral)
            guard let message = StoppedMessage(of: call, at: place), let data = message.gather(call) else {
                if index == 0 { throw Errno(EFAULT) }
                return .answer(Int64(index))
            }
            let address = message.nameLength == 0 ? SocketBytes([]) : try message.name(of: call)
            let sent =
                address.bytes.isEmpty
                ? send(socket.descriptor, data, data.count, flags)
                : address.withSocketAddress { sendto(socket.descriptor, data, data.count, flags, $0, $1) }
            guard sent >= 0, message.noteLength(sent, of: call) else {
                return .answer(index > 0 ? Int64(index) : -Int64(errno))
            }
        }
        return .answer(Int64(count))
    }

    /// Asks for what stands for a name server, and answers the call with what `body` comes to there.
    private func reach(
        _ server: Endpoint,
        _ call: StoppedCall,
        _ socket: ProgramSocket,
        _ body: @escaping (Endpoint) -> Int
    ) {
        ask(LAMINA_RUN_NAME_SERVER, call, socket, about: server) { [unowned self] reply in
            guard let reply, reply.error == 0 else { return call.answer(-Int64(reply?.error ?? ENETDOWN)) }
            nameSockets.insert(socket.cookie)
            lookUps.note(call.process)
            let result = body(Endpoint(reply.address))
            call.answer(result < 0 ? -Int64(errno) : Int64(result))
        }
    }

    // MARK: - Answers of name servers

    /// Receives a datagram for the program, which sees the name server that it asked.
    private func receive(_ call: StoppedCall, _ socket: ProgramSocket) {
        guard let received = StoppedReceive(call) else { return call.answer(-Int64(EFAULT)) }
        switch received.take(from: socket) {
        case .nothing where socket.isBlocking && !received.isImpatient: wait(call, socket)
        case .nothing: call.answer(-Int64(EAGAIN))
        case .failed(let error): call.answer(-Int64(error))
        case .datagram(let datagram, let from):
            guard let from else { return received.finish(datagram, from: nil) }
            ask(LAMINA_RUN_NAME_SERVER_OF, call, socket, about: from) { reply in
                let original = reply.flatMap { $0.error == 0 ? Endpoint($0.address) : nil }
                received.finish(datagram, from: original ?? from)
            }
        }
    }

    /// Receives when there is something, unless the caller is gone by then.
    private func wait(_ call: StoppedCall, _ socket: ProgramSocket) {
        let watched = socket.descriptor
        let ending = call.ending()
        let timer = SocketKind.receiveTimeout(watched).map { milliseconds in
            loop.after(milliseconds: milliseconds) { [unowned self] in
                loop.forget(watched)
                if ending >= 0 {
                    loop.forget(ending)
                    close(ending)
                }
                call.answer(-Int64(EAGAIN))
            }
        }
        let stop = { [unowned self] in
            loop.forget(watched)
            if let timer { loop.cancel(timer: timer) }
            if ending < 0 { return }
            loop.forget(ending)
            close(ending)
        }
        do throws(Errno) {
            // Kept by the handler, the socket lives until there is something.
            try loop.watch(watched, EventLoop.readable) { [unowned self] _ in
                stop()
                receive(call, socket)
            }
            if ending >= 0 { try loop.watch(ending, EventLoop.readable) { _ in stop() } }
        } catch {
            stop()
            call.answer(-Int64(error.code))
        }
    }
}
