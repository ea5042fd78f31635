import CLamina
import Glibc

/// Entries that a layer left empty, made from entries that it has, so that nothing of a class gets past it; and those
/// that a base can be spared. Each is called with the level's own slot.
enum Adapters {
    /// The adapter for an empty entry of a layer with this table; nil where there is none.
    static func function(for entry: Entry, table: UnsafePointer<lamina_table>?) -> lamina_any_function? {
        guard let table = table?.pointee else { return nil }
        switch entry.number {
        case Int(LAMINA_ENTRY_SEND_MESSAGES) where table.send_to != nil:
            return unsafeBitCast(sendMessages, to: lamina_any_function.self)
        case Int(LAMINA_ENTRY_RECEIVE_MESSAGES) where table.receive_from != nil:
            return unsafeBitCast(receiveMessages, to: lamina_any_function.self)
        case Int(LAMINA_ENTRY_CONNECT_WITH_DATA) where table.send != nil || table.connect != nil:
            return unsafeBitCast(connectWithData, to: lamina_any_function.self)
        case Int(LAMINA_ENTRY_DISCONNECT) where table.send != nil:
            return unsafeBitCast(disconnect, to: lamina_any_function.self)
        default:
            return nil
        }
    }

    /// The adapter for an empty entry of a base, which must have all that the adapter calls; nil where there is none.
    static func function(ofBase table: UnsafePointer<lamina_table>?, for entry: Entry) -> lamina_any_function? {
        guard let own = table?.pointee else { return nil }
        switch entry.number {
        case Int(LAMINA_ENTRY_CONNECT_WITH_DATA) where own.connect == nil || own.send == nil: return nil
        case Int(LAMINA_ENTRY_DISCONNECT): return nil
        default: return function(for: entry, table: table)
        }
    }

    /// The level's own table.
    private static func table(_ slot: Slot) -> lamina_table? {
        ColumnState.of(slot).instance(at: slot)?.table?.pointee
    }

    /// send-messages as send-to, one by one. Whoever only tries is content with a part.
    private static let sendMessages: lamina_send_messages_function = { slot, messages, count, flags, request in
        guard let sendTo = table(slot)?.send_to else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        var index = 0
        var total: UInt64 = 0
        return Relay(slot, request).run { status, bytes in
            if let status {
                guard status >= 0 else { return .end(status == -EAGAIN && index > 0 ? 0 : status, total) }
                messages[index].bytes = bytes
                total += bytes
                index += 1
            }
            guard index < Int(count) else { return .end(0, total) }
            return .issue { sendTo(slot, messages + index, flags, $0) }
        }
    }

    /// receive-messages as one receive-from.
    private static let receiveMessages: lamina_receive_messages_function = { slot, messages, count, flags, request in
        guard let receiveFrom = table(slot)?.receive_from, count > 0 else {
            return lamina_complete(slot, request, count == 0 ? -EINVAL : -EOPNOTSUPP, 0)
        }
        return Relay(slot, request).run { status, bytes in
            guard let status else { return .issue { receiveFrom(slot, messages, flags, $0) } }
            guard status >= 0 else { return .end(status, 0) }
            messages.pointee.bytes = bytes
            return .end(0, 1)
        }
    }

    /// connect-with-data as connect, then send, through whichever of the two the layer has.
    private static let connectWithData: lamina_connect_with_data_function = {
        slot,
        address,
        buffers,
        count,
        flags,
        request in
        let own = table(slot)
        let destination = address.pointee
        let data = (0..<Int(count)).map { buffers[$0] }
        var isConnected = false
        return Relay(slot, request).run { status, bytes in
            guard let status else {
                return .issue { sub in
                    withUnsafePointer(to: destination) { address in
                        own?.connect?(slot, address, flags, sub) ?? lamina_connect(slot, address, flags, sub)
                    }
                }
            }
            guard status >= 0, !isConnected else { return .end(status, bytes) }
            isConnected = true
            return .issue { send(data, from: slot, through: own?.send, $0) }
        }
    }

    /// disconnect with final data as send, then disconnect; without data it passes.
    private static let disconnect: lamina_disconnect_function = { slot, buffers, count, flags, request in
        // An abortive one takes no data: the level below says so.
        guard count > 0, flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) == 0, let buffers, let own = table(slot)?.send
        else { return lamina_disconnect(slot, buffers, count, flags, request) }
        let data = (0..<Int(count)).map { buffers[$0] }
        var isSent = false
        return Relay(slot, request).run { status, bytes in
            guard let status else { return .issue { send(data, from: slot, through: own, $0) } }
            guard status >= 0, !isSent else { return .end(status, bytes) }
            isSent = true
            return .issue { lamina_disconnect(slot, nil, 0, flags, $0) }
        }
    }

    private static func send(
        _ data: [lamina_buffer],
        from slot: Slot,
        through own: lamina_send_function?,
        _ request: Request
    ) -> lamina_status {
        data.withUnsafeBufferPointer { data in
            guard let base = data.baseAddress else { return lamina_complete(slot, request, 0, 0) }
            let count = UInt32(data.count)
            return own?(slot, base, count, 0, request) ?? lamina_send(slot, base, count, 0, request)
        }
    }

    /// enable-indications at a layer that receives: data indications that it can't see are not supported.
    static let enableIndications: lamina_any_function = {
        let function: lamina_enable_indications_function = { slot, set, clear, request in
            let indications = ColumnState.of(slot).instance(at: slot)?.indications
            var unseen: UInt32 = 0
            for event in Entry.indications
            where event.classes & UInt32(LAMINA_CLASS_DATA_IN) != 0 && event.function(in: indications) == nil {
                unseen |= 1 << UInt32(event.number)
            }
            guard set & unseen == 0 else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
            return lamina_enable_indications(slot, set, clear, request)
        }
        return unsafeBitCast(function, to: lamina_any_function.self)
    }()
}
