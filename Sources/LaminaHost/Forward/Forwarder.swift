import CLinux
import Glibc
import Lamina

/// What a worker does for `lamina forward`: accepts, dials through the chain, and pumps.
final class Forwarder {
    /// How long no connection is accepted when the process has no descriptor left, in milliseconds.
    private static let pause: Int64 = 100

    let loop: EventLoop
    let runner: ChainRunner
    let service: Forward.Service
    private let listener: Int32
    private let drainTime: Int64
    private var connections: [ObjectIdentifier: ForwardedConnection] = [:]
    private var isEnding = false
    private var lastFailure = ""

    /// Serves `listener` until the supervisor closes the other end of `control`, and carries out what comes over that.
    init(
        _ plan: Forward.Plan,
        loop: EventLoop,
        listener: Int32,
        control: Int32,
        runner: ChainRunner
    ) throws(Errno) {
        self.loop = loop
        self.runner = runner
        self.listener = listener
        service = plan.service
        drainTime = plan.drainTime
        try accept()
        try loop.watch(control, EventLoop.readable) { [unowned self] _ in
            switch WorkerCommands.receive(control) {
            case .none: break
            case .bytes(let message): runner.answer(message, over: control)
            case .ended:
                loop.forget(control)
                end()
            }
        }
        runner.sockets.emptied = { [unowned self] in stopIfEmpty() }
    }

    private func accept() throws(Errno) {
        try loop.watch(listener, EventLoop.readable) { [unowned self] _ in admit() }
    }

    private func admit() {
        while true {
            let near = clinux_accept(listener, nil)
            if [-EINTR, -ECONNABORTED].contains(near) { continue }
            if [-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM].contains(near) { return rest(Errno(-near)) }
            if near < 0 { return }
            let connection = ForwardedConnection(near, self)
            connections[ObjectIdentifier(connection)] = connection
            connection.start()
        }
    }

    /// Lets connections wait while there is nothing to serve them with.
    private func rest(_ error: Errno) {
        complain("no more connections can be taken for the moment (\(error.text))")
        loop.forget(listener)
        loop.after(milliseconds: Forwarder.pause) { [unowned self] in
            if !isEnding { try? accept() }
        }
    }

    /// Says what failed, once for failures alike in a row.
    func complain(_ text: String) {
        if text != lastFailure { Output.log(.warning, "", text) }
        lastFailure = text
    }

    /// A connection stands.
    func connected() { lastFailure = "" }

    /// A connection has ended.
    func ended(_ connection: ForwardedConnection) {
        connections[ObjectIdentifier(connection)] = nil
        stopIfEmpty()
    }

    private func end() {
        isEnding = true
        loop.forget(listener)
        close(listener)
        if drainTime > 0 {
            loop.after(milliseconds: drainTime) { [unowned self] in abortAll() }
        } else {
            abortAll()
        }
        stopIfEmpty()
    }

    private func abortAll() {
        for connection in connections.values { connection.abort() }
    }

    private func stopIfEmpty() {
        if isEnding && connections.isEmpty && runner.sockets.count == 0 { loop.stop() }
    }
}
