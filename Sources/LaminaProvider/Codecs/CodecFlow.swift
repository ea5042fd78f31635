import CLamina
import Glibc

/// Both directions of one connection through a codec: what its coders made, and the level's own requests to the levels
/// below, at most one send, one receive and one disconnect. It lives until they have ended and the socket has closed.
class CodecFlow: @unchecked Sendable {
    /// How many bytes of a direction are kept, before what one turn of a coder adds.
    private static let limit = 65_536
    private static let readSize = 16_384
    /// Nanoseconds that a close waits for what was sent before it.
    private static let patience: Int64 = 1_000_000_000

    /// What is to follow the bytes that were sent.
    private enum Finish { case none, due, told }

    private let slot: UnsafeMutablePointer<lamina_slot>
    private let waker: SocketWaker
    private let level: Level
    private let lock = PlainLock()
    private let sendRequest = UnsafeMutablePointer<lamina_request>.allocate(capacity: 3)
    private let read = UnsafeMutableRawPointer.allocate(byteCount: CodecFlow.readSize, alignment: 16)
    // Guarded by the lock, as the coders are.
    private let kept = UnsafeMutablePointer<CodedBytes>.allocate(capacity: 3)
    private var (isSending, isReceiving, isFinishing) = (false, false, false)
    private var (wantsInput, hasEnded) = (false, false)
    private var finish = Finish.none
    private var finishFlags: UInt32 = 0
    private var isReset = false
    /// What a direction fails with, a negative errno, or 0.
    private var (sendFailure, receiveFailure): (Int32, Int32) = (0, 0)
    private var (hasRoom, hasInput) = (false, false)
    /// A send waits for room.
    private var wantsRoom = false
    /// A thread starts what is due; another one's wish makes it look again.
    private var (isRunning, looksAgain) = (false, false)
    private var isClosing = false
    private var close: (() -> Void)?
    private var isGivenUp = false

    init(_ socket: borrowing Socket, _ waker: SocketWaker, _ level: Level) {
        slot = socket.slot
        self.waker = waker
        self.level = level
        sendRequest.initialize(repeating: lamina_request(), count: 3)
        for index in 0..<3 { (kept + index).initialize(to: CodedBytes()) }
    }

    deinit {
        kept.deinitialize(count: 3)
        kept.deallocate()
        sendRequest.deallocate()
        read.deallocate()
    }

    /// What was encoded, what of it the levels below have now, and what was decoded. In memory of their own: the lock sees to it
    /// that nobody else is at them.
    private var encoded: CodedBytes {
        unsafeAddress { UnsafePointer(kept) }
        unsafeMutableAddress { kept }
    }
    private var sending: CodedBytes {
        unsafeAddress { UnsafePointer(kept + 1) }
        unsafeMutableAddress { kept + 1 }
    }
    private var decoded: CodedBytes {
        unsafeAddress { UnsafePointer(kept + 2) }
        unsafeMutableAddress { kept + 2 }
    }

    private var receiveRequest: UnsafeMutablePointer<lamina_request> { sendRequest + 1 }
    private var finishRequest: UnsafeMutablePointer<lamina_request> { sendRequest + 2 }

    /// Encodes bytes. Under the lock.
    func encode(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) throws(Failure) {}

    /// Decodes bytes, likewise.
    func decode(_ bytes: Span<UInt8>, isLast: Bool, into output: inout CodedBytes) throws(Failure) {}

    // MARK: - What the program does

    /// Encodes as much as may be kept: how many bytes. Inside the output lane.
    func send(_ data: Outgoing) throws(Failure) -> Int {
        lock.take()
        var taken = 0
        for index in 0..<data.count where sendFailure == 0 {
            let bytes = data.bytes(index)
            var start = 0
            while start < bytes.count, sendFailure == 0, encoded.count + sending.count < Self.limit {
                let end = min(bytes.count, start + Self.limit)
                code(bytes.extracting(start..<end), isLast: false)
                taken += end - start
                start = end
            }
            if start < bytes.count { break }
        }
        let failure = sendFailure
        wantsRoom = taken < data.byteCount
        runLocked()
        if failure != 0 { throw Failure(failure) }
        return taken
    }

    /// Under the lock.
    private func code(_ bytes: Span<UInt8>, isLast: Bool) {
        do throws(Failure) {
            try encode(bytes, isLast: isLast, into: &encoded)
            if encoded.hasFailed { throw Failure(ENOMEM) }
        } catch { sendFailure = -error.errno }
    }

    /// Ends what is sent, behind what was sent before; `flags` are the disconnect's.
    func finish(_ flags: UInt32) throws(Failure) {
        lock.take()
        if sendFailure == 0, finish == .none {
            code(Span(), isLast: true)
            (finish, finishFlags) = (.due, flags)
        }
        let failure = sendFailure
        runLocked()
        if failure != 0 { throw Failure(failure) }
    }

    /// Resets: nothing is kept, and the levels below are told.
    func reset() {
        lock.take()
        (sendFailure, receiveFailure) = (-ECONNABORTED, -ECONNABORTED)
        if !isReset { (finish, finishFlags, isReset) = (.due, UInt32(LAMINA_DISCONNECT_ABORTIVE), true) }
        encoded.drop(encoded.count)
        decoded.drop(decoded.count)
        runLocked()
    }

    /// Moves decoded bytes into the room, and sees to more where there are none. Inside the input lane.
    func receive(into room: inout ReceiveRoom) throws(Failure) -> StreamProgress {
        for _ in 0..<2 {
            lock.take()
            decoded.take(into: &room)
            let (isOver, failure) = (hasEnded, receiveFailure)
            if room.count == 0, !isOver, failure == 0 { wantsInput = true }
            lock.give()
            if room.count > 0 { return .open }
            if failure != 0 { throw Failure(failure) }
            if isOver { return .ended }
            // It may be there at once.
            run()
        }
        return .open
    }

    /// Runs `body` once what was sent has gone and nothing of the level's own is out: at once, or later on another thread.
    func close(_ body: @escaping () -> Void) {
        lock.take()
        (isClosing, close) = (true, body)
        let (receives, flushes) = (isReceiving, isSending || encoded.count > 0 || finish == .due)
        lock.give()
        if receives { _ = slot.pointee.column.pointee.upcalls.pointee.cancel(receiveRequest) }
        // Where no timer can be had, it gives up at once.
        if flushes {
            do throws(Failure) { try level.after(nanoseconds: Self.patience) { self.giveUp() } } catch { giveUp() }
        }
        run()
    }

    /// What was sent doesn't go any more.
    private func giveUp() {
        lock.take()
        isGivenUp = true
        let isOut = isSending
        lock.give()
        // No other send begins, so that it is this one's request.
        if isOut { _ = slot.pointee.column.pointee.upcalls.pointee.cancel(sendRequest) }
        run()
    }

    // MARK: - The levels below

    /// What is due.
    private enum Step {
        case send(lamina_buffer), receive, finish(UInt32), outgoing, incoming, close(() -> Void)
    }

    /// Does what is due, until nothing is, by one thread at a time. A request that ends at once makes it look again.
    private func run() {
        lock.take()
        runLocked()
    }

    /// The same for a caller that has the lock, which is given back.
    private func runLocked() {
        looksAgain = true
        guard !isRunning else { return lock.give() }
        isRunning = true
        while looksAgain {
            looksAgain = false
            while let step = step() {
                lock.give()
                perform(step)
                lock.take()
            }
        }
        isRunning = false
        lock.give()
    }

    /// Takes the first thing that is due. Under the lock.
    private func step() -> Step? {
        let hasGone = !isSending && (encoded.count == 0 || sendFailure != 0 || isGivenUp)
        if finish == .due, !isFinishing, hasGone || isReset {
            (finish, isFinishing) = (.told, true)
            return .finish(finishFlags)
        }
        if !isSending, !hasGone {
            swap(&encoded, &sending)
            isSending = true
            return .send(sending.buffer)
        }
        if wantsInput, !isReceiving, decoded.count == 0, !hasEnded, receiveFailure == 0, !isClosing {
            (wantsInput, isReceiving) = (false, true)
            return .receive
        }
        if hasRoom {
            hasRoom = false
            return .outgoing
        }
        if hasInput {
            hasInput = false
            return .incoming
        }
        guard let body = close, hasGone, !isReceiving, !isFinishing else { return nil }
        close = nil
        return .close(body)
    }

    private func perform(_ step: Step) {
        switch step {
        case .send(var buffer):
            prepare(sendRequest) { _, request, flow in CodecFlow.of(flow) { $0.sent(request.pointee.status) } }
            _ = DirectLinks.send(slot, &buffer, 1, 0, sendRequest)
        case .receive:
            prepare(receiveRequest) { _, request, flow in
                CodecFlow.of(flow) { $0.received(request.pointee.status, Int(request.pointee.bytes)) }
            }
            var buffer = lamina_buffer(base: read, length: Self.readSize)
            _ = DirectLinks.receive(slot, &buffer, 1, 0, receiveRequest)
        case .finish(let flags):
            prepare(finishRequest) { _, _, flow in CodecFlow.of(flow) { $0.finished() } }
            _ = lamina_disconnect(slot, nil, 0, flags, finishRequest)
        case .outgoing: waker.outgoing()
        case .incoming: waker.incoming()
        case .close(let body): body()
        }
    }

    /// The flow stays until the request has ended.
    private func prepare(_ request: UnsafeMutablePointer<lamina_request>, _ ended: lamina_completion) {
        lamina_request_prepare(request, ended, Unmanaged.passRetained(self).toOpaque())
    }

    private static func of(_ context: UnsafeMutableRawPointer?, _ body: (CodecFlow) -> Void) -> lamina_status {
        guard let context else { return 0 }
        body(Unmanaged<CodecFlow>.fromOpaque(context).takeRetainedValue())
        return 0
    }

    private func sent(_ status: Int32) {
        lock.take()
        isSending = false
        sending.drop(sending.count)
        if status < 0 {
            if sendFailure == 0 { sendFailure = status }
            encoded.drop(encoded.count)
        }
        if wantsRoom { (wantsRoom, hasRoom) = (false, true) }
        runLocked()
    }

    private func received(_ status: Int32, _ count: Int) {
        lock.take()
        isReceiving = false
        if status < 0 {
            if receiveFailure == 0 { receiveFailure = status }
        } else {
            hasEnded = count == 0
            let bytes = UnsafeBufferPointer(start: read.assumingMemoryBound(to: UInt8.self), count: count)
            do throws(Failure) {
                try decode(bytes.span, isLast: count == 0, into: &decoded)
                if decoded.hasFailed { throw Failure(ENOMEM) }
            } catch { receiveFailure = -error.errno }
            // What came made nothing yet.
            if decoded.count == 0, !hasEnded, receiveFailure == 0 { wantsInput = true }
        }
        hasInput = true
        runLocked()
    }

    private func finished() {
        lock.take()
        isFinishing = false
        runLocked()
    }
}

extension Outgoing {
    /// The bytes of one buffer, one by one.
    @_lifetime(copy self)
    fileprivate func bytes(_ index: Int) -> Span<UInt8> {
        let (base, length) = (buffers[index].base, buffers[index].length)
        let bytes = UnsafeBufferPointer(
            start: base?.assumingMemoryBound(to: UInt8.self),
            count: base == nil ? 0 : length
        )
        return _overrideLifetime(bytes.span, copying: self)
    }
}
