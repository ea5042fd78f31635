import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Send, receive and disconnect on a connection.
enum Stream {
    static func send(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let link = state.pointee.link else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        // There is no urgent data; everything is transmitted at once.
        guard flags & ~UInt32(LAMINA_SEND_NO_DELAY) == 0 else {
            let isKnown = flags & ~UInt32(LAMINA_SEND_NO_DELAY | LAMINA_SEND_URGENT) == 0
            return lamina_complete(slot, request, isKnown ? -EOPNOTSUPP : -EINVAL, 0)
        }
        let side = state.pointee.side
        let lane = link.end(side).output
        guard lane.enter() else { return waitToSend(lane, slot, buffers, count, request, moved: 0, isInside: false) }
        let total = byteCount(buffers, count)
        var wakes = false
        let sent = link.send(side, buffers, Int(count), &wakes)
        guard sent == total else {
            if wakes { link.wakeInput(side.other) }
            if sent < 0 { return lane.leave(slot, request, Int32(sent), 0) }
            return waitToSend(lane, slot, buffers, count, request, moved: sent, isInside: true)
        }
        let status = lane.leave(slot, request, 0, UInt64(total))
        if wakes { link.wakeInput(side.other) }
        return status
    }

    @inline(never)
    private static func waitToSend(
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ request: Request,
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
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let link = state.pointee.link else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        let total = byteCount(buffers, count)
        let side = state.pointee.side
        let lane = link.end(side).input
        guard flags == 0, total > 0, link.end(side).pointee.indicator == nil else {
            return slowReceive(lane, slot, buffers, count, flags, request)
        }
        guard lane.enter() else {
            return waitToReceive(lane, slot, buffers, count, 0, request, isInside: false)
        }
        var wakes = false
        let received = link.receive(side, buffers, Int(count), keeps: false, &wakes)
        if received == -Int(EAGAIN) {
            return waitToReceive(lane, slot, buffers, count, 0, request, isInside: true)
        }
        let status = lane.leave(slot, request, Int32(min(received, 0)), UInt64(max(received, 0)))
        if wakes { link.wakeOutput(side.other) }
        return status
    }

    @inline(never)
    private static func waitToReceive(
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request,
        isInside: Bool
    ) -> lamina_status {
        let operation = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        return lane.submit(operation, slot, request, isInside: isInside)
    }

    /// The receive has flags or no room.
    @inline(never)
    private static func slowReceive(
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        let total = byteCount(buffers, count)
        guard StreamOperation.isReceive(flags, total) else { return lamina_complete(slot, request, -EINVAL, 0) }
        if flags & UInt32(LAMINA_RECEIVE_URGENT) != 0 { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        if total == 0, flags & UInt32(LAMINA_RECEIVE_DRAIN) == 0 { return lamina_complete(slot, request, 0, 0) }
        guard lane.enter() else {
            return waitToReceive(lane, slot, buffers, count, flags, request, isInside: false)
        }
        if request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0, !hasAll(slot, flags, total) {
            return lane.leave(slot, request, -EAGAIN, 0)
        }
        let made = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        guard let operation = made else { return lane.leave(slot, request, -ENOMEM, 0) }
        guard attempt(operation) == .ended else { return lane.submit(operation, slot, request, isInside: true) }
        let (status, moved) = (operation.pointee.status, operation.pointee.moved)
        operation.discard()
        return lane.leave(slot, request, status, moved)
    }

    /// Whether a receive that only tries can end at once: one that waits for all needs all, or the stream's end.
    private static func hasAll(_ slot: Slot, _ flags: UInt32, _ total: Int) -> Bool {
        guard let state = slot.state, let link = state.pointee.link else { return true }
        if flags & UInt32(LAMINA_RECEIVE_WAIT_ALL | LAMINA_RECEIVE_DRAIN) == 0 { return true }
        link.lock()
        defer { link.unlock() }
        let pipe = link.outgoing(state.pointee.side.other)
        if pipe.pointee.isEnded || link.end(state.pointee.side).pointee.failure != 0 { return true }
        let left = link.end(state.pointee.side).pointee.indicator?.remaining ?? 0
        return total > 0 && left + pipe.pointee.bytes.count >= total
    }

    /// Tries what waited.
    static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        guard let state = operation.pointee.slot.state, let link = state.pointee.link else {
            operation.pointee.status = -ENOTCONN
            return .ended
        }
        let side = state.pointee.side
        if operation.pointee.kind == UInt32(LAMINA_ENTRY_RECEIVE) {
            let keeps = operation.pointee.flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
            let indicator = link.end(side).pointee.indicator
            defer { if operation.pointee.moved > 0 { indicator?.resume() } }
            return StreamOperation.attemptReceive(operation, end: { Int32($0) }) { rest in
                guard let buffers = rest.buffers else { return 0 }
                if let left = indicator?.takeRemaining(buffers, rest.count, keeps: keeps), left > 0 { return left }
                var wakes = false
                let received = link.receive(side, buffers, rest.count, keeps: keeps, &wakes)
                if wakes { link.wakeOutput(side.other) }
                return received
            }
        }
        let outcome = StreamOperation.attemptSend(operation) { rest in
            guard let buffers = rest.buffers else { return 0 }
            var wakes = false
            let sent = link.send(side, buffers, rest.count, &wakes)
            if wakes { link.wakeInput(side.other) }
            return sent == 0 ? -Int(EAGAIN) : sent
        }
        guard outcome == .ended, operation.pointee.kind == UInt32(LAMINA_ENTRY_DISCONNECT) else { return outcome }
        if operation.pointee.status == 0 {
            let isBoth = operation.pointee.flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0
            link.shut(side, sending: true, receiving: isBoth)
        }
        return .ended
    }

    static func disconnect(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let link = state.pointee.link else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        let known = LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE | LAMINA_DISCONNECT_KEEP_SENDING
        let hasData = byteCount(buffers, count) > 0
        let side = state.pointee.side
        guard flags & ~UInt32(known) == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE) != 0 {
            link.end(side).pointee.indicator?.stopEnding()
        }
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 {
            guard !hasData else { return lamina_complete(slot, request, -EINVAL, 0) }
            link.reset(by: side)
            return lamina_complete(slot, request, 0, 0)
        }
        if flags & UInt32(LAMINA_DISCONNECT_KEEP_SENDING) != 0 {
            guard flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0, !hasData else {
                return lamina_complete(slot, request, -EINVAL, 0)
            }
            link.shut(side, sending: false, receiving: true)
            return lamina_complete(slot, request, 0, 0)
        }
        let lane = link.end(side).output
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
        guard attempt(operation) == .ended else { return lane.submit(operation, slot, request, isInside: true) }
        let (status, moved) = (operation.pointee.status, operation.pointee.moved)
        operation.discard()
        return lane.leave(slot, request, status, moved)
    }
}
