import CLamina
import Glibc

/// The stage's dispatch table: every entry notes its arguments and goes on in `Stage.serve`.
enum StageTable {
    // Written once, before anybody sees it.
    nonisolated(unsafe) static let table: UnsafeMutablePointer<lamina_table> = {
        let table = UnsafeMutablePointer<lamina_table>.allocate(capacity: 1)
        table.initialize(to: lamina_table())
        table.pointee.size = UInt32(MemoryLayout<lamina_table>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.open = open
        table.pointee.close = close
        table.pointee.control = control
        table.pointee.bind = bind
        table.pointee.listen = listen
        table.pointee.accept = accept
        table.pointee.connect = connect
        table.pointee.connect_with_data = connectWithData
        table.pointee.local_address = localAddress
        table.pointee.remote_address = remoteAddress
        table.pointee.send = send
        table.pointee.receive = receive
        table.pointee.send_to = sendTo
        table.pointee.receive_from = receiveFrom
        table.pointee.send_messages = sendMessages
        table.pointee.receive_messages = receiveMessages
        table.pointee.disconnect = disconnect
        table.pointee.release = release
        table.pointee.enable_indications = enableIndications
        return table
    }()

    private static func serve(
        _ slot: Slot,
        _ request: Request,
        _ entry: Int,
        _ transfer: Stage.Transfer = Stage.Transfer(),
        _ fill: (inout Seen) -> Void = { _ in }
    ) -> lamina_status {
        guard let stage = Stage.of(slot) else { return lamina_complete(slot, request, -EBADF, 0) }
        var seen = Seen(entry)
        fill(&seen)
        var transfer = transfer
        if !transfer.isReceive, entry != Int(LAMINA_ENTRY_CONTROL) { transfer.sent = seen.bytes.count }
        return stage.serve(slot, request, seen, transfer)
    }

    private static func room(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) -> Stage.Transfer {
        Stage.Transfer(room: (0..<Int(count)).compactMap { buffers?[$0] }, isReceive: true)
    }

    private static let open: lamina_open_function = { slot, _, request in
        Stage.of(slot)?.opened(slot)
        return lamina_complete(slot, request, 0, 0)
    }

    private static let close: lamina_close_function = { slot, request in
        Stage.of(slot)?.closed(slot, request) ?? lamina_complete(slot, request, 0, 0)
    }

    private static let control: lamina_control_function = { slot, operation, request in
        serve(slot, request, Int(LAMINA_ENTRY_CONTROL)) { $0.take(operation) }
    }

    private static let bind: lamina_bind_function = { slot, address, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_BIND)) {
            $0.take(address)
            $0.flags = flags
        }
    }

    private static let listen: lamina_listen_function = { slot, backlog, request in
        serve(slot, request, Int(LAMINA_ENTRY_LISTEN)) { $0.numbers = [Int(backlog)] }
    }

    private static let accept: lamina_accept_function = { slot, _, _, request in
        serve(slot, request, Int(LAMINA_ENTRY_ACCEPT))
    }

    private static let connect: lamina_connect_function = { slot, address, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_CONNECT)) {
            $0.take(address)
            $0.flags = flags
        }
    }

    private static let connectWithData: lamina_connect_with_data_function = {
        slot,
        address,
        buffers,
        count,
        flags,
        request in
        serve(slot, request, Int(LAMINA_ENTRY_CONNECT_WITH_DATA)) {
            $0.take(address)
            $0.take(buffers, count)
            $0.flags = flags
        }
    }

    private static let localAddress: lamina_local_address_function = { slot, address, request in
        address.pointee = Ask.address(port: 4712)
        return serve(slot, request, Int(LAMINA_ENTRY_LOCAL_ADDRESS))
    }

    private static let remoteAddress: lamina_remote_address_function = { slot, address, request in
        address.pointee = Ask.address(port: 4713)
        return serve(slot, request, Int(LAMINA_ENTRY_REMOTE_ADDRESS))
    }

    private static let send: lamina_send_function = { slot, buffers, count, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_SEND)) {
            $0.take(buffers, count)
            $0.flags = flags
        }
    }

    private static let receive: lamina_receive_function = { slot, buffers, count, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_RECEIVE), room(buffers, count)) {
            $0.takeRoom(buffers, count)
            $0.flags = flags
        }
    }

    private static let sendTo: lamina_send_to_function = { slot, message, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_SEND_TO)) {
            $0.take(message, 1)
            $0.flags = flags
        }
    }

    private static let receiveFrom: lamina_receive_from_function = { slot, message, flags, request in
        var transfer = room(message.pointee.buffers, message.pointee.buffer_count)
        transfer.message = message
        return serve(slot, request, Int(LAMINA_ENTRY_RECEIVE_FROM), transfer) {
            $0.takeRoom(message, 1)
            $0.flags = flags
        }
    }

    private static let sendMessages: lamina_send_messages_function = { slot, messages, count, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_SEND_MESSAGES)) {
            $0.take(messages, count)
            $0.flags = flags
        }
    }

    private static let receiveMessages: lamina_receive_messages_function = { slot, messages, count, flags, request in
        var transfer = Stage.Transfer(isReceive: true)
        if count > 0 {
            transfer = room(messages.pointee.buffers, messages.pointee.buffer_count)
            transfer.message = messages
            transfer.countsDatagrams = true
        }
        return serve(slot, request, Int(LAMINA_ENTRY_RECEIVE_MESSAGES), transfer) {
            $0.takeRoom(messages, count)
            $0.flags = flags
        }
    }

    private static let disconnect: lamina_disconnect_function = { slot, buffers, count, flags, request in
        serve(slot, request, Int(LAMINA_ENTRY_DISCONNECT)) {
            $0.take(buffers, count)
            $0.flags = flags
        }
    }

    private static let release: lamina_release_function = { slot, nodes, request in
        let status = serve(slot, request, Int(LAMINA_ENTRY_RELEASE))
        var next: UnsafeMutablePointer<lamina_data>? = nodes
        while let node = next {
            next = node.pointee.next
            node.pointee.owner?(node, node.pointee.owner_context)
        }
        return status
    }

    private static let enableIndications: lamina_enable_indications_function = { slot, set, clear, request in
        Stage.of(slot)?.enable(slot, set, clear, request) ?? lamina_complete(slot, request, -EBADF, 0)
    }
}
