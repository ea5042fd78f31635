import CLamina
import Glibc

/// Send, receive and disconnect of a base in Swift.
enum BaseStream {
    private typealias Slot = UnsafeMutablePointer<lamina_slot>

    static func send(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard socket.marks.contains(.connected) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        // There is no urgent data; everything is transmitted at once.
        guard flags & ~UInt32(LAMINA_SEND_NO_DELAY) == 0 else {
            let isKnown = flags & ~UInt32(LAMINA_SEND_NO_DELAY | LAMINA_SEND_URGENT) == 0
            return lamina_complete(slot, request, isKnown ? -EOPNOTSUPP : -EINVAL, 0)
        }
        let lane = socket.output
        guard lane.enter() else { return waitToSend(lane, slot, buffers, count, request, moved: 0, isInside: false) }
        let total = byteCount(buffers, count)
        let sent = socket.put(buffers, Int(count))
        if sent == total { return lane.leave(slot, request, 0, UInt64(total)) }
        if sent < 0 { return lane.leave(slot, request, Int32(sent), 0) }
        return waitToSend(lane, slot, buffers, count, request, moved: sent, isInside: true)
    }

    @inline(never)
    private static func waitToSend(
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>,
        moved: Int,
        isInside: Bool
    ) -> lamina_status {
        let operation = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_SEND,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: 0,
            moved: moved
        )
        return lane.submit(operation, slot, request, isInside: isInside)
    }

    static func receive(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        let marks = socket.marks
        guard marks.contains(.connected) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        let total = byteCount(buffers, count)
        guard StreamOperation.isReceive(flags, total) else { return lamina_complete(slot, request, -EINVAL, 0) }
        if flags & UInt32(LAMINA_RECEIVE_URGENT) != 0 { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        let lane = socket.input
        if flags == 0, total > 0, !marks.contains(.indicates), lane.enter() {
            let received = socket.take(buffers, Int(count), keeps: false)
            guard received == -Int(EAGAIN) else {
                return lane.leave(slot, request, Int32(min(received, 0)), UInt64(max(received, 0)))
            }
            return waitToReceive(slot, buffers, count, flags, request, isInside: true)
        }
        return waitToReceive(slot, buffers, count, flags, request, isInside: false)
    }

    @inline(never)
    private static func waitToReceive(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>,
        isInside: Bool
    ) -> lamina_status {
        guard let lane = slot.base?.input else { return lamina_complete(slot, request, -EBADF, 0) }
        let made = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        guard !isInside, let operation = made, lane.enter() else {
            return lane.submit(made, slot, request, isInside: isInside)
        }
        if request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0, let socket = slot.base,
            !socket.hasAll(flags, byteCount(buffers, count))
        {
            operation.discard()
            return lane.leave(slot, request, -EAGAIN, 0)
        }
        return finish(operation, slot, request)
    }

    /// Tries an operation inside its lane, and completes it or lets it wait.
    private static func finish(
        _ operation: UnsafeMutablePointer<Operation>,
        _ slot: Slot,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let lane = operation.pointee.lane
        guard attempt(operation) == .ended else { return lane.submit(operation, slot, request, isInside: true) }
        let (status, moved) = (operation.pointee.status, operation.pointee.moved)
        operation.discard()
        return lane.leave(slot, request, status, moved)
    }

    /// Tries an operation that waited.
    static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        guard let socket = operation.pointee.slot.base else {
            operation.pointee.status = -ENOTCONN
            return .ended
        }
        if operation.pointee.kind == UInt32(LAMINA_ENTRY_RECEIVE) {
            let keeps = operation.pointee.flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
            let isIndicated = socket.marks.contains(.indicates)
            defer { if isIndicated, operation.pointee.moved > 0 { socket.resumeIndications() } }
            return StreamOperation.attemptReceive(operation, end: { Int32($0) }) { rest in
                guard let buffers = rest.buffers else { return 0 }
                return socket.take(buffers, rest.count, keeps: keeps)
            }
        }
        let outcome = StreamOperation.attemptSend(operation) { rest in
            guard let buffers = rest.buffers else { return 0 }
            let sent = socket.put(buffers, rest.count)
            return sent == 0 ? -Int(EAGAIN) : sent
        }
        guard outcome == .ended, operation.pointee.status == 0,
            operation.pointee.kind == UInt32(LAMINA_ENTRY_DISCONNECT)
        else { return outcome }
        let isBoth = operation.pointee.flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0
        operation.pointee.status = socket.end(isBoth ? [.sending, .receiving] : .sending)
        return .ended
    }

    static func disconnect(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard socket.marks.contains(.connected) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        let known = LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE | LAMINA_DISCONNECT_KEEP_SENDING
        let hasData = byteCount(buffers, count) > 0
        let (isAbortive, keepsSending) = (
            flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0, flags & UInt32(LAMINA_DISCONNECT_KEEP_SENDING) != 0
        )
        let endsReceiving = flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0
        guard flags & ~UInt32(known) == 0, !hasData || !isAbortive && !keepsSending,
            isAbortive || !keepsSending || endsReceiving
        else { return lamina_complete(slot, request, -EINVAL, 0) }
        if isAbortive || endsReceiving { socket.stopIndicatedEnd() }
        if isAbortive { return lamina_complete(slot, request, socket.reset(), 0) }
        if keepsSending { return lamina_complete(slot, request, socket.end(.receiving), 0) }
        let lane = socket.output
        let made = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_DISCONNECT,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        guard let operation = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        guard lane.enter() else { return lane.submit(operation, slot, request, isInside: false) }
        return finish(operation, slot, request)
    }
}

extension UnsafeMutablePointer<BaseSocket> {
    /// Gives bytes to the base: how many it took, or a negative errno where it took none. Inside the output lane.
    fileprivate func put(_ buffers: UnsafePointer<lamina_buffer>, _ count: Int) -> Int {
        let marks = marks
        if marks.contains(.reset) { return -Int(ECONNABORTED) }
        if marks.contains(.sendingEnded) { return -Int(EPIPE) }
        guard let type = own.sends else { return -Int(EOPNOTSUPP) }
        do throws(Failure) { return try type.put(self, Outgoing(buffers, UInt32(count))) } catch {
            return -Int(error.errno)
        }
    }

    /// Takes bytes from what was kept, and then from the base: how many, 0 at the stream's end, or a negative errno;
    /// -EAGAIN where nothing is there. Inside the input lane.
    func take(_ buffers: UnsafePointer<lamina_buffer>, _ count: Int, keeps: Bool) -> Int {
        let marks = marks
        if marks.contains(.indicates),
            let left = field(\.indicator).pointee?.takeRemaining(buffers, count, keeps: keeps),
            left > 0
        {
            return left
        }
        if marks.contains(.reset) { return -Int(ECONNABORTED) }
        if marks.contains(.receivingEnded) { return 0 }
        guard keeps else {
            let kept = field(\.kept).pointee.take(buffers, count, keeps: false)
            guard kept > 0 else { return takeNew(buffers, count) }
            if field(\.kept).pointee.count == 0 { unmark(.keeps) }
            return kept
        }
        let missing = byteCount(buffers, UInt32(count)) - field(\.kept).pointee.count
        let received = missing > 0 ? look(missing) : 0
        return field(\.kept).pointee.count > 0 ? field(\.kept).pointee.take(buffers, count, keeps: true) : received
    }

    /// Receives up to so many bytes, and keeps them behind what is kept: how many, or what `take` says. Inside the input lane.
    func look(_ count: Int) -> Int {
        guard var buffer = field(\.kept).pointee.room(count) else { return -Int(ENOMEM) }
        let received = takeNew(&buffer, 1)
        if received > 0 {
            field(\.kept).pointee.add(received)
            mark(.keeps)
        }
        return received
    }

    /// Whether a receive that only tries can end at once: one that waits for all needs all, or the stream's end. Inside the
    /// input lane.
    fileprivate func hasAll(_ flags: UInt32, _ total: Int) -> Bool {
        if flags & UInt32(LAMINA_RECEIVE_WAIT_ALL | LAMINA_RECEIVE_DRAIN) == 0 { return true }
        // A drain that isn't over after so many bytes isn't tried further.
        let needed = flags & UInt32(LAMINA_RECEIVE_DRAIN) != 0 ? 65_536 : total
        while true {
            let left = (field(\.indicator).pointee?.remaining ?? 0) + field(\.kept).pointee.count
            if left >= needed { return flags & UInt32(LAMINA_RECEIVE_DRAIN) == 0 }
            let received = look(needed - left)
            if received <= 0 { return received != -Int(EAGAIN) }
        }
    }

    private func takeNew(_ buffers: UnsafePointer<lamina_buffer>, _ count: Int) -> Int {
        guard let type = own.receives else { return -Int(EOPNOTSUPP) }
        // What comes from here on is told by the waker.
        unmark(.news)
        do throws(Failure) {
            let (moved, progress) = try type.take(self, buffers, count)
            guard moved == 0 else {
                hasNews()
                return moved
            }
            guard progress == .ended else { return -Int(EAGAIN) }
        } catch {
            hasNews()
            return -Int(error.errno)
        }
        hasNews()
        return 0
    }

    /// Ends directions: 0 or a negative errno.
    fileprivate func end(_ directions: StreamDirections) -> Int32 {
        guard !marks.contains(.reset) else { return -ECONNABORTED }
        guard let type = own.disconnects else { return -EOPNOTSUPP }
        do throws(Failure) { try type.end(self, directions) } catch { return -error.errno }
        if directions.contains(.sending) { mark(.sendingEnded) }
        if directions.contains(.receiving) {
            mark(.receivingEnded)
            input.wake()
        }
        return 0
    }

    func reset() -> Int32 {
        guard let type = own.disconnects else { return -EOPNOTSUPP }
        do throws(Failure) { try type.reset(self) } catch { return -error.errno }
        mark(.reset)
        input.wake()
        output.wake()
        return 0
    }
}

extension Sends where Self: ~Copyable {
    fileprivate static func put(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ data: Outgoing
    ) throws(Failure) -> Int {
        let taken = try socket.value(Self.self).pointee.send(data, socket.state(of: Self.self).pointee)
        return min(Swift.max(taken, 0), data.byteCount)
    }
}

extension Receives where Self: ~Copyable {
    fileprivate static func take(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: Int
    ) throws(Failure) -> (Int, StreamProgress) {
        var room = ReceiveRoom(buffers, count)
        let progress = try socket.value(Self.self).pointee.receive(into: &room, socket.state(of: Self.self).pointee)
        return (room.count, progress)
    }
}

extension Disconnects where Self: ~Copyable {
    fileprivate static func end(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ directions: StreamDirections
    ) throws(Failure) {
        try socket.value(Self.self).pointee.disconnect(directions, socket.state(of: Self.self).pointee)
    }

    fileprivate static func reset(_ socket: UnsafeMutablePointer<BaseSocket>) throws(Failure) {
        try socket.value(Self.self).pointee.reset(socket.state(of: Self.self).pointee)
    }
}
