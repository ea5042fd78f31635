// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

typealias Indication = UnsafeMutablePointer<wsk_indication>

/// The chain's indications as calls of a client's callbacks. They come one at a time for each socket.
enum Callbacks {
    nonisolated(unsafe) static let table: UnsafePointer<lamina_indications> = {
        let table = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        table.initialize(to: lamina_indications())
        table.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.accept = { slot, event in socket(slot).map { accept($0, event) } ?? -EAGAIN }
        table.pointee.inspect = { slot, event in
            if let socket = socket(slot) { inspect(socket, event) }
            return 0
        }
        table.pointee.abort = { slot, event in
            var identity = identity(event.pointee.id)
            if let socket = socket(slot) { wsk_call_abort(socket, &identity) }
            return 0
        }
        table.pointee.receive = { slot, event in socket(slot).map { receive($0, event) } ?? -EAGAIN }
        table.pointee.receive_from = { slot, event in socket(slot).map { receiveFrom($0, event) } ?? -EAGAIN }
        table.pointee.disconnect = { slot, event in
            let flags = event.pointee.flags & UInt32(LAMINA_DISCONNECT_ABORTIVE)
            if let socket = socket(slot) { wsk_call_disconnect(socket, flags != 0 ? UInt32(WSK_FLAG_ABORTIVE) : 0) }
            return 0
        }
        table.pointee.send_backlog = { slot, event in
            if let socket = socket(slot) { wsk_call_send_backlog(socket, Int(event.pointee.ideal_bytes)) }
            return 0
        }
        return UnsafePointer(table)
    }()

    private static func socket(_ slot: UnsafeMutablePointer<lamina_slot>) -> KernelSocket? {
        slot.pointee.context?.assumingMemoryBound(to: wsk_socket.self)
    }

    // MARK: - Inspection and accept

    private static func identity(_ id: lamina_inspect_id) -> WSK_INSPECT_ID {
        WSK_INSPECT_ID(Key: UInt(id.key), SerialNumber: UInt32(truncatingIfNeeded: id.serial))
    }

    /// Runs `body` with both addresses as the client sees them.
    private static func withAddresses<Result>(
        _ local: UnsafePointer<lamina_address>,
        _ remote: UnsafePointer<lamina_address>,
        _ body: (PSOCKADDR?, PSOCKADDR?) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: sockaddr_storage.self, capacity: 2) { room in
            room.initialize(repeating: sockaddr_storage())
            let both = UnsafeMutableRawPointer(room.baseAddress)
            Addresses.write(local, both)
            Addresses.write(remote, both.map { $0 + MemoryLayout<sockaddr_storage>.stride })
            let first = both?.assumingMemoryBound(to: sockaddr.self)
            let second = both.map { $0 + MemoryLayout<sockaddr_storage>.stride }?.assumingMemoryBound(to: sockaddr.self)
            return body(first, second)
        }
    }

    private static func inspect(
        _ listener: KernelSocket,
        _ event: UnsafeMutablePointer<lamina_inspect_event>
    ) {
        var identity = identity(event.pointee.id)
        let action = withAddresses(event.pointee.local, event.pointee.remote) {
            wsk_call_inspect(listener, $0, $1, &identity)
        }
        switch action {
        case WskInspectAccept: event.pointee.answer = UInt32(LAMINA_INSPECT_ACCEPT)
        case WskInspectPend: event.pointee.answer = UInt32(LAMINA_INSPECT_PEND)
        default: event.pointee.answer = UInt32(LAMINA_INSPECT_REJECT)
        }
    }

    private static func accept(
        _ listener: KernelSocket,
        _ event: UnsafeMutablePointer<lamina_accept_event>
    ) -> lamina_status {
        guard let client = Client.of(listener.pointee.client),
            let made = Sockets.make(
                client,
                Opening.options(ofAcceptedBy: listener),
                context: nil,
                dispatch: nil,
                maker: listener.pointee.maker
            )
        else { return -EAGAIN }
        let handle = lamina_socket(slot: event.pointee.accepted, generation: event.pointee.accepted_generation)
        made.pointee.handle = handle
        made.set(WSK_IS_BOUND | WSK_IS_CONNECTED)
        // The client may enable callbacks, or close the socket, before it answers.
        let events = (made.pointee.events | clinux_load_u32(listener.place(\.inherited))) & Events.all
        Events.attach(made)
        clinux_store_u32(made.place(\.state), UInt32(WSK_SOCKET_OPEN))
        let status = withAddresses(event.pointee.local, event.pointee.remote) {
            wsk_call_accept(listener, $0, $1, made)
        }
        guard status == STATUS_SUCCESS else {
            // The chain closes it.
            Sockets.retire(made)
            return -EAGAIN
        }
        if made.pointee.dispatch != nil {
            _ = clinux_set_bits_u32(made.place(\.events), events)
            Events.enableAtOnce(handle, events)
        }
        return 0
    }

    // MARK: - Receive

    private static func receive(
        _ socket: KernelSocket,
        _ event: UnsafeMutablePointer<lamina_receive_event>
    ) -> lamina_status {
        guard let data = event.pointee.data else {
            _ = wsk_call_receive(socket, 0, nil, 0, nil)
            return 0
        }
        guard let first = Indications.make(data) else { return -EAGAIN }
        var accepted = Int(event.pointee.bytes_indicated)
        let isShort = data.pointee.flags & UInt32(LAMINA_MESSAGE_RELEASE_SOON) != 0
        let status = first.withMemoryRebound(to: WSK_DATA_INDICATION.self, capacity: 1) {
            wsk_call_receive(socket, isShort ? UInt32(WSK_FLAG_RELEASE_ASAP) : 0, $0, accepted, &accepted)
        }
        switch status {
        case STATUS_PENDING:
            Indications.retain(first)
            return LAMINA_PENDING
        case STATUS_SUCCESS:
            event.pointee.bytes_accepted = UInt64(max(0, min(accepted, Int(event.pointee.bytes_indicated))))
            Indications.discard(first)
            return 0
        default:
            Indications.discard(first)
            return -EAGAIN
        }
    }

    private static func receiveFrom(
        _ socket: KernelSocket,
        _ event: UnsafeMutablePointer<lamina_receive_from_event>
    ) -> lamina_status {
        guard let data = event.pointee.datagrams else {
            _ = wsk_call_receive_from(socket, 0, nil)
            return 0
        }
        guard let first = Indications.make(data, of: socket) else { return -EAGAIN }
        var flags: UInt32 = 0
        if data.pointee.flags & UInt32(LAMINA_MESSAGE_BROADCAST) != 0 { flags |= UInt32(MSG_BCAST) }
        if data.pointee.flags & UInt32(LAMINA_MESSAGE_MULTICAST) != 0 { flags |= UInt32(MSG_MCAST) }
        let enables = clinux_load_u32(socket.place(\.enables))
        let status = first.withMemoryRebound(to: WSK_DATAGRAM_INDICATION.self, capacity: 1) {
            wsk_call_receive_from(socket, flags, $0)
        }
        if status == STATUS_PENDING {
            Indications.retain(first)
            return LAMINA_PENDING
        }
        Indications.discard(first)
        if status == STATUS_SUCCESS { return 0 }
        // An event that was enabled for all sockets stays enabled: the datagrams are lost.
        let fixed = Client.of(socket.pointee.client)?.staticEvents ?? 0
        if fixed & UInt32(WSK_EVENT_RECEIVE_FROM) != 0 { return 0 }
        // Enabled again while the callback ran.
        if clinux_load_u32(socket.place(\.enables)) != enables { return 0 }
        _ = clinux_clear_bits_u32(socket.place(\.events), UInt32(WSK_EVENT_RECEIVE_FROM))
        return -EAGAIN
    }
}

/// The lists that callbacks get.
enum Indications {
    /// A list for the chain's nodes, in their order; with the socket that datagrams came on. Nil: no memory.
    static func make(_ data: UnsafeMutablePointer<lamina_data>, of socket: KernelSocket? = nil) -> Indication? {
        var first: Indication?
        var last: Indication?
        var next: UnsafeMutablePointer<lamina_data>? = data
        while let node = next {
            next = node.pointee.next
            guard let made = one(node, socket) else {
                if let first { discard(first) }
                return nil
            }
            if let last { link(last, made) } else { first = made }
            last = made
        }
        return first
    }

    private static func one(_ node: UnsafeMutablePointer<lamina_data>, _ socket: KernelSocket?) -> Indication? {
        // A copy of the ancillary data follows, with room for a piece more.
        let head = (MemoryLayout<wsk_indication>.size + 15) & ~15
        let controlRoom = node.pointee.control_length > 0 ? node.pointee.control_length + 64 : 0
        guard let memory = calloc(1, head + controlRoom) else { return nil }
        let made = memory.bindMemory(to: wsk_indication.self, capacity: 1)
        let buffer = node.pointee.buffer
        MmInitializeMdl(made.place(\.mdl), buffer.base, buffer.length)
        MmBuildMdlForNonPagedPool(made.place(\.mdl))
        made.pointee.node = node
        made.pointee.magic = WSK_INDICATION_MAGIC
        made.pointee.state = UInt32(WSK_INDICATION_SHOWN)
        let data = WSK_BUF(Mdl: made.place(\.mdl), Offset: 0, Length: buffer.length)
        guard let socket else {
            made.pointee.data.Buffer = data
            return made
        }
        made.pointee.datagram.Buffer = data
        if let control = node.pointee.control, controlRoom > 0 {
            let room = UnsafeMutableRawBufferPointer(start: memory + head, count: controlRoom)
            var used = node.pointee.control_length
            (memory + head).copyMemory(from: control, byteCount: used)
            _ = ReceivedInformation.rename(socket, room, &used)
            made.pointee.datagram.ControlInfo = (memory + head).assumingMemoryBound(to: cmsghdr.self)
            made.pointee.datagram.ControlInfoLength = UInt32(used)
        }
        if let address = node.pointee.address {
            Addresses.write(address, made.place(\.address))
            made.pointee.datagram.RemoteAddress = UnsafeMutableRawPointer(made.place(\.address))
                .assumingMemoryBound(to: sockaddr.self)
        }
        return made
    }

    /// Both kinds of nodes begin with the pointer to the next.
    private static func link(_ indication: Indication, _ next: Indication?) {
        indication.pointee.sibling = next
        UnsafeMutableRawPointer(indication).storeBytes(of: next, as: Indication?.self)
    }

    private static func next(_ indication: Indication) -> Indication? {
        UnsafeRawPointer(indication).load(as: Indication?.self)
    }

    /// Ends a list that the client didn't keep. The chain takes its nodes back by itself.
    static func discard(_ first: Indication) {
        var left: Indication? = first
        while let indication = left {
            left = indication.pointee.sibling
            end(indication)
        }
    }

    private static func end(_ indication: Indication) {
        wsk_take_over(indication)
        indication.pointee.magic = 0
        free(indication)
    }

    /// The client keeps a list. What it released before it said so goes now.
    static func retain(_ first: Indication) {
        var left: Indication? = first
        while let indication = left {
            left = indication.pointee.sibling
            let shown = UInt32(WSK_INDICATION_SHOWN)
            let wasKept = clinux_replace_u32(indication.place(\.state), shown, UInt32(WSK_INDICATION_RETAINED)) != 0
            if !wasKept { giveBack(indication) }
        }
    }

    private static func giveBack(_ indication: Indication) {
        let node = indication.pointee.node
        end(indication)
        node?.pointee.next = nil
        if let node { node.pointee.owner?(node, node.pointee.owner_context) }
    }

    /// WskRelease: each node of the list goes back, found by its address.
    static func release(_ first: UnsafeMutableRawPointer?) -> NTSTATUS {
        guard let first else { return STATUS_INVALID_PARAMETER }
        var left: Indication? = first.assumingMemoryBound(to: wsk_indication.self)
        while let indication = left {
            guard indication.pointee.magic == WSK_INDICATION_MAGIC else {
                wsk_trap("WskRelease", "this is no indication, or it was released before", nil)
                return STATUS_INVALID_PARAMETER
            }
            left = next(indication)
            wsk_hand_over(indication)
            let shown = UInt32(WSK_INDICATION_SHOWN)
            if clinux_replace_u32(indication.place(\.state), shown, UInt32(WSK_INDICATION_RELEASED)) == 0 {
                giveBack(indication)
            }
        }
        return STATUS_SUCCESS
    }
}

/// WskRelease of a connection.
@c @implementation
public func wsk_release_data(_ socket: PWSK_SOCKET?, _ indication: PWSK_DATA_INDICATION?) -> NTSTATUS {
    Indications.release(indication)
}

/// WskRelease of a datagram socket.
@c @implementation
public func wsk_release_datagrams(_ socket: PWSK_SOCKET?, _ indication: PWSK_DATAGRAM_INDICATION?) -> NTSTATUS {
    Indications.release(indication)
}
