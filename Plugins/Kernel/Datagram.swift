import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Sends and receives datagrams, one or many by one system call. A datagram leaves and comes whole, so a call needs no
/// turn in the lane while nothing waits there.
enum Datagram {
    /// The most datagrams of one system call.
    private static let batch = 32

    @inline(__always)
    static func sendTo(
        _ slot: Slot,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        if state.output.isFree {
            let sent = send(state, message)
            if sent >= 0 { return lamina_complete(slot, request, 0, UInt64(sent)) }
            if sent != -Int(EAGAIN) { return lamina_complete(slot, request, Int32(sent), 0) }
        }
        return wait(slot, state, message, nil, 1, request)
    }

    static func sendMessages(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        guard count > 0 else { return lamina_complete(slot, request, 0, 0) }
        return wait(slot, state, messages, messages, Int(count), request)
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
        let lane = state.output
        let made = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_SEND_MESSAGES,
            lane,
            slot,
            request,
            messages: messages,
            results: results,
            count: count,
            flags: 0,
            isSend: true
        )
        return run(Lanes.drive(made, state, POLLOUT), lane, slot, request) { attemptSend($0, state) }
    }

    private static func run(
        _ made: UnsafeMutablePointer<Operation>?,
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ request: Request,
        _ attempt: (UnsafeMutablePointer<Operation>) -> Outcome
    ) -> lamina_status {
        guard let operation = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        guard lane.enter() else { return lane.submit(operation, slot, request, isInside: false) }
        guard attempt(operation) == .ended else { return lane.submit(operation, slot, request, isInside: true) }
        let (status, moved) = (operation.pointee.status, operation.pointee.moved)
        operation.dispose()
        return lane.leave(slot, request, status, moved)
    }

    /// One datagram: the bytes sent, or a negative errno.
    @inline(__always)
    private static func send(_ state: UnsafeMutablePointer<SocketState>, _ message: UnsafePointer<lamina_message>)
        -> Int
    {
        var header = msghdr()
        if let status = fill(&header, message) { return Int(status) }
        var sent: Int
        repeat {
            sent = clinux_raw_send_message(state.pointee.descriptor, &header, Stream.noSignal)
        } while sent == -Int(EINTR)
        return sent
    }

    /// Fills in what to send. Not nil: the message can't be sent.
    @inline(__always)
    private static func fill(_ header: inout msghdr, _ message: UnsafePointer<lamina_message>) -> Int32? {
        header = Stream.header(message.pointee.buffers, Int(message.pointee.buffer_count))
        guard Int(message.pointee.buffer_count) <= Stream.longestVector else { return -EMSGSIZE }
        if let address = message.pointee.address {
            // Names are resolved by whoever opens a conversation, not for each datagram.
            guard address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return -EAFNOSUPPORT }
            header.msg_name = address.bytes
            header.msg_namelen = address.pointee.length
        }
        header.msg_control = message.pointee.control
        header.msg_controllen = message.pointee.control_length
        return nil
    }

    static func attemptSend(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard let messages = operation.pointee.messages else { return .ended }
        return withUnsafeTemporaryAllocation(of: clinux_message.self, capacity: batch) { headers in
            while operation.pointee.messagesDone < operation.pointee.messageCount {
                let done = operation.pointee.messagesDone
                var count = 0
                while count < batch, done + count < operation.pointee.messageCount {
                    headers[count] = clinux_message()
                    if let status = fill(&headers[count].header, messages + done + count) {
                        if count > 0 { break }
                        operation.pointee.status = status
                        return .ended
                    }
                    count += 1
                }
                guard let first = headers.baseAddress else { return .ended }
                let sent = clinux_raw_send_messages(state.pointee.descriptor, first, UInt32(count), Stream.noSignal)
                if sent == -EINTR { continue }
                if sent == -EAGAIN { return .blocked }
                guard sent > 0 else {
                    operation.pointee.status = sent
                    return .ended
                }
                for index in 0..<Int(sent) {
                    operation.pointee.moved += UInt64(headers[index].length)
                    operation.pointee.results?[done + index].bytes = UInt64(headers[index].length)
                }
                operation.pointee.messagesDone += Int(sent)
            }
            return .ended
        }
    }

    @inline(__always)
    static func receiveFrom(
        _ slot: Slot,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        if state.input.isFree {
            let received = receive(state, message.pointee.buffers, message, flags)
            if received >= 0 {
                state.pointee.indicator?.resume()
                return lamina_complete(slot, request, 0, UInt64(received))
            }
            if received != -Int(EAGAIN) { return lamina_complete(slot, request, Int32(received), 0) }
        }
        return wait(slot, state, message, 1, LAMINA_ENTRY_RECEIVE_FROM, flags, request)
    }

    static func receiveMessages(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0, count > 0 else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        return wait(slot, state, messages, Int(count), LAMINA_ENTRY_RECEIVE_MESSAGES, flags, request)
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
        let lane = state.input
        let made = UnsafeMutablePointer<Operation>.make(
            kind,
            lane,
            slot,
            request,
            messages: messages,
            results: messages,
            count: count,
            flags: flags,
            isSend: false
        )
        return run(Lanes.drive(made, state, POLLIN), lane, slot, request) { attemptReceive($0, state) }
    }

    /// One datagram into `message`: the bytes received, or a negative errno.
    @inline(__always)
    static func receive(
        _ state: UnsafeMutablePointer<SocketState>,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32
    ) -> Int {
        var header = Stream.header(buffers, Int(message.pointee.buffer_count))
        if let address = message.pointee.address {
            header.msg_name = address.bytes
            header.msg_namelen = UnsafeMutablePointer<lamina_address>.capacity
        }
        header.msg_control = message.pointee.control
        header.msg_controllen = message.pointee.control == nil ? 0 : message.pointee.control_length
        let messageFlags = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0 ? Stream.peek : 0
        func take() -> Int {
            while true {
                let received = clinux_raw_receive_message(state.pointee.descriptor, &header, messageFlags)
                if received != -Int(EINTR) { return received }
            }
        }
        let received = messageFlags == 0 ? state.reading(nil, take) : take()
        guard received >= 0 else { return received }
        message.pointee.address?.finish(header.msg_namelen)
        message.pointee.control_length = header.msg_controllen
        var marks: UInt32 = 0
        if header.msg_flags & Int32(MSG_TRUNC) != 0 { marks |= UInt32(LAMINA_MESSAGE_TRUNCATED) }
        if header.msg_flags & Int32(MSG_CTRUNC) != 0 { marks |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) }
        message.pointee.flags = marks
        message.pointee.bytes = UInt64(received)
        return received
    }

    /// Receives what is there, up to the operation's messages: at least one.
    static func attemptReceive(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard let messages = operation.pointee.messages, let results = operation.pointee.results else { return .ended }
        defer { if operation.pointee.messagesDone > 0 { state.pointee.indicator?.resume() } }
        let isOne = operation.pointee.kind == UInt32(LAMINA_ENTRY_RECEIVE_FROM)
        let isPeek = operation.pointee.flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
        while operation.pointee.messagesDone < operation.pointee.messageCount {
            let done = operation.pointee.messagesDone
            let received = receive(state, messages[done].buffers, results + done, operation.pointee.flags)
            if received == -Int(EAGAIN) { return done > 0 ? .ended : .blocked }
            guard received >= 0 else {
                if done == 0 { operation.pointee.status = Int32(received) }
                return .ended
            }
            operation.pointee.messagesDone += 1
            operation.pointee.moved += isOne ? UInt64(received) : 1
            if isPeek { break }
        }
        return .ended
    }
}
