import CLamina
import Glibc

/// The table's functions for calls of datagram sockets: each serves every layer of the plug-in.
enum DatagramThunks {
    /// Fills in those that a type has a protocol for.
    static func fill(_ table: inout lamina_table, _ own: Conformances) {
        if own.fills(LAMINA_ENTRY_SEND_TO) { table.send_to = DirectThunks.sendTo(own) }
        if own.fills(LAMINA_ENTRY_RECEIVE_FROM) { table.receive_from = DirectThunks.receiveFrom(own) }
        if own.fills(LAMINA_ENTRY_SEND_MESSAGES) { table.send_messages = sendMessages }
        if own.fills(LAMINA_ENTRY_RECEIVE_MESSAGES) { table.receive_messages = receiveMessages }
    }

    private static let sendMessages: lamina_send_messages_function = { slot, messages, count, flags, request in
        guard let part = Part(slot) else { return lamina_send_messages(slot, messages, count, flags, request) }
        if part.own.sendMessagesEnds != nil, !Frame.push(slot, request, sendMessagesEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.sendMessagesCalls else {
            return lamina_send_messages(slot, messages, count, flags, request)
        }
        return calls.enter(part, Datagrams(messages, count, flags), slot, request)
    }

    private static let sendMessagesEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.sendMessagesEnds else { return 0 }
        ends.end(part, slot, request, request.pointee.bytes)
        return 0
    }

    private static let receiveMessages: lamina_receive_messages_function = { slot, messages, count, flags, request in
        guard let part = Part(slot) else { return lamina_receive_messages(slot, messages, count, flags, request) }
        if part.own.receiveMessagesEnds != nil, !Frame.push(slot, request, receiveMessagesEnded, messages) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.receiveMessagesCalls else {
            return lamina_receive_messages(slot, messages, count, flags, request)
        }
        return calls.enter(part, Datagrams(messages, count, flags), slot, request)
    }

    private static let receiveMessagesEnded: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let ends = part.own.receiveMessagesEnds else { return 0 }
        ends.end(part, slot, request, Frame.received(context, request))
        return 0
    }
}
