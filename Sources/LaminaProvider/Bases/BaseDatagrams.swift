import CLamina
import Glibc

/// Datagrams of a base in Swift: their sends, their receives, and the remote address that a connect fixes.
enum BaseDatagrams {
    private typealias Slot = UnsafeMutablePointer<lamina_slot>
    private typealias Request = UnsafeMutablePointer<lamina_request>

    /// How far a call has come.
    struct Progress {
        var done = 0
        var status: Int32 = 0
        var moved: UInt64 = 0
    }

    static func sendTo(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        send(slot, message, nil, 1, LAMINA_ENTRY_SEND_TO, flags, request)
    }

    static func sendMessages(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        send(slot, messages, messages, Int(count), LAMINA_ENTRY_SEND_MESSAGES, flags, request)
    }

    private static func send(
        _ slot: Slot,
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>?,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        let lane = socket.output
        let isInside = lane.enter()
        var progress = Progress()
        if isInside, socket.put(messages, results, count, &progress) {
            return lane.leave(slot, request, progress.status, progress.moved)
        }
        let made = UnsafeMutablePointer<Operation>.make(
            kind,
            lane,
            slot,
            request,
            messages: messages,
            results: results,
            count: count,
            flags: flags,
            isSend: true
        )
        made?.pointee.messagesDone = progress.done
        made?.pointee.moved = progress.moved
        return lane.submit(made, slot, request, isInside: isInside)
    }

    static func receiveFrom(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        // Nothing is ever reported.
        if flags == UInt32(LAMINA_RECEIVE_REPORTS) { return lamina_complete(slot, request, -EAGAIN, 0) }
        return receive(slot, message, 1, LAMINA_ENTRY_RECEIVE_FROM, flags, request)
    }

    static func receiveMessages(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard count > 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        return receive(slot, messages, Int(count), LAMINA_ENTRY_RECEIVE_MESSAGES, flags, request)
    }

    private static func receive(
        _ slot: Slot,
        _ messages: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard flags & ~UInt32(LAMINA_RECEIVE_PEEK) == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        let lane = socket.input
        let isInside = lane.enter()
        var progress = Progress()
        if isInside {
            if socket.take(messages, messages, count, kind, flags, &progress) {
                return lane.leave(slot, request, progress.status, progress.moved)
            }
            if request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
                return lane.leave(slot, request, -EAGAIN, 0)
            }
        }
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
        return lane.submit(made, slot, request, isInside: isInside)
    }

    /// Tries an operation that waited.
    static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        guard let socket = operation.pointee.slot.base, let messages = operation.pointee.messages else {
            operation.pointee.status = -EBADF
            return .ended
        }
        var progress = Progress(done: operation.pointee.messagesDone, moved: operation.pointee.moved)
        let (kind, results) = (Int(operation.pointee.kind), operation.pointee.results)
        let count = operation.pointee.messageCount
        let isDone: Bool
        switch kind {
        case LAMINA_ENTRY_SEND_TO, LAMINA_ENTRY_SEND_MESSAGES:
            isDone = socket.put(messages, results, count, &progress)
        default:
            isDone = socket.take(messages, results ?? messages, count, kind, operation.pointee.flags, &progress)
        }
        operation.pointee.messagesDone = progress.done
        operation.pointee.moved = progress.moved
        operation.pointee.status = progress.status
        return isDone ? .ended : .blocked
    }

    // MARK: - The remote address

    /// A connect on a datagram socket, which never waits.
    static func connect(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32
    ) -> Int32 {
        guard flags & ~UInt32(LAMINA_CONNECT_SEND_ONLY) == 0 else { return -EINVAL }
        var remote = lamina_address()
        if address.pointee.form != UInt16(LAMINA_ADDRESS_NONE) {
            let given = Address(address.pointee)
            guard given.isDestination else { return -EINVAL }
            do throws(Failure) { remote = try socket.own.sendsDatagrams?.remote(socket, given).c ?? given.c } catch {
                if !error.message.isEmpty { Socket(socket.pointee.slot).log(.notice, error.message) }
                return -error.errno
            }
            guard Address(remote).isWhole else { return -EAFNOSUPPORT }
        }
        socket.fix(remote, onlySends: flags != 0)
        return 0
    }
}

extension UnsafeMutablePointer<BaseSocket> {
    /// Gives datagrams to the base, behind those that are done. False: one has to wait. Inside the output lane.
    fileprivate func put(
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>?,
        _ count: Int,
        _ progress: inout BaseDatagrams.Progress
    ) -> Bool {
        while progress.done < count {
            let length = byteCount(messages[progress.done].buffers, messages[progress.done].buffer_count)
            do throws(Failure) {
                guard try put(messages[progress.done], length) else { return false }
            } catch {
                progress.status = -error.errno
                return true
            }
            results?[progress.done].bytes = UInt64(length)
            progress.moved += UInt64(length)
            progress.done += 1
        }
        return true
    }

    private func put(_ message: lamina_message, _ length: Int) throws(Failure) -> Bool {
        guard let type = own.sendsDatagrams else { throw Failure(EOPNOTSUPP) }
        guard length <= pointee.type.pointee.longestDatagram else { throw Failure(EMSGSIZE) }
        if let address = message.address, address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) {
            throw Failure(EAFNOSUPPORT)
        }
        guard let destination = destination(message.address) else { throw Failure(EDESTADDRREQ) }
        guard destination.isWhole else { throw Failure(EINVAL) }
        if message.control_length > 0 { try check(message.control, message.control_length) }
        return try type.put(self, Outgoing(optional: message.buffers, message.buffer_count), destination)
    }

    /// Control data that say how a packet travels mean nothing to a transport that has no packets; others it hasn't got.
    private func check(_ control: UnsafeRawPointer?, _ length: Int) throws(Failure) {
        var (offset, item) = (0, lamina_control_item())
        while case let more = lamina_control_next(control, length, &offset, &item), more != 0 {
            guard more > 0 else { throw Failure(EINVAL) }
            switch (item.level, item.type) {
            case (Int32(IPPROTO_IP), IP_TOS), (Int32(IPPROTO_IP), IP_TTL): break
            case (Int32(IPPROTO_IPV6), IPV6_TCLASS), (Int32(IPPROTO_IPV6), IPV6_HOPLIMIT): break
            default: throw Failure(EOPNOTSUPP)
            }
        }
    }

    /// Where a datagram goes; nil for nowhere.
    private func destination(_ named: UnsafeMutablePointer<lamina_address>?) -> Address? {
        if let named, named.pointee.form != UInt16(LAMINA_ADDRESS_NONE) { return Address(named.pointee) }
        guard let part = pointee.datagrams else { return nil }
        group.lock()
        defer { group.unlock() }
        let (sendTo, remote) = (Address(part.pointee.sendTo), Address(part.pointee.remote))
        return sendTo.isNone ? (remote.isNone ? nil : remote) : sendTo
    }

    /// Receives what is there, up to `count` datagrams. False: nothing is. Inside the input lane.
    fileprivate func take(
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>,
        _ count: Int,
        _ kind: Int,
        _ flags: UInt32,
        _ progress: inout BaseDatagrams.Progress
    ) -> Bool {
        let isLook = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
        // What is only looked at stays, and would come again.
        let most = isLook ? 1 : count
        while progress.done < most {
            let index = progress.done
            let received = takeDatagram(messages + index, results + index, isLook: isLook)
            if received < 0 {
                if progress.done > 0 { break }
                guard received != -Int(EAGAIN) else { return false }
                // A failure is one call's, and more may have come behind it.
                hasNews()
                progress.status = Int32(received)
                return true
            }
            progress.moved = kind == LAMINA_ENTRY_RECEIVE_FROM ? UInt64(received) : UInt64(index + 1)
            progress.done += 1
        }
        if marks.contains(.indicates) { resumeIndications() }
        return true
    }

    /// Receives one datagram where `message` says; what came with it is written to `result`. The bytes, or a negative errno;
    /// -EAGAIN where none is there. Inside the input lane.
    func takeDatagram(
        _ message: UnsafePointer<lamina_message>,
        _ result: UnsafeMutablePointer<lamina_message>,
        isLook: Bool
    ) -> Int {
        guard let part = pointee.datagrams else { return -Int(EOPNOTSUPP) }
        if isLook, part.pointee.kept == nil {
            let status = keep(part)
            guard status == 0 else { return status }
        }
        let (buffers, count) = (message.pointee.buffers, Int(message.pointee.buffer_count))
        guard let kept = part.pointee.kept else {
            var came: DatagramArrival?
            let status = takeNew(buffers, count, &came)
            if let came { write(came, to: message, result) }
            return came?.bytes ?? status
        }
        let moved = scatter(kept.memory, kept.arrival.bytes, over: buffers, count)
        let isTruncated = kept.arrival.isTruncated || moved < kept.arrival.bytes
        write(DatagramArrival(bytes: moved, sender: kept.arrival.sender, isTruncated: isTruncated), to: message, result)
        if !isLook { part.dropKept() }
        return moved
    }

    private func write(
        _ came: DatagramArrival,
        to message: UnsafePointer<lamina_message>,
        _ result: UnsafeMutablePointer<lamina_message>
    ) {
        message.pointee.address?.pointee = came.sender?.c ?? lamina_address()
        result.pointee.bytes = UInt64(came.bytes)
        result.pointee.flags = came.isTruncated ? UInt32(LAMINA_MESSAGE_TRUNCATED) : 0
        result.pointee.control_length = 0
    }

    /// Takes the next datagram out of the base, for calls that come. 0 or a negative errno.
    private func keep(_ part: UnsafeMutablePointer<DatagramPart>) -> Int {
        let length = pointee.type.pointee.longestDatagram
        guard let memory = malloc(max(length, 1)) else { return -Int(ENOMEM) }
        var buffer = lamina_buffer(base: memory, length: length)
        var came: DatagramArrival?
        let status = takeNew(&buffer, 1, &came)
        guard let came else {
            free(memory)
            return status
        }
        part.pointee.kept = DatagramPart.KeptDatagram(memory: memory, arrival: came)
        return 0
    }

    private func takeNew(_ buffers: UnsafePointer<lamina_buffer>?, _ count: Int, _ came: inout DatagramArrival?) -> Int
    {
        guard let type = own.receivesDatagrams else { return -Int(EOPNOTSUPP) }
        // What comes from here on is told by the waker.
        unmark(.news)
        do throws(Failure) {
            while let arrival = try type.take(self, buffers, count) {
                guard isWelcome(arrival.sender) else { continue }
                hasNews()
                came = arrival
                return 0
            }
        } catch {
            return -Int(error.errno)
        }
        return -Int(EAGAIN)
    }

    /// Whether the remote address lets a datagram in.
    private func isWelcome(_ sender: Address?) -> Bool {
        guard marks.contains(.connected), let sender, let part = pointee.datagrams else { return true }
        group.lock()
        let remote = Address(part.pointee.remote)
        group.unlock()
        return remote.isNone || remote == sender
    }

    /// Fixes the remote address, or, of form none, forgets it.
    fileprivate func fix(_ remote: lamina_address, onlySends: Bool) {
        guard let part = pointee.datagrams else { return }
        group.lock()
        if onlySends {
            part.pointee.sendTo = remote
        } else {
            part.pointee.remote = remote
            if Address(remote).isNone { unmark(.connected) } else { mark(.connected) }
        }
        group.unlock()
    }
}

extension SendsDatagrams where Self: ~Copyable {
    fileprivate static func put(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ datagram: Outgoing,
        _ destination: Address
    ) throws(Failure) -> Bool {
        let state = socket.state(of: Self.self)
        return try socket.value(Self.self).pointee.send(datagram, to: destination, state.pointee)
    }

    fileprivate static func remote(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ address: Address
    ) throws(Failure) -> Address {
        try socket.value(Self.self).pointee.fixRemote(address, socket.state(of: Self.self).pointee)
    }
}

extension ReceivesDatagrams where Self: ~Copyable {
    fileprivate static func take(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: Int
    ) throws(Failure) -> DatagramArrival? {
        var room = DatagramRoom(buffers, count)
        let state = socket.state(of: Self.self)
        guard try socket.value(Self.self).pointee.receive(into: &room, state.pointee) else { return nil }
        return DatagramArrival(bytes: room.count, sender: room.sender, isTruncated: room.isTruncated)
    }
}
