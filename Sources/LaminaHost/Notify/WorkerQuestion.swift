import CLaminaRun
import CLinux
import Glibc

/// What the supervisor asks its worker about one call of a program's, over a connection of its own, as the preload object
/// asks. Closing it tells the worker that nobody waits any more.
final class WorkerQuestion {
    /// How often a worker whose queue is full is tried again, and after how many milliseconds.
    private static let tries = 1000
    private static let pause: Int64 = 2

    private let rendezvous: Rendezvous
    private let loop: EventLoop
    private let process: pid_t
    private var connection: Int32 = -1
    private var answered: ((lamina_run_reply?) -> Void)?

    /// On behalf of a process.
    init(_ rendezvous: Rendezvous, _ loop: EventLoop, for process: pid_t) {
        self.rendezvous = rendezvous
        self.loop = loop
        self.process = process
    }

    deinit { close() }

    /// A request of this kind about a socket, to be filled in.
    func request(_ kind: Int, socket: Int32) -> lamina_run_request {
        var request = lamina_run_request()
        request.secret = (rendezvous.secret.first, rendezvous.secret.second)
        request.version = UInt32(LAMINA_RUN_VERSION)
        request.kind = UInt32(kind)
        request.process = process
        request.cookie = SocketKind.cookie(of: socket)
        return request
    }

    /// Asks; `answered` runs once, on the loop, with nil where no worker answers, and not after `close`.
    func ask(_ request: lamina_run_request, answered: @escaping (lamina_run_reply?) -> Void) {
        self.answered = answered
        begin(request, tries: Self.tries)
    }

    /// Says what has no answer.
    func tell(_ request: lamina_run_request) {
        send(request)
    }

    func close() {
        answered = nil
        if connection < 0 { return }
        loop.forget(connection)
        Glibc.close(connection)
        connection = -1
    }

    private func begin(_ request: lamina_run_request, tries: Int) {
        if connection < 0 {
            connection = rendezvous.ask()
            if connection == -EAGAIN, tries > 0 {
                loop.after(milliseconds: Self.pause) { [weak self] in
                    guard let self, answered != nil else { return }
                    begin(request, tries: tries - 1)
                }
                return
            }
            guard connection >= 0, watch() else { return loop.soon { [weak self] in self?.end(nil) } }
        }
        send(request)
    }

    private func watch() -> Bool {
        do {
            try loop.watch(connection, EventLoop.readable) { [weak self] _ in self?.hear() }
            return true
        } catch {
            return false
        }
    }

    private func send(_ request: lamina_run_request) {
        withUnsafeBytes(of: request) { bytes in
            _ = clinux_send(connection, bytes.baseAddress, bytes.count)
        }
    }

    private func hear() {
        var reply = lamina_run_reply()
        let size = MemoryLayout<lamina_run_reply>.size
        var count = clinux_receive(connection, &reply, size)
        // An answer that comes with the end, between the kernel's looks for one and for the other, is there the next time.
        if count == 0 { count = clinux_receive(connection, &reply, size) }
        end(count == size ? reply : nil)
    }

    private func end(_ reply: lamina_run_reply?) {
        let answered = answered
        self.answered = nil
        answered?(reply)
        // Nothing else will come of a worker that has gone.
        if reply == nil, self.answered == nil { close() }
    }
}
