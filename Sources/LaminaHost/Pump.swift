import CLinux
import Glibc

/// Carries a program's stream to a chain and back: the near end is the accepted loopback socket, the far end a
/// connection of the chain.
///
/// Each direction has one buffer and is either filling it or emptying it, so that a side that stalls stalls the
/// other. An end of stream closes one direction; a reset of one end resets the other, once what had come before it has
/// been passed on. An urgent byte is urgent on the other side too, in its place in the stream; where the chain doesn't
/// carry such, it is an ordinary one.
final class Pump {
    /// Bytes that may wait in one direction, beside the kernel's buffers.
    static let capacity = 128 * 1024
    /// Milliseconds that a chain that takes nothing any more has to say what it still has.
    private static let endPatience: Int64 = 100
    /// Transfers of one direction before others get their turn.
    private static let turns = 16

    /// One direction's buffer: bytes from `start` to `end` wait.
    private struct Lane {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Pump.capacity, alignment: 64)
        var start = 0
        var end = 0
        /// The side that it is filled from has ended.
        var ended = false
        /// The end has been passed on.
        var finished = false
        /// The far end holds the buffer.
        var pending = false
        /// What waits is an urgent byte.
        var isUrgent = false
        /// An urgent byte may stand before what is received next; of the chain's direction, it does.
        var expectsUrgent = false
        /// Another turn is already arranged.
        var scheduled = false

        var waiting: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

        mutating func consume(_ count: Int) {
            start += count
            if start == end { (start, end, isUrgent) = (0, 0, false) }
        }
    }

    private let loop: EventLoop
    private let near: Int32
    private let far: ChainConnection
    private let closed: (Int32) -> Void
    private var up = Lane()
    private var down = Lane()
    /// The kernel has told of an urgent byte of the chain's.
    private var hasFarUrgent = false
    private var readable = true
    private var writable = true
    /// The program's side has told of an urgent byte.
    private var hasUrgent = false
    /// The program's side has told of its end.
    private var isEnding = false
    private var isClosed = false
    private var isDraining = false
    /// What one side failed with, while what came from it before is passed on. Nothing goes to it any more.
    private var failure: Int32?
    /// The timer that ends the wait for what came from it.
    private var end: UInt64?

    /// Takes over `near` and `far`. `closed` runs once, with the errno that ended the connection, 0 for none.
    init(loop: EventLoop, near: Int32, far: ChainConnection, closed: @escaping (Int32) -> Void) {
        self.loop = loop
        self.near = near
        self.far = far
        self.closed = closed
    }

    /// Begins to carry.
    func start() {
        far.owner = self
        let events = EventLoop.readable | EventLoop.writable | EventLoop.peerFinished | EventLoop.urgent
        do {
            try loop.watch(near, events | EventLoop.edgeTriggered) { [self] in nearEvents($0) }
        } catch let error {
            return finish(error: error.code)
        }
        // The loop tells of urgent bytes first: a receive that waits would pass them by, or wait for what is behind them.
        if far.descriptor >= 0 {
            try? loop.watch(far.descriptor, EventLoop.urgent | EventLoop.edgeTriggered) { [self] in farEvents($0) }
        }
        up.expectsUrgent = true
        sendUp()
        sendDown()
    }

    private func farEvents(_ events: UInt32) {
        guard events & EventLoop.urgent != 0 else { return }
        hasFarUrgent = true
        if down.pending, !down.isUrgent { far.interrupt() }
    }

    /// The program is gone: what it sent is delivered, what it would have received is not.
    func drain() {
        isDraining = true
        if up.finished { finish(error: failure ?? 0) }
    }

    /// Ends the connection on both sides with a reset.
    func abort(error: Int32) {
        finish(error: error == 0 ? ECONNRESET : error)
    }

    private func nearEvents(_ events: UInt32) {
        if events & EventLoop.failed != 0 {
            var error: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(near, SOL_SOCKET, SO_ERROR, &error, &length)
            return nearFailed(error == 0 ? ECONNRESET : error)
        }
        hasUrgent = hasUrgent || events & EventLoop.urgent != 0
        isEnding = isEnding || events & (EventLoop.peerFinished | EventLoop.hungUp) != 0
        if events & ~EventLoop.writable != 0 {
            // What was there when the kernel told of it begins before a mark that it didn't tell of.
            up.expectsUrgent = readable || hasUrgent
            readable = true
        }
        writable = writable || events & EventLoop.writable != 0
        sendUp()
        sendDown()
    }

    // MARK: - From the program to the chain

    private func sendUp() {
        for _ in 0..<Pump.turns {
            if isClosed || up.pending || up.finished { return }
            if up.start < up.end {
                switch far.send(up.waiting, isUrgent: up.isUrgent) {
                case .done(let count): up.consume(count)
                case .pending:
                    // The other side doesn't take it now, and later nobody is there who sends.
                    if let failure { return finish(error: failure) }
                    up.pending = true
                case .failed(let code) where up.isUrgent && [EOPNOTSUPP, EINVAL].contains(code): up.isUrgent = false
                case .failed(let code): return farFailed(code)
                }
            } else if let failure, up.ended || !readable {
                return finish(error: failure)
            } else if up.ended {
                up.finished = true
                far.finishSending()
                return finishIfDone()
            } else if readable {
                fillUp()
            } else {
                return
            }
        }
        guard !up.scheduled else { return }
        up.scheduled = true
        loop.soon { [self] in
            up.scheduled = false
            sendUp()
        }
    }

    private func fillUp() {
        // A read stops before it and, if it begins there, goes on past it.
        let isUrgent = up.expectsUrgent && Pump.isAtMark(near)
        let count = clinux_receive(near, up.buffer.baseAddress, isUrgent ? 1 : up.buffer.count)
        up.expectsUrgent = true
        if count > 0 {
            up.end = count
            up.isUrgent = isUrgent
            // There was no more, and what comes from now on is told of.
            if count < up.buffer.count, !hasUrgent, !isUrgent, !isEnding { readable = false }
        } else if count == 0 {
            up.ended = true
        } else if count == -Int(EAGAIN) {
            readable = false
        } else if count != -Int(EINTR) {
            finish(error: failure ?? Int32(-count))
        }
    }

    // MARK: - From the chain to the program

    private func sendDown() {
        for _ in 0..<Pump.turns {
            if isClosed || down.pending || down.finished { return }
            if down.start < down.end {
                if !writable { return }
                emptyDown()
            } else if down.ended {
                if let failure { return finish(error: failure) }
                down.finished = true
                shutdown(near, Int32(SHUT_WR))
                return finishIfDone()
            } else if down.expectsUrgent || hasFarUrgent && isFarAtMark {
                takeUrgent()
            } else {
                switch far.receive(into: down.buffer) {
                case .done(let count): fill(count)
                case .pending:
                    down.pending = true
                    if failure != nil { awaitEnd() }
                case .failed(let code): return finish(error: failure ?? code)
                }
            }
        }
        guard !down.scheduled else { return }
        down.scheduled = true
        loop.soon { [self] in
            down.scheduled = false
            sendDown()
        }
    }

    /// So many bytes have come from the chain, 0 for the end of the stream.
    private func fill(_ count: Int) {
        down.end = count
        down.ended = count == 0
        down.expectsUrgent = isFarAtMark
    }

    private var isFarAtMark: Bool { far.descriptor >= 0 && Pump.isAtMark(far.descriptor) }

    /// The stream stands before an urgent byte, which a receive would pass by.
    private func takeUrgent() {
        (down.expectsUrgent, hasFarUrgent) = (false, false)
        switch far.receiveUrgent(into: down.buffer) {
        case .done(let count): (down.end, down.isUrgent) = (count, count > 0)
        case .pending: (down.pending, down.isUrgent) = (true, true)
        // It has been taken, or is still to come.
        case .failed: break
        }
    }

    private func emptyDown() {
        let waiting = down.waiting
        let count = down.isUrgent ? sendUrgent(waiting) : clinux_send(near, waiting.baseAddress, waiting.count)
        if count >= 0 {
            down.consume(count)
        } else if count == -Int(EAGAIN) {
            writable = false
        } else if count != -Int(EINTR) {
            nearFailed(Int32(-count))
        }
    }

    /// Whether the next byte of a stream is the urgent one (SIOCATMARK).
    private static func isAtMark(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        return ioctl(descriptor, 0x8905, &value) == 0 && value != 0
    }

    private func sendUrgent(_ byte: UnsafeRawBufferPointer) -> Int {
        let flags = Int32(MSG_OOB) | Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let count = Glibc.send(near, byte.baseAddress, byte.count, flags)
        return count < 0 ? -Int(errno) : count
    }

    // MARK: - The end

    /// The chain takes nothing any more. What it has for the program already, the program gets.
    private func farFailed(_ error: Int32) {
        if failure != nil || down.finished || isDraining { return finish(error: failure ?? error) }
        failure = error
        up.finished = true
        if down.pending { awaitEnd() } else { sendDown() }
    }

    /// A connection that broke ends its receive at once, with what had come or with the error. A level that only fails
    /// what is sent may leave it waiting.
    private func awaitEnd() {
        guard end == nil else { return }
        end = loop.after(milliseconds: Pump.endPatience) { [self] in
            end = nil
            if down.pending { finish(error: failure ?? 0) }
        }
    }

    /// The program's side is gone. What it had sent before, the chain gets.
    private func nearFailed(_ error: Int32) {
        if failure != nil || up.finished || up.pending { return finish(error: failure ?? error) }
        failure = error
        down.finished = true
        readable = true
        sendUp()
    }

    private func finishIfDone() {
        if up.finished && (down.finished || isDraining) { finish(error: 0) }
    }

    private func finish(error: Int32) {
        guard !isClosed else { return }
        isClosed = true
        if let end { loop.cancel(timer: end) }
        loop.forget(near)
        if far.descriptor >= 0 { loop.forget(far.descriptor) }
        clinux_reset_on_close(near, error == 0 ? 0 : 1)
        Glibc.close(near)
        // The far end may hold the buffers until it has closed.
        far.close(abort: error != 0) { [self] in
            far.owner = nil
            up.buffer.deallocate()
            down.buffer.deallocate()
        }
        closed(error)
    }
}

extension Pump: ChainConnectionOwner {
    func sent(_ transfer: Transfer) {
        up.pending = false
        switch transfer {
        case .done(let count): up.consume(count)
        case .pending: break
        case .failed(let code): return farFailed(code)
        }
        sendUp()
    }

    func received(_ transfer: Transfer) {
        down.pending = false
        switch transfer {
        case .done(let count) where down.isUrgent: down.end = count
        case .done(let count): fill(count)
        case .pending: break
        case .failed where down.isUrgent: down.isUrgent = false
        case .failed(EINTR): break
        case .failed(let code): return finish(error: failure ?? code)
        }
        sendDown()
    }
}
