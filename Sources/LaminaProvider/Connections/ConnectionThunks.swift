import CLamina
import Glibc

/// The table's functions for calls of connections: each serves every layer of the plug-in.
enum ConnectionThunks {
    /// Fills in those that a type has a protocol for.
    static func fill(_ table: inout lamina_table, _ own: Conformances) {
        if own.fills(LAMINA_ENTRY_CONNECT) { table.connect = connect }
        if own.fills(LAMINA_ENTRY_CONNECT_WITH_DATA) { table.connect_with_data = connectWithData }
        if own.fills(LAMINA_ENTRY_SEND) { table.send = DirectThunks.send(own) }
        if own.fills(LAMINA_ENTRY_RECEIVE) { table.receive = DirectThunks.receive(own) }
        if own.fills(LAMINA_ENTRY_DISCONNECT) { table.disconnect = disconnect }
    }

    private static let connect: lamina_connect_function = { slot, address, flags, request in
        guard let part = Part(slot) else { return lamina_connect(slot, address, flags, request) }
        if part.own.connectEnds != nil, !Frame.push(slot, request, connectEnded, nil, part.own.timeStamp) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.connectCalls else { return lamina_connect(slot, address, flags, request) }
        return calls.enter(part, Address(address.pointee), ConnectFlags(rawValue: flags), slot, request)
    }

    private static let connectEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.connectEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let connectWithData: lamina_connect_with_data_function = {
        slot,
        address,
        buffers,
        count,
        flags,
        request in
        guard let part = Part(slot) else {
            return lamina_connect_with_data(slot, address, buffers, count, flags, request)
        }
        if part.own.connectWithDataEnds != nil, !Frame.push(slot, request, connectWithDataEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.connectWithDataCalls else {
            return lamina_connect_with_data(slot, address, buffers, count, flags, request)
        }
        return calls.enter(part, Address(address.pointee), Outgoing(buffers, count, flags), slot, request)
    }

    private static let connectWithDataEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.connectWithDataEnds else { return 0 }
        ends.end(part, slot, request, request.pointee.bytes)
        return 0
    }

    private static let disconnect: lamina_disconnect_function = { slot, buffers, count, flags, request in
        guard let part = Part(slot) else { return lamina_disconnect(slot, buffers, count, flags, request) }
        if part.own.disconnectEnds != nil, !Frame.push(slot, request, disconnectEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.disconnectCalls else {
            return lamina_disconnect(slot, buffers, count, flags, request)
        }
        return calls.enter(part, DisconnectFlags(rawValue: flags), Outgoing(optional: buffers, count), slot, request)
    }

    private static let disconnectEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.disconnectEnds else { return 0 }
        ends.end(part, slot, request, request.pointee.bytes)
        return 0
    }
}
