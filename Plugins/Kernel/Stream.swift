import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Send and receive on a connection.
enum Stream {
    static let noSignal = Int32(MSG_NOSIGNAL)
    static let urgent = Int32(MSG_OOB)
    static let peek = Int32(MSG_PEEK)
    /// The most buffers that one system call takes.
    static let longestVector = 1024

    @inline(__always)
    static func send(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0, unsafe state.output.enter() else {
            return unsafe slowSend(slot, state, buffers, count, flags, request)
        }
        let total = unsafe byteCount(buffers, count)
        let sent = unsafe transmit(state.pointee.descriptor, buffers, Int(count), total, 0)
        if sent == total { return unsafe state.output.leave(slot, request, 0, UInt64(total)) }
        return unsafe interruptedSend(slot, state, buffers, count, flags, request, sent)
    }

    /// One system call, again where a signal interrupted it.
    @inline(__always)
    static func transmit(
        _ descriptor: Int32,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: Int,
        _ total: Int,
        _ flags: Int32
    ) -> Int {
        guard let buffers = unsafe buffers, total > 0 else { return 0 }
        var sent: Int
        repeat {
            if count == 1 {
                sent = unsafe clinux_raw_send(descriptor, buffers.pointee.base, total, flags | noSignal)
            } else {
                var message = unsafe header(buffers, count)
                sent = unsafe clinux_raw_send_message(descriptor, &message, flags | noSignal)
            }
        } while sent == -Int(EINTR)
        return sent
    }

    /// `struct iovec` and `lamina_buffer` have one layout.
    @inline(__always)
    static func header(_ buffers: UnsafePointer<lamina_buffer>?, _ count: Int) -> msghdr {
        var message = unsafe msghdr()
        unsafe message.msg_iov = UnsafeMutableRawPointer(mutating: buffers)?.assumingMemoryBound(to: iovec.self)
        unsafe message.msg_iovlen = min(count, longestVector)
        return unsafe message
    }

    /// The send has flags, or must wait for its turn.
    @inline(never)
    private static func slowSend(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard flags & ~UInt32(LAMINA_SEND_URGENT | LAMINA_SEND_NO_DELAY) == 0 else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        if flags & UInt32(LAMINA_SEND_NO_DELAY) != 0 { unsafe state.sendWithoutDelay() }
        let lane = unsafe state.output
        guard unsafe lane.enter() else {
            let operation = unsafe UnsafeMutablePointer<Operation>.make(
                LAMINA_ENTRY_SEND,
                lane,
                slot,
                request,
                buffers: buffers,
                count: count,
                flags: flags
            )
            return unsafe lane.submit(Lanes.drive(operation, state, POLLOUT), slot, request, isInside: false)
        }
        let total = unsafe byteCount(buffers, count)
        let sent = unsafe transmit(state.pointee.descriptor, buffers, Int(count), total, messageFlags(flags))
        if sent == total { return unsafe lane.leave(slot, request, 0, UInt64(total)) }
        return unsafe interruptedSend(slot, state, buffers, count, flags, request, sent)
    }

    private static func messageFlags(_ flags: UInt32) -> Int32 {
        flags & UInt32(LAMINA_SEND_URGENT) != 0 ? urgent : 0
    }

    /// The first attempt, inside the lane, didn't send everything: `sent` bytes, or a negative errno.
    @inline(never)
    private static func interruptedSend(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request,
        _ sent: Int
    ) -> lamina_status {
        let lane = unsafe state.output
        if sent < 0, sent != -Int(EAGAIN) { return unsafe lane.leave(slot, request, Int32(sent), 0) }
        let moved = max(sent, 0)
        if unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
            return unsafe lane.leave(slot, request, moved > 0 ? 0 : -EAGAIN, UInt64(moved))
        }
        let operation = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_SEND,
            lane,
            slot,
            request,
            buffers: buffers,
            count: count,
            flags: flags,
            moved: moved
        )
        // A part may have been sent for another reason than a full buffer, which no edge would tell of.
        if let operation = unsafe Lanes.drive(operation, state, POLLOUT), unsafe !operation.pointee.isDriven, moved > 0,
            unsafe attemptSend(operation, state) == .ended
        {
            let (status, moved) = unsafe (operation.pointee.status, operation.pointee.moved)
            unsafe operation.discard()
            return unsafe lane.leave(slot, request, status, moved)
        }
        return unsafe lane.submit(operation, slot, request, isInside: true)
    }

    /// Sends what is left of an operation.
    static func attemptSend(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        let flags = unsafe messageFlags(operation.pointee.flags)
        return unsafe StreamOperation.attemptSend(operation) { rest in
            unsafe transmit(
                state.pointee.descriptor,
                rest.buffers.map { unsafe UnsafePointer($0) },
                rest.count,
                rest.bytes,
                flags
            )
        }
    }
}
