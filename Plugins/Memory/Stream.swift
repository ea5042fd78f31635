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
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard let link = unsafe state.pointee.link else { return unsafe lamina_complete(slot, request, -ENOTCONN, 0) }
        // There is no urgent data; everything is transmitted at once.
        guard flags & ~UInt32(LAMINA_SEND_NO_DELAY) == 0 else {
            let isKnown = flags & ~UInt32(LAMINA_SEND_NO_DELAY | LAMINA_SEND_URGENT) == 0
            return unsafe lamina_complete(slot, request, isKnown ? -EOPNOTSUPP : -EINVAL, 0)
        }
        let side = unsafe state.pointee.side
        let lane = unsafe link.end(side).output
        guard unsafe lane.enter() else {
            return unsafe waitToSend(lane, slot, buffers, count, request, moved: 0, isInside: false)
        }
        let total = unsafe byteCount(buffers, count)
        var wakes = false
        let sent = unsafe link.send(side, buffers, Int(count), &wakes)
        guard sent == total else {
            if wakes { unsafe link.wakeInput(side.other) }
            if sent < 0 { return unsafe lane.leave(slot, request, Int32(sent), 0) }
            return unsafe waitToSend(lane, slot, buffers, count, request, moved: sent, isInside: true)
        }
        let status = unsafe lane.leave(slot, request, 0, UInt64(total))
        if wakes { unsafe link.wakeInput(side.other) }
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
        let operation = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_SEND,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: 0,
            moved: moved
        )
        return unsafe lane.submit(operation, slot, request, isInside: isInside)
    }

    static func receive(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard let link = unsafe state.pointee.link else { return unsafe lamina_complete(slot, request, -ENOTCONN, 0) }
        let total = unsafe byteCount(buffers, count)
        let side = unsafe state.pointee.side
        let lane = unsafe link.end(side).input
        guard flags == 0, total > 0, unsafe link.end(side).pointee.indicator == nil else {
            return unsafe slowReceive(lane, slot, buffers, count, flags, request)
        }
        guard unsafe lane.enter() else {
            return unsafe waitToReceive(lane, slot, buffers, count, 0, request, isInside: false)
        }
        var wakes = false
        let received = unsafe link.receive(side, buffers, Int(count), keeps: false, &wakes)
        if received == -Int(EAGAIN) {
            return unsafe waitToReceive(lane, slot, buffers, count, 0, request, isInside: true)
        }
        let status = unsafe lane.leave(slot, request, Int32(min(received, 0)), UInt64(max(received, 0)))
        if wakes { unsafe link.wakeOutput(side.other) }
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
        let operation = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        return unsafe lane.submit(operation, slot, request, isInside: isInside)
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
        let total = unsafe byteCount(buffers, count)
        guard StreamOperation.isReceive(flags, total) else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        if flags & UInt32(LAMINA_RECEIVE_URGENT) != 0 { return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        if total == 0, flags & UInt32(LAMINA_RECEIVE_DRAIN) == 0 { return unsafe lamina_complete(slot, request, 0, 0) }
        guard unsafe lane.enter() else {
            return unsafe waitToReceive(lane, slot, buffers, count, flags, request, isInside: false)
        }
        if unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0, unsafe !hasAll(slot, flags, total) {
            return unsafe lane.leave(slot, request, -EAGAIN, 0)
        }
        let made = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        guard let operation = unsafe made else { return unsafe lane.leave(slot, request, -ENOMEM, 0) }
        guard unsafe attempt(operation) == .ended else {
            return unsafe lane.submit(operation, slot, request, isInside: true)
        }
        let (status, moved) = unsafe (operation.pointee.status, operation.pointee.moved)
        unsafe operation.discard()
        return unsafe lane.leave(slot, request, status, moved)
    }

    /// Whether a receive that only tries can end at once: one that waits for all needs all, or the stream's end.
    private static func hasAll(_ slot: Slot, _ flags: UInt32, _ total: Int) -> Bool {
        guard let state = unsafe slot.state, let link = unsafe state.pointee.link else { return true }
        if flags & UInt32(LAMINA_RECEIVE_WAIT_ALL | LAMINA_RECEIVE_DRAIN) == 0 { return true }
        unsafe link.lock()
        defer { unsafe link.unlock() }
        let pipe = unsafe link.outgoing(state.pointee.side.other)
        if unsafe pipe.pointee.isEnded || link.end(state.pointee.side).pointee.failure != 0 { return true }
        let left = unsafe link.end(state.pointee.side).pointee.indicator?.remaining ?? 0
        return unsafe total > 0 && left + pipe.pointee.bytes.count >= total
    }

    /// Tries what waited.
    static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        guard let state = unsafe operation.pointee.slot.state, let link = unsafe state.pointee.link else {
            unsafe operation.pointee.status = -ENOTCONN
            return .ended
        }
        let side = unsafe state.pointee.side
        if unsafe operation.pointee.kind == UInt32(LAMINA_ENTRY_RECEIVE) {
            let keeps = unsafe operation.pointee.flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
            let indicator = unsafe link.end(side).pointee.indicator
            defer { if unsafe operation.pointee.moved > 0 { unsafe indicator?.resume() } }
            return unsafe StreamOperation.attemptReceive(operation, end: { Int32($0) }) { rest in
                guard let buffers = unsafe rest.buffers else { return 0 }
                if let left = unsafe indicator?.takeRemaining(buffers, rest.count, keeps: keeps), left > 0 {
                    return left
                }
                var wakes = false
                let received = unsafe link.receive(side, buffers, rest.count, keeps: keeps, &wakes)
                if wakes { unsafe link.wakeOutput(side.other) }
                return received
            }
        }
        let outcome = unsafe StreamOperation.attemptSend(operation) { rest in
            guard let buffers = unsafe rest.buffers else { return 0 }
            var wakes = false
            let sent = unsafe link.send(side, buffers, rest.count, &wakes)
            if wakes { unsafe link.wakeInput(side.other) }
            return sent == 0 ? -Int(EAGAIN) : sent
        }
        guard outcome == .ended, unsafe operation.pointee.kind == UInt32(LAMINA_ENTRY_DISCONNECT) else {
            return outcome
        }
        if unsafe operation.pointee.status == 0 {
            let isBoth = unsafe operation.pointee.flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0
            unsafe link.shut(side, sending: true, receiving: isBoth)
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
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard let link = unsafe state.pointee.link else { return unsafe lamina_complete(slot, request, -ENOTCONN, 0) }
        let known = LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE | LAMINA_DISCONNECT_KEEP_SENDING
        let hasData = unsafe byteCount(buffers, count) > 0
        let side = unsafe state.pointee.side
        guard flags & ~UInt32(known) == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE | LAMINA_DISCONNECT_RECEIVE) != 0 {
            unsafe link.end(side).pointee.indicator?.stopEnding()
        }
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 {
            guard !hasData else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
            unsafe link.reset(by: side)
            return unsafe lamina_complete(slot, request, 0, 0)
        }
        if flags & UInt32(LAMINA_DISCONNECT_KEEP_SENDING) != 0 {
            guard flags & UInt32(LAMINA_DISCONNECT_RECEIVE) != 0, !hasData else {
                return unsafe lamina_complete(slot, request, -EINVAL, 0)
            }
            unsafe link.shut(side, sending: false, receiving: true)
            return unsafe lamina_complete(slot, request, 0, 0)
        }
        let lane = unsafe link.end(side).output
        let made = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_DISCONNECT,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        guard let operation = unsafe made else { return unsafe lamina_complete(slot, request, -ENOMEM, 0) }
        guard unsafe lane.enter() else { return unsafe lane.submit(operation, slot, request, isInside: false) }
        guard unsafe attempt(operation) == .ended else {
            return unsafe lane.submit(operation, slot, request, isInside: true)
        }
        let (status, moved) = unsafe (operation.pointee.status, operation.pointee.moved)
        unsafe operation.discard()
        return unsafe lane.leave(slot, request, status, moved)
    }
}
