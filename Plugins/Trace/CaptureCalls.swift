import CLamina
import Glibc
import LaminaProvider

/// The calls of a level with `pcap`: each is passed on, and what came of it is written as packets.
enum CaptureCalls {
    /// What a completion frame finds.
    private struct Call {
        let entry: Int
        let flags: UInt32
        var address = lamina_address()
        /// Where a received datagram's sender is written, and whether the caller wanted it.
        var sender = lamina_address()
        let message: UnsafeMutablePointer<lamina_message>?
        let buffers: UnsafeMutablePointer<lamina_buffer>
        let count: Int
        let started = Capture.now
    }

    private typealias CallPointer = UnsafeMutablePointer<Call>

    static var table: lamina_table {
        lamina_table { table in
            table.configure = { Trace.configure($0, $1, $2, $3) }
            table.open = { slot, arguments, request in
                guard let capture = Trace.capture(of: slot) else { return lamina_open(slot, arguments, request) }
                slot.pointee.context = Unmanaged.passRetained(capture.flow(slot)).toOpaque()
                let isInbound = arguments.pointee.flags & UInt32(LAMINA_OPEN_FROM_BELOW) != 0
                guard let status = CaptureCalls.push(slot, request, LAMINA_ENTRY_OPEN, isInbound ? 1 : 0) else {
                    return lamina_open(slot, arguments, request)
                }
                return CaptureCalls.end(slot, status)
            }
            table.close = { slot, request in
                CaptureCalls.push(slot, request, LAMINA_ENTRY_CLOSE) ?? lamina_close(slot, request)
            }
            table.connect = { slot, address, flags, request in
                CaptureCalls.push(slot, request, LAMINA_ENTRY_CONNECT, flags, address)
                    ?? lamina_connect(slot, address, flags, request)
            }
            table.send = { slot, buffers, count, flags, request in
                CaptureCalls.push(slot, request, LAMINA_ENTRY_SEND, flags, nil, buffers, count)
                    ?? lamina_send(slot, buffers, count, flags, request)
            }
            table.receive = { slot, buffers, count, flags, request in
                CaptureCalls.push(slot, request, LAMINA_ENTRY_RECEIVE, flags, nil, buffers, count)
                    ?? lamina_receive(slot, buffers, count, flags, request)
            }
            table.disconnect = { slot, buffers, count, flags, request in
                CaptureCalls.push(slot, request, LAMINA_ENTRY_DISCONNECT, flags, nil, buffers, count)
                    ?? lamina_disconnect(slot, buffers, count, flags, request)
            }
            table.send_to = { slot, message, flags, request in
                CaptureCalls.push(
                    slot,
                    request,
                    LAMINA_ENTRY_SEND_TO,
                    flags,
                    message.pointee.address.map { UnsafePointer($0) },
                    message.pointee.buffers,
                    message.pointee.buffer_count
                ) ?? lamina_send_to(slot, message, flags, request)
            }
            table.receive_from = { slot, message, flags, request in
                CaptureCalls.receive(slot, message, flags, request)
            }
        }
    }

    /// Puts a frame on the request. Not nil: it has ended, with this status.
    private static func push(
        _ slot: Slot,
        _ request: Request,
        _ entry: Int,
        _ flags: UInt32 = 0,
        _ address: UnsafePointer<lamina_address>? = nil,
        _ buffers: UnsafePointer<lamina_buffer>? = nil,
        _ count: UInt32 = 0,
        message: UnsafeMutablePointer<lamina_message>? = nil
    ) -> lamina_status? {
        let count = buffers == nil ? 0 : Int(count)
        let kept = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: max(count, 1))
        if let buffers { kept.initialize(from: buffers, count: count) }
        let call = CallPointer.allocate(capacity: 1)
        call.initialize(to: Call(entry: entry, flags: flags, message: message, buffers: kept, count: count))
        if let address { call.pointee.address = address.pointee }
        if let message, message.pointee.address == nil { message.pointee.address = call.field(\.sender) }
        if lamina_push(slot, request, ended, call) != nil { return nil }
        discard(call)
        return lamina_complete(slot, request, -ENOMEM, 0)
    }

    private static func receive(
        _ slot: Slot,
        _ message: UnsafeMutablePointer<lamina_message>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        push(
            slot,
            request,
            LAMINA_ENTRY_RECEIVE_FROM,
            flags,
            nil,
            message.pointee.buffers,
            message.pointee.buffer_count,
            message: message
        ) ?? lamina_receive_from(slot, message, flags, request)
    }

    private static func discard(_ call: CallPointer) {
        // The caller's struct is as it came.
        if let message = call.pointee.message, message.pointee.address == call.field(\.sender) {
            message.pointee.address = nil
        }
        call.pointee.buffers.deallocate()
        call.deallocate()
    }

    // MARK: - What came of them

    private static let ended: lamina_completion = { slot, request, context in
        guard let slot, let call = context?.assumingMemoryBound(to: Call.self) else { return 0 }
        defer { discard(call) }
        guard let capture = Trace.capture(of: slot), let own = slot.pointee.context else { return 0 }
        let flow = Unmanaged<Flow>.fromOpaque(own).takeUnretainedValue()
        let status = request.pointee.status
        switch call.pointee.entry {
        case LAMINA_ENTRY_OPEN:
            if status < 0 { return end(slot) }
            if call.pointee.flags == 1 { begin(capture, flow, slot, call) }
        case LAMINA_ENTRY_CONNECT:
            status < 0 ? refuse(capture, flow, slot, call, status) : begin(capture, flow, slot, call)
        case LAMINA_ENTRY_CLOSE:
            capture.write { put in flow.end({ put(flow, $0, nil) }, out: true) }
            capture.flush()
            return end(slot)
        case LAMINA_ENTRY_DISCONNECT where status >= 0:
            let flags = call.pointee.flags
            capture.write { put in
                if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 {
                    flow.reset({ put(flow, $0, nil) }, out: true)
                } else if flags & UInt32(LAMINA_DISCONNECT_KEEP_SENDING) == 0 {
                    flow.data({ put(flow, $0, nil) }, out: true, bytes(call, request.pointee.bytes))
                    flow.end({ put(flow, $0, nil) }, out: true)
                }
            }
        case LAMINA_ENTRY_SEND:
            let data = bytes(call, request.pointee.bytes)
            capture.write { put in flow.data({ put(flow, $0, nil) }, out: true, data) }
            if status == -EPIPE || status == -ECONNRESET { reset(capture, flow, slot) }
        case LAMINA_ENTRY_RECEIVE: received(capture, flow, slot, call, request)
        case LAMINA_ENTRY_SEND_TO where status >= 0, LAMINA_ENTRY_RECEIVE_FROM where status >= 0:
            datagram(capture, flow, slot, call, request)
        default: break
        }
        return 0
    }

    /// Lets go of what is known of a socket.
    private static func end(_ slot: Slot, _ status: lamina_status = 0) -> lamina_status {
        if let own = slot.pointee.context { Unmanaged<Flow>.fromOpaque(own).release() }
        slot.pointee.context = nil
        return status
    }

    private static func begin(_ capture: Capture, _ flow: Flow, _ slot: Slot, _ call: CallPointer) {
        guard slot.pointee.column.pointee.category != UInt32(LAMINA_LISTEN) else { return }
        let isInbound = call.pointee.entry == LAMINA_ENTRY_OPEN
        let isDatagram = slot.pointee.column.pointee.category == UInt32(LAMINA_DATAGRAM)
        let (local, remote) = (asked(slot, lamina_local_address), asked(slot, lamina_remote_address))
        let wanted = isInbound ? nil : PacketEnd(call.pointee.address)
        let started = call.pointee.started
        capture.write { put in
            flow.place(local ?? nowhere(like: remote ?? wanted), remote ?? wanted ?? nowhere(like: local))
            guard !isDatagram else { return }
            flow.connect({ put(flow, $0, $1 ? started : nil) }, isInbound: isInbound)
        }
    }

    private static func refuse(
        _ capture: Capture,
        _ flow: Flow,
        _ slot: Slot,
        _ call: CallPointer,
        _ status: lamina_status
    ) {
        guard slot.pointee.column.pointee.category != UInt32(LAMINA_DATAGRAM), status != -EAGAIN,
            let remote = PacketEnd(call.pointee.address)
        else { return }
        let local = asked(slot, lamina_local_address) ?? nowhere(like: remote)
        let started = call.pointee.started
        capture.write { put in
            flow.place(local, remote)
            flow.refuse({ put(flow, $0, $1 ? started : nil) }, isAnswered: status == -ECONNREFUSED)
        }
    }

    private static func received(
        _ capture: Capture,
        _ flow: Flow,
        _ slot: Slot,
        _ call: CallPointer,
        _ request: Request
    ) {
        let looks = UInt32(LAMINA_RECEIVE_PEEK | LAMINA_RECEIVE_REPORTS)
        guard call.pointee.flags & looks == 0 else { return }
        if request.pointee.status == -ECONNRESET { return reset(capture, flow, slot) }
        let data = bytes(call, request.pointee.bytes)
        let hasRoom = (0..<call.pointee.count).contains { call.pointee.buffers[$0].length > 0 }
        let hasEnded = request.pointee.status == 0 && request.pointee.bytes == 0 && hasRoom
        capture.write { put in
            flow.data({ put(flow, $0, nil) }, out: false, data)
            if hasEnded { flow.end({ put(flow, $0, nil) }, out: false) }
        }
    }

    private static func reset(_ capture: Capture, _ flow: Flow, _ slot: Slot) {
        capture.write { put in flow.reset({ put(flow, $0, nil) }, out: false) }
    }

    private static func datagram(
        _ capture: Capture,
        _ flow: Flow,
        _ slot: Slot,
        _ call: CallPointer,
        _ request: Request
    ) {
        let isOut = call.pointee.entry == LAMINA_ENTRY_SEND_TO
        let looks = UInt32(LAMINA_RECEIVE_PEEK | LAMINA_RECEIVE_REPORTS)
        guard isOut || call.pointee.flags & looks == 0 else { return }
        let address = isOut ? call.pointee.address : call.pointee.message?.pointee.address?.pointee
        let peer = address.flatMap { PacketEnd($0) }
        let local = asked(slot, lamina_local_address)
        let data = bytes(call, request.pointee.bytes)
        capture.write { put in
            flow.place(local ?? nowhere(like: peer), nil)
            flow.datagram({ put(flow, $0, nil) }, out: isOut, peer, data)
        }
    }

    /// The first bytes of a call's buffers.
    private static func bytes(_ call: CallPointer, _ count: UInt64) -> [UInt8] {
        var (bytes, left) = ([UInt8](), Int(clamping: count))
        for index in 0..<call.pointee.count where left > 0 {
            guard let base = call.pointee.buffers[index].base else { continue }
            let length = min(left, call.pointee.buffers[index].length)
            bytes += UnsafeRawBufferPointer(start: base, count: length)
            left -= length
        }
        return bytes
    }

    /// Stands for an end that nobody knows.
    private static func nowhere(like other: PacketEnd?) -> PacketEnd {
        PacketEnd(bytes: [UInt8](repeating: 0, count: other?.bytes.count ?? 4), port: 0)
    }

    /// What the levels below know at once.
    private static func asked(
        _ slot: Slot,
        _ ask: (Slot, UnsafeMutablePointer<lamina_address>, Request) -> lamina_status
    ) -> PacketEnd? {
        var (address, request) = (lamina_address(), lamina_request())
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        return ask(slot, &address, &request) == 0 ? PacketEnd(address) : nil
    }

    // MARK: - Events

    static var indications: lamina_indications {
        lamina_indications { table in
            table.receive = { slot, event in
                let data = event.pointee.data.map { CaptureCalls.bytes($0) } ?? []
                let status = lamina_indicate_receive(slot, event)
                let taken =
                    status == LAMINA_PENDING ? UInt64(data.count) : status < 0 ? 0 : event.pointee.bytes_accepted
                CaptureCalls.indicated(slot) { capture, flow in
                    capture.write { put in
                        flow.data({ put(flow, $0, nil) }, out: false, [UInt8](data.prefix(Int(clamping: taken))))
                    }
                }
                return status
            }
            table.receive_from = { slot, event in
                var datagrams: [(PacketEnd?, [UInt8])] = []
                var next = event.pointee.datagrams
                while let node = next {
                    let bytes = UnsafeRawBufferPointer(
                        start: node.pointee.buffer.base,
                        count: node.pointee.buffer.length
                    )
                    datagrams.append((node.pointee.address.flatMap { PacketEnd($0.pointee) }, [UInt8](bytes)))
                    next = node.pointee.next
                }
                let status = lamina_indicate_receive_from(slot, event)
                guard status >= 0 else { return status }
                let local = CaptureCalls.asked(slot, lamina_local_address)
                CaptureCalls.indicated(slot) { capture, flow in
                    capture.write { put in
                        flow.place(local ?? CaptureCalls.nowhere(like: datagrams.first?.0), nil)
                        for (peer, data) in datagrams { flow.datagram({ put(flow, $0, nil) }, out: false, peer, data) }
                    }
                }
                return status
            }
            table.disconnect = { slot, event in
                let isAbortive = event.pointee.flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0
                CaptureCalls.indicated(slot) { capture, flow in
                    guard !isAbortive else { return CaptureCalls.reset(capture, flow, slot) }
                    capture.write { put in flow.end({ put(flow, $0, nil) }, out: false) }
                }
                return lamina_indicate_disconnect(slot, event)
            }
        }
    }

    private static func indicated(_ slot: Slot, _ body: (Capture, Flow) -> Void) {
        guard let capture = Trace.capture(of: slot), let own = slot.pointee.context else { return }
        body(capture, Unmanaged<Flow>.fromOpaque(own).takeUnretainedValue())
    }

    /// All bytes of indicated data.
    private static func bytes(_ nodes: UnsafeMutablePointer<lamina_data>) -> [UInt8] {
        var (bytes, next) = ([UInt8](), UnsafeMutablePointer<lamina_data>?(nodes))
        while let node = next {
            bytes += UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length)
            next = node.pointee.next
        }
        return bytes
    }
}
