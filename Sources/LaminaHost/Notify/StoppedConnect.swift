import CLaminaRun
import CLinux
import Glibc

/// A connect of a TCP socket that no preload object made. The supervisor asks the worker in its place, and connects the
/// program's own socket; the program waits in its call, which signals that it handles do not interrupt.
final class StoppedConnect {
    private let call: StoppedCall
    private let held: ProgramSocket
    private let isBlocking: Bool
    private let question: WorkerQuestion
    private let loop: EventLoop
    private let blocking: BlockingConnects
    private let rendezvous: Rendezvous
    /// Tells the caller's end.
    private var ending: Int32 = -1
    /// The socket's port may be shared until the call ends.
    private var isLent = false
    private var ended: (() -> Void)?

    init(
        _ call: StoppedCall,
        _ socket: ProgramSocket,
        _ question: WorkerQuestion,
        _ loop: EventLoop,
        _ blocking: BlockingConnects,
        _ rendezvous: Rendezvous
    ) {
        self.rendezvous = rendezvous
        self.call = call
        held = socket
        self.question = question
        self.loop = loop
        self.blocking = blocking
        isBlocking = socket.isBlocking
    }

    private var socket: Int32 { held.descriptor }

    /// Connects to where the worker says for `destination`, and answers the call; `ended` runs once, later.
    func start(to destination: Endpoint, ended: @escaping () -> Void) {
        self.ended = ended
        var request = question.request(LAMINA_RUN_CONNECT, socket: socket)
        request.nonblocking = isBlocking ? 0 : 1
        request.destination = destination.raw
        if destination.family == AF_INET6, SocketKind.isIPv6Only(socket) {
            request.ipv6_only = 1
            if destination.isMapped { return loop.soon { [self] in finish(ENETUNREACH) } }
        }
        if let local = Endpoint.name(of: socket, getsockname), local.isNamed, isBound {
            request.local = local.raw
            // The chain connects from the same port, which two sockets share if both allow it.
            if local.port != 0, !SocketKind.allowsReuse(socket) {
                isLent = true
                SocketKind.allowReuse(socket, true)
            }
        }
        if isBlocking { watchCaller() }
        question.ask(request) { [self] in hear($0, failed: nil) }
    }

    /// A socket that was connected, and isn't any more, still names the port that it had. One that is bound can't be bound
    /// again; another one is told that the worker's port is in use, and stays as it is.
    private var isBound: Bool {
        guard let taken = rendezvous.address(for: .loopback(held.kind.domain, port: 0), ipv6Only: false) else {
            return true
        }
        return taken.withSocketAddress { bind(socket, $0, $1) } == 0 || errno != EADDRINUSE
    }

    /// Connects a socket that is under way, connected or listening, which goes nowhere else. Where its last attempt fails
    /// meanwhile, `elsewhere` is where a new one ends.
    func again(elsewhere: Endpoint, ended: @escaping () -> Void) {
        self.ended = ended
        connect(to: elsewhere) { [self] error in
            guard error == ECONNRESET || error == ECONNABORTED else { return finish(error) }
            question.ask(question.request(LAMINA_RUN_ERROR, socket: socket)) { [self] reply in
                finish(reply.map { $0.error == 0 ? error : $0.error } ?? error)
            }
        }
    }

    /// The worker's verdict; `failed` is the errno that the program's own connect has given, if it has.
    private func hear(_ reply: lamina_run_reply?, failed: Int32?) {
        guard let reply else { return finish(failed ?? ENETDOWN) }
        if reply.error != 0 { return finish(reply.error) }
        connect(to: Endpoint(reply.address)) { [self] error in
            // The caller is gone.
            guard ended != nil else { return }
            let isMade = [0, EINPROGRESS, EINTR].contains(error)
            let isPumped = reply.way == UInt32(LAMINA_RUN_PUMPED)
            if reply.way == UInt32(LAMINA_RUN_OWN) || isMade && isPumped { return finish(error) }
            var report = question.request(isPumped ? LAMINA_RUN_ABANDON : LAMINA_RUN_DONE, socket: socket)
            report.nonblocking = isBlocking ? 0 : 1
            report.error = error
            if isMade || isPumped {
                question.tell(report)
                return finish(error)
            }
            question.ask(report) { [self] in hear($0, failed: error) }
        }
    }

    private func connect(to address: Endpoint, _ completion: @escaping (Int32) -> Void) {
        if isBlocking { return blocking.connect(socket, to: address, ended: completion) }
        let status = address.withSocketAddress { Glibc.connect(socket, $0, $1) }
        completion(status < 0 ? errno : 0)
    }

    /// A caller that is killed wants no answer any more, and the worker is to know.
    private func watchCaller() {
        ending = call.ending()
        if ending < 0 { return }
        try? loop.watch(ending, EventLoop.readable) { [unowned self] _ in finish(EINTR) }
    }

    private func finish(_ error: Int32) {
        guard let ended else { return }
        self.ended = nil
        if isLent { SocketKind.allowReuse(socket, false) }
        call.answer(-Int64(error))
        question.close()
        if ending >= 0 {
            loop.forget(ending)
            close(ending)
        }
        ended()
    }
}
