import CLamina
import Glibc
import LaminaProvider

/// Sends and receives datagrams. A send never pends: as with UDP, what finds no room is lost.
enum Datagram {
    /// The longest datagram: UDP's over IPv4.
    private static let longest = 65507

    static func sendTo(
        _ slot: Slot,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard flags == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        let sent = unsafe send(slot, message)
        return unsafe lamina_complete(slot, request, Int32(min(sent, 0)), UInt64(max(sent, 0)))
    }

    static func sendMessages(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard flags == 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        var total: UInt64 = 0
        for index in 0..<Int(count) {
            let sent = unsafe send(slot, messages + index)
            guard sent >= 0 else { return unsafe lamina_complete(slot, request, Int32(sent), total) }
            unsafe messages[index].bytes = UInt64(sent)
            total += UInt64(sent)
        }
        return unsafe lamina_complete(slot, request, 0, total)
    }

    /// One datagram: its bytes, or a negative errno.
    private static func send(_ slot: Slot, _ message: UnsafePointer<lamina_message>) -> Int {
        guard let state = unsafe slot.state, let mailbox = unsafe state.pointee.mailbox else { return -Int(EBADF) }
        let length = unsafe byteCount(message.pointee.buffers, message.pointee.buffer_count)
        guard length <= longest else { return -Int(EMSGSIZE) }
        var target = unsafe mailbox.sendTo
        if target.family == 0 { target = unsafe mailbox.remote }
        if let address = unsafe message.pointee.address, unsafe address.pointee.form != UInt16(LAMINA_ADDRESS_NONE) {
            guard unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return -Int(EAFNOSUPPORT) }
            guard let endpoint = unsafe Endpoint(address) else { return -Int(EINVAL) }
            target = endpoint.reached
        }
        guard target.family != 0 else { return -Int(EDESTADDRREQ) }
        let status = unsafe mailbox.bindSomewhere(toReach: target)
        guard status == 0 else { return Int(status) }
        var sender = unsafe state.pointee.local
        if sender.isWildcard {
            let port = sender.port
            sender = target.source
            sender.port = port
        }
        let defaults = unsafe state.field(\.packets).defaults(target.family)
        var envelope = Envelope(
            sender: sender,
            destination: target,
            traffic: defaults.traffic,
            hops: defaults.hops
        )
        if unsafe message.pointee.control_length > 0 {
            let status = unsafe envelope.read(message.pointee.control, message.pointee.control_length)
            guard status == 0 else { return Int(status) }
        }
        let receiver: UnsafeMutablePointer<Mailbox>? = unsafe state.network.reach(target, isDatagram: true) {
            occupant in
            guard case .mailbox(let mailbox) = occupant else { return nil }
            unsafe mailbox.retain()
            return unsafe mailbox
        }
        guard let receiver = unsafe receiver else {
            // The kernel hears of it later, and tells only a connected socket; here it is known at once.
            let isConnected = unsafe message.pointee.address == nil && target == mailbox.remote
            let isTold = target.family == AF_UNIX || isConnected
            return isTold ? -Int(ECONNREFUSED) : length
        }
        defer { unsafe receiver.release() }
        guard let letter = unsafe UnsafeMutablePointer<Letter>.make(message, length, envelope) else {
            return -Int(ENOMEM)
        }
        unsafe receiver.put(letter)
        return length
    }

    static func receiveFrom(
        _ slot: Slot,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        // Nothing is ever reported.
        if flags == UInt32(LAMINA_RECEIVE_REPORTS) { return unsafe lamina_complete(slot, request, -EAGAIN, 0) }
        return unsafe receive(slot, message, 1, LAMINA_ENTRY_RECEIVE_FROM, flags, request)
    }

    static func receiveMessages(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard count > 0 else { return unsafe lamina_complete(slot, request, -EINVAL, 0) }
        return unsafe receive(slot, messages, Int(count), LAMINA_ENTRY_RECEIVE_MESSAGES, flags, request)
    }

    private static func receive(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state, let mailbox = unsafe state.pointee.mailbox else {
            return unsafe lamina_complete(slot, request, -EBADF, 0)
        }
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0 else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        let lane = unsafe mailbox.input
        guard unsafe lane.enter() else {
            return unsafe lane.submit(
                make(lane, slot, messages, count, kind, flags, request),
                slot,
                request,
                isInside: false
            )
        }
        let came = unsafe receive(mailbox, messages, messages, count, flags)
        if came.count > 0 {
            return unsafe lane.leave(
                slot,
                request,
                0,
                kind == LAMINA_ENTRY_RECEIVE_FROM ? came.bytes : UInt64(came.count)
            )
        }
        if unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
            return unsafe lane.leave(slot, request, -EAGAIN, 0)
        }
        return unsafe lane.submit(
            make(lane, slot, messages, count, kind, flags, request),
            slot,
            request,
            isInside: true
        )
    }

    private static func make(
        _ lane: UnsafeMutablePointer<Lane>,
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ request: Request
    ) -> UnsafeMutablePointer<Operation>? {
        unsafe UnsafeMutablePointer<Operation>.make(
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
    }

    /// Receives what is there, up to the operation's messages: at least one.
    static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        guard let state = unsafe operation.pointee.slot.state, let mailbox = unsafe state.pointee.mailbox,
            let messages = unsafe operation.pointee.messages, let results = unsafe operation.pointee.results
        else { return .ended }
        let came = unsafe receive(mailbox, messages, results, operation.pointee.messageCount, operation.pointee.flags)
        guard came.count > 0 else { return .blocked }
        let isOne = unsafe operation.pointee.kind == UInt32(LAMINA_ENTRY_RECEIVE_FROM)
        unsafe operation.pointee.messagesDone = came.count
        unsafe operation.pointee.moved = isOne ? came.bytes : UInt64(came.count)
        return .ended
    }

    /// Receives what is there, up to `count` datagrams, and tells how many there were and their bytes.
    private static func receive(
        _ mailbox: UnsafeMutablePointer<Mailbox>,
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ flags: UInt32
    ) -> (count: Int, bytes: UInt64) {
        // What is only looked at stays, and would come again.
        let most = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0 ? 1 : count
        var done = 0
        var bytes: UInt64 = 0
        while done < most, let received = unsafe receiveOne(mailbox, messages + done, results + done, flags) {
            bytes += UInt64(received)
            done += 1
        }
        if done > 0 { unsafe mailbox.pointee.indicator?.resume() }
        return (done, bytes)
    }

    /// One datagram where `message` says; what came with it is written to `result`. The bytes, or nil if none is there.
    static func receiveOne(
        _ mailbox: UnsafeMutablePointer<Mailbox>,
        _ message: UnsafePointer<lamina_message>,
        _ result: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32
    ) -> Int? {
        guard let letter = unsafe mailbox.take() else { return nil }
        let count = unsafe Int(message.pointee.buffer_count)
        let moved = unsafe scatter(letter.bytes, letter.pointee.length, over: message.pointee.buffers, count)
        if let address = unsafe message.pointee.address {
            unsafe letter.pointee.envelope.sender.write(address, for: mailbox.pointee.state.pointee.family)
        }
        let (wanted, family) = unsafe (
            mailbox.pointee.state.field(\.packets).wanted, mailbox.pointee.state.pointee.family
        )
        let room = unsafe UnsafeMutableRawBufferPointer(
            start: message.pointee.control,
            count: message.pointee.control == nil ? 0 : message.pointee.control_length
        )
        let isWhole = unsafe letter.pointee.envelope.write(wanted, family, into: room, &result.pointee.control_length)
        unsafe result.pointee.flags = moved < letter.pointee.length ? UInt32(LAMINA_MESSAGE_TRUNCATED) : 0
        if !isWhole { unsafe result.pointee.flags |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) }
        unsafe result.pointee.bytes = UInt64(moved)
        if flags & UInt32(LAMINA_RECEIVE_PEEK) != 0 { unsafe mailbox.putBack(letter) } else { unsafe letter.discard() }
        return moved
    }
}
