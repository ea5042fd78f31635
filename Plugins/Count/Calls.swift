import CLamina
import LaminaProvider
import Synchronization

/// Puts this level's frame on the request, so that the call is counted when it has ended. Not nil: it ended already.
@inline(__always)
private func counted(
    _ slot: Slot,
    _ entry: Int,
    _ request: Request,
    _ frame: lamina_completion = ended
) -> lamina_status? {
    guard let context = slot.pointee.context else { return nil }
    return push(slot, request, frame, Counters(memory: context)[entry])
}

@inline(__always)
private func push(
    _ slot: Slot,
    _ request: Request,
    _ frame: lamina_completion,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status? {
    guard lamina_push(slot, request, frame, context) != nil else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    return nil
}

/// The frame of most calls: its context is the counter.
private let ended: lamina_completion = { _, request, context in
    context?.assumingMemoryBound(to: Counter.self).add(request.pointee.status, bytes: request.pointee.bytes)
    return 0
}

/// The frame of calls whose `bytes` are none of the connection's: what is only looked at, and other answers.
private let endedWithoutBytes: lamina_completion = { _, request, context in
    context?.assumingMemoryBound(to: Counter.self).add(request.pointee.status, bytes: 0)
    return 0
}

/// The frame of `receive_messages`, whose `bytes` are datagrams: its context is the first message.
private let endedMessages: lamina_completion = { slot, request, context in
    guard let memory = slot?.pointee.context else { return 0 }
    let messages = context?.assumingMemoryBound(to: lamina_message.self)
    var bytes: UInt64 = 0
    for index in 0..<Int(clamping: request.pointee.bytes) { bytes += messages?[index].bytes ?? 0 }
    Counters(memory: memory)[LAMINA_ENTRY_RECEIVE_MESSAGES].add(request.pointee.status, bytes: bytes)
    return 0
}

/// The frame of `open` and `adopt_state`: a socket that didn't come to be is counted and forgotten.
private let opened: lamina_completion = { slot, request, context in
    context?.assumingMemoryBound(to: Counter.self).add(request.pointee.status, bytes: 0)
    guard let slot else { return 0 }
    if request.pointee.status < 0 {
        SocketCounters.end(slot)
    } else if let level = lamina_instance_context(slot) {
        Level.at(level).pointee.sockets.wrappingAdd(1, ordering: .relaxed)
    }
    return 0
}

/// The frame of `close`: the last that anything sees of the socket.
private let closed: lamina_completion = { slot, request, context in
    context?.assumingMemoryBound(to: Counter.self).add(request.pointee.status, bytes: 0)
    guard let slot, let memory = slot.pointee.context else { return 0 }
    if let level = lamina_instance_context(slot), Level.at(level).pointee.showsEach {
        Report.socket(Counters(memory: memory), slot, Level.at(level))
    }
    SocketCounters.end(slot)
    return 0
}

/// The calls: every entry, so that no byte passes by.
enum Calls {
    nonisolated(unsafe) static let table = Immortal.copy(
        lamina_table { table in
            fillLifetime(&table)
            fillControl(&table)
            fillConnections(&table)
            fillDatagrams(&table)
        }
    )

    private static func fillLifetime(_ table: inout lamina_table) {
        table.open = { slot, arguments, request in
            guard SocketCounters.begin(slot) else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return counted(slot, LAMINA_ENTRY_OPEN, request, opened) ?? lamina_open(slot, arguments, request)
        }
        table.adopt_state = { slot, state, request in
            guard SocketCounters.begin(slot) else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return counted(slot, LAMINA_ENTRY_ADOPT_STATE, request, opened)
                ?? lamina_adopt_state(slot, state, request)
        }
        table.close = { slot, request in
            counted(slot, LAMINA_ENTRY_CLOSE, request, closed) ?? lamina_close(slot, request)
        }
        table.export_state = { slot, state, request in
            counted(slot, LAMINA_ENTRY_EXPORT_STATE, request, endedWithoutBytes)
                ?? lamina_export_state(slot, state, request)
        }
    }

    private static func fillControl(_ table: inout lamina_table) {
        table.control = { slot, operation, request in
            counted(slot, LAMINA_ENTRY_CONTROL, request, endedWithoutBytes)
                ?? lamina_control(slot, operation, request)
        }
        table.bind = { slot, address, flags, request in
            counted(slot, LAMINA_ENTRY_BIND, request) ?? lamina_bind(slot, address, flags, request)
        }
        table.listen = { slot, backlog, request in
            counted(slot, LAMINA_ENTRY_LISTEN, request) ?? lamina_listen(slot, backlog, request)
        }
        table.accept = { slot, local, remote, request in
            counted(slot, LAMINA_ENTRY_ACCEPT, request) ?? lamina_accept(slot, local, remote, request)
        }
        table.inspect_complete = { slot, id, action, request in
            counted(slot, LAMINA_ENTRY_INSPECT_COMPLETE, request) ?? lamina_inspect_complete(slot, id, action, request)
        }
        table.local_address = { slot, address, request in
            counted(slot, LAMINA_ENTRY_LOCAL_ADDRESS, request) ?? lamina_local_address(slot, address, request)
        }
        table.remote_address = { slot, address, request in
            counted(slot, LAMINA_ENTRY_REMOTE_ADDRESS, request) ?? lamina_remote_address(slot, address, request)
        }
        table.release = { slot, nodes, request in
            counted(slot, LAMINA_ENTRY_RELEASE, request, endedWithoutBytes) ?? lamina_release(slot, nodes, request)
        }
        table.enable_indications = { slot, set, clear, request in
            counted(slot, LAMINA_ENTRY_ENABLE_INDICATIONS, request)
                ?? lamina_enable_indications(slot, set, clear, request)
        }
        table.resolve = { slot, query, request in
            counted(slot, LAMINA_ENTRY_RESOLVE, request) ?? lamina_resolve(slot, query, request)
        }
        table.reverse_resolve = { slot, query, request in
            counted(slot, LAMINA_ENTRY_REVERSE_RESOLVE, request) ?? lamina_reverse_resolve(slot, query, request)
        }
        table.provider_control = { slot, operation, request in
            counted(slot, LAMINA_ENTRY_PROVIDER_CONTROL, request, endedWithoutBytes)
                ?? lamina_provider_control(slot, operation, request)
        }
    }

    private static func fillConnections(_ table: inout lamina_table) {
        table.connect = { slot, address, flags, request in
            counted(slot, LAMINA_ENTRY_CONNECT, request) ?? lamina_connect(slot, address, flags, request)
        }
        table.connect_with_data = { slot, address, buffers, count, flags, request in
            counted(slot, LAMINA_ENTRY_CONNECT_WITH_DATA, request)
                ?? lamina_connect_with_data(slot, address, buffers, count, flags, request)
        }
        table.send = { slot, buffers, count, flags, request in
            counted(slot, LAMINA_ENTRY_SEND, request) ?? lamina_send(slot, buffers, count, flags, request)
        }
        table.receive = { slot, buffers, count, flags, request in
            let peeks = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
            return counted(slot, LAMINA_ENTRY_RECEIVE, request, peeks ? endedWithoutBytes : ended)
                ?? lamina_receive(slot, buffers, count, flags, request)
        }
        table.disconnect = { slot, buffers, count, flags, request in
            counted(slot, LAMINA_ENTRY_DISCONNECT, request) ?? lamina_disconnect(slot, buffers, count, flags, request)
        }
    }

    private static func fillDatagrams(_ table: inout lamina_table) {
        table.send_to = { slot, message, flags, request in
            counted(slot, LAMINA_ENTRY_SEND_TO, request) ?? lamina_send_to(slot, message, flags, request)
        }
        table.receive_from = { slot, message, flags, request in
            let peeks = flags & UInt32(LAMINA_RECEIVE_PEEK) != 0
            return counted(slot, LAMINA_ENTRY_RECEIVE_FROM, request, peeks ? endedWithoutBytes : ended)
                ?? lamina_receive_from(slot, message, flags, request)
        }
        table.send_messages = { slot, messages, count, flags, request in
            counted(slot, LAMINA_ENTRY_SEND_MESSAGES, request)
                ?? lamina_send_messages(slot, messages, count, flags, request)
        }
        table.receive_messages = { slot, messages, count, flags, request in
            push(slot, request, endedMessages, messages)
                ?? lamina_receive_messages(slot, messages, count, flags, request)
        }
    }
}
