import CLamina
import CLinux
import Glibc
import LaminaProvider

extension Stream {
    @inline(__always)
    static func receive(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let total = unsafe byteCount(buffers, count)
        guard flags == 0, total > 0, unsafe state.pointee.indicator == nil, unsafe state.input.enter() else {
            return unsafe slowReceive(slot, state, buffers, count, flags, request)
        }
        let isWaited = unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_WAITED) != 0
        let received =
            unsafe isWaited && state.expectsToWait
            ? -Int(EAGAIN)
            : state.reading(total) { unsafe take(state.pointee.descriptor, buffers, Int(count), total, 0) }
        if received > 0 {
            if isWaited { unsafe state.pointee.misses = 0 }
            return unsafe state.input.leave(slot, request, 0, UInt64(received))
        }
        return unsafe emptyReceive(slot, state, buffers, count, flags, request, received)
    }

    /// One system call, again where a signal interrupted it.
    @inline(__always)
    static func take(
        _ descriptor: Int32,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: Int,
        _ total: Int,
        _ flags: Int32
    ) -> Int {
        guard let buffers = unsafe buffers else { return 0 }
        var received: Int
        repeat {
            if count == 1 {
                received = unsafe clinux_raw_receive(descriptor, buffers.pointee.base, total, flags)
            } else {
                var message = unsafe header(buffers, count)
                received = unsafe clinux_raw_receive_message(descriptor, &message, flags)
            }
        } while received == -Int(EINTR)
        return received
    }

    /// The receive has flags or no room, or must wait for its turn.
    @inline(never)
    private static func slowReceive(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        let total = unsafe byteCount(buffers, count)
        guard StreamOperation.isReceive(flags, total) else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        if total == 0, flags & UInt32(LAMINA_RECEIVE_DRAIN) == 0 { return unsafe lamina_complete(slot, request, 0, 0) }
        let lane = unsafe state.input
        guard unsafe lane.enter() else {
            if unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
                return unsafe lamina_complete(slot, request, -EAGAIN, 0)
            }
            return unsafe lane.submit(
                make(slot, state, buffers, count, flags, request),
                slot,
                request,
                isInside: false
            )
        }
        let isTry = unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        if isTry, unsafe !hasAll(state, buffers, count, flags, total) {
            return unsafe lane.leave(slot, request, -EAGAIN, 0)
        }
        guard let operation = unsafe make(slot, state, buffers, count, flags, request) else {
            return unsafe lane.leave(slot, request, -ENOMEM, 0)
        }
        if unsafe attemptReceive(operation, state) == .blocked {
            return unsafe lane.submit(operation, slot, request, isInside: true)
        }
        let (status, moved) = unsafe (operation.pointee.status, operation.pointee.moved)
        unsafe operation.discard()
        return unsafe lane.leave(slot, request, status, moved)
    }

    private static func make(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> UnsafeMutablePointer<Operation>? {
        let operation = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_RECEIVE,
            state.input,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags
        )
        return unsafe Lanes.drive(operation, state, POLLIN)
    }

    /// Whether a receive that only tries can end at once: one that waits for all needs all, or the stream's end.
    private static func hasAll(
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ total: Int
    ) -> Bool {
        if unsafe flags & UInt32(LAMINA_RECEIVE_WAIT_ALL | LAMINA_RECEIVE_DRAIN) == 0 || state.mayHaveEnded {
            return true
        }
        // Of the bytes that stand before the kernel's, as many are needed less.
        let needed = unsafe total - (state.pointee.indicator?.remaining ?? 0)
        guard total > 0, needed > 0 else { return total > 0 }
        return unsafe take(state.pointee.descriptor, buffers, Int(count), needed, peek) >= needed
    }

    /// The first attempt, inside the lane, brought nothing: 0, or a negative errno.
    @inline(never)
    private static func emptyReceive(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request,
        _ received: Int
    ) -> lamina_status {
        let lane = unsafe state.input
        guard received == -Int(EAGAIN) else {
            return unsafe lane.leave(slot, request, state.endStatus(received), 0)
        }
        if unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
            return unsafe lane.leave(slot, request, -EAGAIN, 0)
        }
        unsafe state.field(\.misses).pointee &+= 1
        return unsafe lane.submit(make(slot, state, buffers, count, flags, request), slot, request, isInside: true)
    }

    /// Receives for an operation.
    static func attemptReceive(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        let flags = unsafe operation.pointee.flags
        var messageFlags: Int32 = 0
        if flags & UInt32(LAMINA_RECEIVE_URGENT) != 0 { messageFlags |= urgent }
        let isPeek = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
        if isPeek { messageFlags |= peek }
        let indicator = unsafe state.pointee.indicator
        defer { if unsafe operation.pointee.moved > 0 { unsafe indicator?.resume() } }
        return unsafe StreamOperation.attemptReceive(operation, end: { unsafe state.endStatus($0) }) { rest in
            if let indicator = unsafe indicator, messageFlags & urgent == 0 {
                let left = unsafe indicator.takeRemaining(rest.buffers, rest.count, keeps: isPeek)
                if left > 0 { return left }
            }
            func take() -> Int {
                unsafe Stream.take(
                    state.pointee.descriptor,
                    rest.buffers.map { unsafe UnsafePointer($0) },
                    rest.count,
                    rest.bytes,
                    messageFlags
                )
            }
            // What is looked at stays, and urgent data stand elsewhere.
            return unsafe messageFlags == 0 ? state.reading(rest.bytes, take) : take()
        }
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Whether a waiting thread polls before it tries: the last receives found nothing. Now and then it tries first
    /// all the same. Inside the input lane.
    @inline(__always)
    var expectsToWait: Bool { unsafe pointee.misses >= 4 && pointee.misses & 15 != 0 }

    /// What a receive ends with that got `received`, 0 or a negative errno. The kernel tells an error once and a
    /// graceful end afterwards; here it stays an error.
    func endStatus(_ received: Int) -> Int32 {
        switch Int32(received) {
        case 0:
            return unsafe pointee.broken
        case -ECONNRESET, -ETIMEDOUT, -EPIPE, -EHOSTUNREACH, -ENETUNREACH, -ECONNABORTED:
            if unsafe pointee.broken == 0 { unsafe pointee.broken = Int32(received) }
            return Int32(received)
        case -ENOTCONN where unsafe pointee.broken != 0:
            return unsafe pointee.broken
        default:
            return Int32(received)
        }
    }
}
