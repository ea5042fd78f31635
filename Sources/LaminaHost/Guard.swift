import CLamina
import CLaminaRun
import CLinux
import Glibc

/// Serves the calls that the seccomp filter stopped: those that did not come through the preload object. What leaves
/// the machine is refused, and said once for each program and reason.
struct Guard {
    /// The filter's listener.
    let listener: Int32
    private let coverage: Coverage
    private var said: Set<String> = []

    init(listener: Int32, coverage: Coverage) {
        self.listener = listener
        self.coverage = coverage
    }

    /// Answers one stopped call, if one waits.
    mutating func serve() {
        var call = clinux_call()
        guard clinux_guard_receive(listener, &call) == 1 else { return }
        switch judge(call) {
        case .allow: clinux_guard_continue(listener, call.id)
        case .answer(let result): clinux_guard_answer(listener, call.id, result)
        case .refuse(let error, let reason):
            // Before the answer: the caller's own message comes after it.
            explain(call, reason)
            clinux_guard_answer(listener, call.id, -Int64(error))
        }
    }

    private enum Verdict {
        /// The kernel carries it out: nothing that the caller could still change matters.
        case allow
        /// It has been carried out, or can't be.
        case answer(Int64)
        case refuse(Int32, String)
    }

    private mutating func explain(_ call: clinux_call, _ reason: String) {
        let program = Process.executable(of: call.thread)
        guard said.insert("\(program) \(reason)").inserted else { return }
        say("\(program) (pid \(Process.group(of: call.thread))): \(reason); refused")
    }

    private func judge(_ call: clinux_call) -> Verdict {
        if call.foreign != 0 {
            return .refuse(EPERM, "32-bit programs are not covered, and it wants a socket")
        }
        let kind = clinux_guarded_call_of(call.number)
        if kind == CLINUX_CALL_SOCKET { return judgeSocket(call) }
        let descriptor = clinux_descriptor_of(call.thread, Int32(truncatingIfNeeded: call.arguments.0))
        if descriptor < 0 { return unreachable(-descriptor) }
        defer { close(descriptor) }
        guard let socket = SocketKind(descriptor) else { return .answer(-Int64(ENOTSOCK)) }
        if socket.isLocal { return .allow }
        guard socket.isInternet else { return refuseFamily(socket.domain) }
        switch kind {
        case CLINUX_CALL_CONNECT: return judgeConnect(call, descriptor, socket)
        case CLINUX_CALL_BIND: return judgeBind(call, descriptor, socket)
        case CLINUX_CALL_LISTEN, CLINUX_CALL_ACCEPT: return judgeServer(descriptor)
        case CLINUX_CALL_SENDTO: return judgeSendTo(call, descriptor, socket)
        default: return judgeMessages(call, socket)
        }
    }

    /// A descriptor that can't be looked at is none, or belongs to a process that hides from its own user.
    private func unreachable(_ error: Int32) -> Verdict {
        if error == EBADF { return .answer(-Int64(EBADF)) }
        return .refuse(EPERM, "its sockets can't be looked at (\(Errno(error).text))")
    }

    private func judgeSocket(_ call: clinux_call) -> Verdict {
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

    private func judgeConnect(_ call: clinux_call, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        guard let bytes = read(call, call.arguments.1, call.arguments.2) else { return .answer(-Int64(EFAULT)) }
        let address = SocketBytes(bytes)
        if address.family == AF_UNSPEC { return perform { address.withSocketAddress { connect(descriptor, $0, $1) } } }
        if socket.isDatagram {
            if passesDatagrams(to: address) {
                return perform { address.withSocketAddress { connect(descriptor, $0, $1) } }
            }
            return refuseDatagrams(address)
        }
        if let endpoint = address.endpoint, coverage.bypasses(endpoint) { return .allow }
        return .refuse(
            EACCES,
            "it connects to \(address) by a system call of its own (static code, or without the C library)"
        )
    }

    private func judgeBind(_ call: clinux_call, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        guard let bytes = read(call, call.arguments.1, call.arguments.2) else { return .answer(-Int64(EFAULT)) }
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

    private func judgeSendTo(_ call: clinux_call, _ descriptor: Int32, _ socket: SocketKind) -> Verdict {
        let flags = Int32(truncatingIfNeeded: call.arguments.3)
        // A stream has its one destination, whatever the call names, unless it is to be connected by it.
        if !socket.isDatagram { return flags & SocketKind.fastOpen != 0 ? .answer(-Int64(EOPNOTSUPP)) : .allow }
        guard let name = read(call, call.arguments.4, call.arguments.5) else { return .answer(-Int64(EFAULT)) }
        let address = SocketBytes(name)
        guard passesDatagrams(to: address) else { return refuseDatagrams(address) }
        guard let data = read(call, call.arguments.1, call.arguments.2, most: 65536) else {
            return .answer(-Int64(EFAULT))
        }
        return perform {
            address.withSocketAddress { sendto(descriptor, data, data.count, flags, $0, $1) }
        }
    }

    /// sendmsg and sendmmsg, whose destinations lie in memory.
    private func judgeMessages(_ call: clinux_call, _ socket: SocketKind) -> Verdict {
        let isOne = clinux_guarded_call_of(call.number) == CLINUX_CALL_SENDMSG
        let flags = Int32(truncatingIfNeeded: isOne ? call.arguments.2 : call.arguments.3)
        if !socket.isDatagram { return flags & SocketKind.fastOpen != 0 ? .answer(-Int64(EOPNOTSUPP)) : .allow }
        let header = MemoryLayout<msghdr>.stride
        let stride = isOne ? header : header + 8
        let count = isOne ? 1 : min(call.arguments.2 & 0xffff_ffff, 1024)
        guard let bytes = read(call, call.arguments.1, count * UInt64(stride), most: 1 << 17) else {
            return .answer(-Int64(EFAULT))
        }
        for start in Swift.stride(from: 0, to: bytes.count, by: stride) {
            let name = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: UInt64.self) }
            let length = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start + 8, as: UInt32.self) }
            if name == 0 || length == 0 { continue }
            guard let bytes = read(call, name, UInt64(length)) else { return .answer(-Int64(EFAULT)) }
            let address = SocketBytes(bytes)
            if !passesDatagrams(to: address) { return refuseDatagrams(address) }
        }
        return .allow
    }

    private func read(_ call: clinux_call, _ address: UInt64, _ count: UInt64, most: Int = 128) -> [UInt8]? {
        Process.read(call, at: address, count: count, most: most, from: listener)
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
