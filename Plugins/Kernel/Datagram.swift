import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Sends and receives datagrams, one or many by one system call. A datagram leaves whole, so a send of one needs no turn
/// in the lane while nothing waits there.
enum Datagram {
    @inline(__always)
    static func sendTo(
        _ slot: Slot,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        if unsafe state.output.isFree {
            let sent = unsafe send(state, message)
            if sent >= 0 { return unsafe lamina_complete(slot, request, 0, UInt64(sent)) }
            if sent != -Int(EAGAIN) { return unsafe lamina_complete(slot, request, Int32(sent), 0) }
        }
        return unsafe wait(slot, state, message, nil, 1, request)
    }

    static func sendMessages(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        let lane = unsafe state.output
        guard unsafe lane.enter() else { return unsafe wait(slot, state, messages, messages, Int(count), request) }
        var batch = unsafe DatagramBatch(state, messages, messages, count: Int(count), flags: Stream.noSignal)
        let status = unsafe batch.send()
        guard status == -EAGAIN else { return unsafe lane.leave(slot, request, status, batch.bytes) }
        if unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
            return unsafe lane.leave(slot, request, batch.done > 0 ? 0 : -EAGAIN, batch.bytes)
        }
        let operation = unsafe makeSend(slot, state, messages, messages, Int(count), request)
        unsafe operation?.pointee.messagesDone = batch.done
        unsafe operation?.pointee.moved = batch.bytes
        return unsafe lane.submit(operation, slot, request, isInside: true)
    }

    /// Sends through an operation.
    @inline(never)
    private static func wait(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>?,
        _ count: Int,
        _ request: Request
    ) -> lamina_status {
        unsafe run(makeSend(slot, state, messages, results, count, request), state.output, slot, request) {
            unsafe attemptSend($0, state)
        }
    }

    private static func makeSend(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>?,
        _ count: Int,
        _ request: Request
    ) -> UnsafeMutablePointer<Operation>? {
        let made = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_SEND_MESSAGES,
            state.output,
            slot,
            request,
            messages: messages,
            results: results,
            count: count,
            flags: 0,
            isSend: true
        )
        guard let made = unsafe made, unsafe !mustRetry(made) else { return unsafe made }
        return unsafe Lanes.drive(made, state, POLLOUT)
    }

    /// Whether only a further attempt shows that the operation can go on: the kernel doesn't tell when a Unix socket is
    /// no longer full that the sender isn't connected to.
    static func mustRetry(_ operation: UnsafeMutablePointer<Operation>) -> Bool {
        guard unsafe operation.pointee.lane.state.pointee.family == AF_UNIX else { return false }
        let (done, count) = unsafe (operation.pointee.messagesDone, operation.pointee.messageCount)
        return unsafe done < count && operation.pointee.messages?[done].address != nil
    }

    private static func run(
        _ made: UnsafeMutablePointer<Operation>?,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ request: Request,
        _ attempt: (UnsafeMutablePointer<Operation>) -> Outcome
    ) -> lamina_status {
        guard let operation = unsafe made else { return unsafe lamina_complete(slot, request, -ENOMEM, 0) }
        guard unsafe lane.enter() else { return unsafe lane.submit(operation, slot, request, isInside: false) }
        guard unsafe attempt(operation) == .ended else {
            return unsafe lane.submit(operation, slot, request, isInside: true)
        }
        let (status, moved) = unsafe (operation.pointee.status, operation.pointee.moved)
        unsafe operation.dispose()
        return unsafe lane.leave(slot, request, status, moved)
    }

    /// One datagram: the bytes sent, or a negative errno.
    @inline(__always)
    private static func send(_ state: UnsafeMutablePointer<SocketState>, _ message: UnsafePointer<lamina_message>)
        -> Int
    {
        unsafe state.withSendTo { destination in
            var header = unsafe msghdr()
            if let status = unsafe fill(&header, message, destination) { return Int(status) }
            var sent: Int
            repeat {
                sent = unsafe clinux_raw_send_message(state.pointee.descriptor, &header, Stream.noSignal)
            } while sent == -Int(EINTR)
            return sent
        }
    }

    /// Fills in what to send, to `destination` where the message names none. Not nil: the message can't be sent.
    @inline(__always)
    static func fill(
        _ header: inout msghdr,
        _ message: UnsafePointer<lamina_message>,
        _ destination: UnsafeMutablePointer<lamina_address>?
    ) -> Int32? {
        unsafe header = Stream.header(message.pointee.buffers, Int(message.pointee.buffer_count))
        guard unsafe Int(message.pointee.buffer_count) <= Stream.longestVector else { return -EMSGSIZE }
        let named = unsafe message.pointee.address
        if let address = unsafe named == nil || named?.pointee.form == UInt16(LAMINA_ADDRESS_NONE) ? destination : named
        {
            switch unsafe Int(address.pointee.form) {
            case LAMINA_ADDRESS_SOCKET:
                unsafe header.msg_name = address.bytes
                unsafe header.msg_namelen = address.pointee.length
            // Names are resolved by whoever opens a conversation, not for each datagram.
            default: return -EAFNOSUPPORT
            }
        }
        unsafe header.msg_control = message.pointee.control
        unsafe header.msg_controllen = message.pointee.control_length
        return nil
    }

    static func attemptSend(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard let messages = unsafe operation.pointee.messages else { return .ended }
        var batch = unsafe DatagramBatch(
            state,
            messages,
            operation.pointee.results,
            count: operation.pointee.messageCount,
            done: operation.pointee.messagesDone,
            flags: Stream.noSignal
        )
        let status = unsafe batch.send()
        unsafe operation.pointee.messagesDone = batch.done
        unsafe operation.pointee.moved += batch.bytes
        if status == -EAGAIN {
            unsafe Reports.collect(state)
            return .blocked
        }
        unsafe operation.pointee.status = status
        return .ended
    }

    @inline(__always)
    static func receiveFrom(
        _ slot: Slot,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0 else {
            guard flags == UInt32(LAMINA_RECEIVE_REPORTS) else {
                return unsafe lamina_complete(slot, request, -EINVAL, 0)
            }
            let received = unsafe Reports.receive(state, message)
            return unsafe lamina_complete(slot, request, Int32(min(received, 0)), UInt64(max(received, 0)))
        }
        let lane = unsafe state.input
        guard unsafe lane.enter() else {
            return unsafe wait(slot, state, message, 1, LAMINA_ENTRY_RECEIVE_FROM, flags, request)
        }
        let received = unsafe receive(state, message, callFlags(flags))
        if received >= 0 {
            unsafe state.pointee.indicator?.resume()
            return unsafe lane.leave(slot, request, 0, UInt64(received))
        }
        let isTry = unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        guard received == -Int(EAGAIN), !isTry else { return unsafe lane.leave(slot, request, Int32(received), 0) }
        unsafe Reports.collect(state)
        let operation = unsafe makeReceive(slot, state, message, 1, LAMINA_ENTRY_RECEIVE_FROM, flags, request)
        return unsafe lane.submit(operation, slot, request, isInside: true)
    }

    static func receiveMessages(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0, count > 0 else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        let lane = unsafe state.input
        guard unsafe lane.enter() else {
            return unsafe wait(slot, state, messages, Int(count), LAMINA_ENTRY_RECEIVE_MESSAGES, flags, request)
        }
        var batch = unsafe DatagramBatch(state, messages, messages, count: Int(count), flags: callFlags(flags))
        let status = unsafe batch.receive()
        if status == 0 { unsafe state.pointee.indicator?.resume() }
        let isTry = unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        guard status == -EAGAIN, !isTry else { return unsafe lane.leave(slot, request, status, UInt64(batch.done)) }
        let operation = unsafe makeReceive(
            slot,
            state,
            messages,
            Int(count),
            LAMINA_ENTRY_RECEIVE_MESSAGES,
            flags,
            request
        )
        return unsafe lane.submit(operation, slot, request, isInside: true)
    }

    /// Receives through an operation.
    @inline(never)
    private static func wait(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        unsafe run(makeReceive(slot, state, messages, count, kind, flags, request), state.input, slot, request) {
            unsafe attemptReceive($0, state)
        }
    }

    private static func makeReceive(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ request: Request
    ) -> UnsafeMutablePointer<Operation>? {
        let made = unsafe UnsafeMutablePointer<Operation>.make(
            kind,
            state.input,
            slot,
            request,
            messages: messages,
            results: messages,
            count: count,
            flags: flags,
            isSend: false
        )
        return unsafe Lanes.drive(made, state, POLLIN)
    }

    /// One datagram into `message`: the bytes received, or a negative errno. `flags` are the system call's.
    @inline(__always)
    static func receive(
        _ state: UnsafeMutablePointer<SocketState>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: Int32
    ) -> Int {
        var header = unsafe room(message)
        func take() -> Int {
            while true {
                let received = unsafe clinux_raw_receive_message(state.pointee.descriptor, &header, flags)
                if received != -Int(EINTR) { return received }
            }
        }
        // What is only looked at stays, and reports stand elsewhere.
        let received = unsafe flags == 0 ? state.reading(nil, take) : take()
        if received >= 0 { unsafe finish(message, header, received) }
        return received
    }

    @inline(__always)
    private static func callFlags(_ flags: UInt32) -> Int32 {
        flags & UInt32(LAMINA_RECEIVE_PEEK) != 0 ? Stream.peek : 0
    }

    /// Where a datagram that comes is to go.
    @inline(__always)
    static func room(_ message: UnsafePointer<lamina_message>) -> msghdr {
        var header = unsafe Stream.header(message.pointee.buffers, Int(message.pointee.buffer_count))
        if let address = unsafe message.pointee.address {
            unsafe header.msg_name = address.bytes
            unsafe header.msg_namelen = UnsafeMutablePointer<lamina_address>.capacity
        }
        unsafe header.msg_control = message.pointee.control
        unsafe header.msg_controllen = message.pointee.control == nil ? 0 : message.pointee.control_length
        return unsafe header
    }

    /// Writes what came with a datagram of `length` bytes.
    @inline(__always)
    static func finish(_ message: UnsafeMutablePointer<lamina_message>, _ header: msghdr, _ length: Int) {
        unsafe message.pointee.address?.finish(header.msg_namelen)
        unsafe message.pointee.control_length = header.msg_controllen
        var marks: UInt32 = 0
        if unsafe header.msg_flags & Int32(MSG_TRUNC) != 0 { marks |= UInt32(LAMINA_MESSAGE_TRUNCATED) }
        if unsafe header.msg_flags & Int32(MSG_CTRUNC) != 0 { marks |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) }
        if unsafe header.msg_controllen > 0 {
            unsafe marks |= PacketInfo.marks(message.pointee.control, message.pointee.control_length)
        }
        unsafe message.pointee.flags = marks
        unsafe message.pointee.bytes = UInt64(length)
    }

    /// Receives what is there, up to the operation's messages: at least one.
    static func attemptReceive(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard let messages = unsafe operation.pointee.messages, let results = unsafe operation.pointee.results else {
            return .ended
        }
        var batch = unsafe DatagramBatch(
            state,
            messages,
            results,
            count: operation.pointee.messageCount,
            flags: callFlags(operation.pointee.flags)
        )
        let status = unsafe batch.receive()
        if status == -EAGAIN {
            unsafe Reports.collect(state)
            return .blocked
        }
        if status == 0 { unsafe state.pointee.indicator?.resume() }
        unsafe operation.pointee.status = status
        unsafe operation.pointee.messagesDone = batch.done
        let isOne = unsafe operation.pointee.kind == UInt32(LAMINA_ENTRY_RECEIVE_FROM)
        unsafe operation.pointee.moved = isOne ? batch.bytes : UInt64(batch.done)
        return .ended
    }
}
