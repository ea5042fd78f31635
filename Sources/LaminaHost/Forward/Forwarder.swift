import CLinux
import Glibc
import Lamina

/// What a worker does for `lamina forward`: accepts, dials through the chain, and pumps.
final class Forwarder {
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
        try loop.accept(from: listener) { [unowned self] near, _ in admit(near) }
        try runner.serve(control, on: loop) { [unowned self] in end() }
        runner.sockets.emptied = { [unowned self] in stopIfEmpty() }
    }

    private func admit(_ near: Int32) {
        let connection = ForwardedConnection(near, self)
        connections[ObjectIdentifier(connection)] = connection
        connection.start()
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
