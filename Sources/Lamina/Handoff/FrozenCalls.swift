import CLamina

/// What slot 0 of a frozen socket calls: the arguments are kept, and the call is made when the gate opens. Each gets any
/// slot of the column.
enum FrozenCalls {
    static let functions: [Int: lamina_any_function] = [
        Int(LAMINA_ENTRY_BIND): unsafeBitCast(bind, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_LISTEN): unsafeBitCast(listen, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_ACCEPT): unsafeBitCast(accept, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_CONNECT): unsafeBitCast(connect, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_CONNECT_WITH_DATA): unsafeBitCast(connectWithData, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_SEND): unsafeBitCast(send, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_RECEIVE): unsafeBitCast(receive, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_SEND_TO): unsafeBitCast(sendTo, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_RECEIVE_FROM): unsafeBitCast(receiveFrom, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_SEND_MESSAGES): unsafeBitCast(sendMessages, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_RECEIVE_MESSAGES): unsafeBitCast(receiveMessages, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_DISCONNECT): unsafeBitCast(disconnect, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_ENABLE_INDICATIONS): unsafeBitCast(enableIndications, to: lamina_any_function.self),
    ]

    private static func pass(_ slot: Slot, _ request: Request, _ issue: @escaping (Slot) -> lamina_status)
        -> lamina_status
    {
        let state = ColumnState.of(slot)
        guard let gate = state.chain.binding.withLock({ _ in state.gate }) else { return issue(state.slots) }
        return gate.pass(request, issue)
    }

    private static let bind: lamina_bind_function = { slot, address, flags, request in
        let local = address.pointee
        return pass(slot, request) { top in
            withUnsafePointer(to: local) { lamina_bind(top, $0, flags, request) }
        }
    }

    private static let listen: lamina_listen_function = { slot, backlog, request in
        pass(slot, request) { lamina_listen($0, backlog, request) }
    }

    private static let accept: lamina_accept_function = { slot, local, remote, request in
        pass(slot, request) { lamina_accept($0, local, remote, request) }
    }

    private static let connect: lamina_connect_function = { slot, address, flags, request in
        let remote = address.pointee
        return pass(slot, request) { top in
            withUnsafePointer(to: remote) { lamina_connect(top, $0, flags, request) }
        }
    }

    private static let connectWithData: lamina_connect_with_data_function = {
        slot,
        address,
        buffers,
        count,
        flags,
        request in
        let (remote, data) = (address.pointee, KeptBuffers(buffers, count))
        return pass(slot, request) { top in
            withUnsafePointer(to: remote) {
                lamina_connect_with_data(top, $0, data.first, data.count, flags, request)
            }
        }
    }

    private static let send: lamina_send_function = { slot, buffers, count, flags, request in
        let data = KeptBuffers(buffers, count)
        return pass(slot, request) { lamina_send($0, data.first, data.count, flags, request) }
    }

    private static let receive: lamina_receive_function = { slot, buffers, count, flags, request in
        let room = KeptBuffers(buffers, count)
        return pass(slot, request) { lamina_receive($0, room.first, room.count, flags, request) }
    }

    private static let sendTo: lamina_send_to_function = { slot, message, flags, request in
        let kept = KeptMessages(sending: message)
        return pass(slot, request) { top in
            kept.issue(from: top, request) { lamina_send_to(top, $0, flags, request) }
        }
    }

    private static let receiveFrom: lamina_receive_from_function = { slot, message, flags, request in
        let kept = KeptMessages(receiving: message, 1)
        return pass(slot, request) { top in
            kept.issue(from: top, request) { lamina_receive_from(top, $0, flags, request) }
        }
    }

    private static let sendMessages: lamina_send_messages_function = { slot, messages, count, flags, request in
        let kept = KeptMessages(sending: messages, count)
        return pass(slot, request) { top in
            kept.issue(from: top, request) { lamina_send_messages(top, $0, count, flags, request) }
        }
    }

    private static let receiveMessages: lamina_receive_messages_function = { slot, messages, count, flags, request in
        let kept = KeptMessages(receiving: messages, count)
        return pass(slot, request) { top in
            kept.issue(from: top, request) { lamina_receive_messages(top, $0, count, flags, request) }
        }
    }

    private static let disconnect: lamina_disconnect_function = { slot, buffers, count, flags, request in
        let data = buffers.map { KeptBuffers($0, count) }
        return pass(slot, request) { top in
            lamina_disconnect(top, data.map { UnsafePointer($0.first) }, data?.count ?? 0, flags, request)
        }
    }

    private static let enableIndications: lamina_enable_indications_function = { slot, set, clear, request in
        pass(slot, request) { lamina_enable_indications($0, set, clear, request) }
    }
}
