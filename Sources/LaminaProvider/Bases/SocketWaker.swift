/// Tells a socket of a base what has changed at its transport: calls that waited are tried again. A base gets one with each
/// socket, and keeps it for the thread, the callback or the peer that knows.
///
/// Calls go on, complete and may make others on the thread that tells, before `incoming` or `outgoing` returns: **hold no lock
/// then that the base's methods take.** Any thread, any number of times, also when nothing waits, and after the socket has
/// closed, where it does nothing.
public final class SocketWaker: @unchecked Sendable {
    // Guarded by the lock.
    private var socket: UnsafeMutablePointer<BaseSocket>?
    private let lock = PlainLock()

    init() {}

    func begin(_ socket: UnsafeMutablePointer<BaseSocket>) { lock.locked { self.socket = socket } }

    /// From here on nothing of the socket is touched.
    func end() { lock.locked { socket = nil } }

    /// Something has come, or the stream has ended: receives and accepts go on, and indications.
    public func incoming() {
        guard let socket = pinned() else { return }
        socket.hasNews()
        socket.input.wake()
        socket.indicate()
        socket.group.release()
    }

    /// There is room again, or the connection stands: connects, sends and disconnects go on.
    public func outgoing() {
        guard let socket = pinned() else { return }
        socket.output.wake()
        socket.group.release()
    }

    /// The socket, kept; nil where it closes.
    private func pinned() -> UnsafeMutablePointer<BaseSocket>? {
        lock.locked { socket.flatMap { $0.group.pin() ? $0 : nil } }
    }
}
