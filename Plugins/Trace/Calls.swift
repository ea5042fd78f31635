import CLamina
import LaminaProvider

typealias OperationPointer = UnsafeMutablePointer<Operation>

/// Starts the operation of one call: puts this level's frame on the request, where the call is shown, so that its line
/// is written when it has ended. Not nil: it ended already, with this status.
@inline(__always)
private func traced(
    _ slot: Slot,
    _ entry: Int,
    _ request: Request,
    in level: UnsafeMutablePointer<Trace>?,
    _ describe: (OperationPointer) -> Void
) -> lamina_status? {
    guard let level else { return nil }
    let look = level.pointee.look
    guard level.pointee.filter.shows(call: entry, look) else { return nil }
    guard let operation = Operation.make(entry, look: look, isEvent: false) else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    guard lamina_push(slot, request, finish, operation) != nil else {
        operation.destroy()
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    describe(operation)
    operation.pointee.started = Operation.now
    return nil
}

/// The same for a call on a socket.
@inline(__always)
private func traced(
    _ slot: Slot,
    _ entry: Int,
    _ request: Request,
    _ describe: (OperationPointer) -> Void = { _ in }
) -> lamina_status? {
    traced(slot, entry, request, in: Trace.of(slot), describe)
}

/// The same for a call on the chain itself, where the slot's context is the level.
@inline(__always)
private func tracedInChain(
    _ slot: Slot,
    _ entry: Int,
    _ request: Request,
    _ describe: (OperationPointer) -> Void
) -> lamina_status? {
    traced(slot, entry, request, in: slot.pointee.context?.assumingMemoryBound(to: Trace.self), describe)
}

/// Every operation's completion frame: writes the line.
private let finish: lamina_completion = { slot, request, context in
    guard let slot, let operation = context?.assumingMemoryBound(to: Operation.self) else { return 0 }
    let isInChain = lamina_describe_entry(operation.pointee.number).pointee.chain != 0
    let level = isInChain ? slot.pointee.context?.assumingMemoryBound(to: Trace.self) : Trace.of(slot)
    if let level, !level.pointee.look.errorsOnly || request.pointee.status < 0 {
        TraceLine.write(operation, slot, request, level)
    }
    operation.destroy()
    return 0
}

/// The calls of a level that shows everything.
enum Calls {
    static var table: lamina_table {
        lamina_table { table in
            table.configure = { Trace.configure($0, $1, $2, $3) }
            fillLifetime(&table)
            fillNames(&table)
            fillConnections(&table)
            fillDatagrams(&table)
        }
    }

    private static func fillLifetime(_ table: inout lamina_table) {
        table.open = { slot, arguments, request in
            traced(slot, LAMINA_ENTRY_OPEN, request) {
                $0.pointee.level = arguments.pointee.family
                $0.pointee.kind = UInt32(bitPattern: arguments.pointee.type)
                $0.pointee.code = arguments.pointee.category
                $0.pointee.flags = arguments.pointee.flags
            } ?? lamina_open(slot, arguments, request)
        }
        table.close = { slot, request in
            traced(slot, LAMINA_ENTRY_CLOSE, request) ?? lamina_close(slot, request)
        }
        table.control = { slot, operation, request in
            traced(slot, LAMINA_ENTRY_CONTROL, request) { $0.keep(operation) }
                ?? lamina_control(slot, operation, request)
        }
        table.provider_control = { slot, operation, request in
            tracedInChain(slot, LAMINA_ENTRY_PROVIDER_CONTROL, request) { $0.keep(operation) }
                ?? lamina_provider_control(slot, operation, request)
        }
        table.release = { slot, nodes, request in
            traced(slot, LAMINA_ENTRY_RELEASE, request) ?? lamina_release(slot, nodes, request)
        }
        table.enable_indications = { slot, set, clear, request in
            traced(slot, LAMINA_ENTRY_ENABLE_INDICATIONS, request) {
                $0.pointee.flags = set
                $0.pointee.detail = clear
            } ?? lamina_enable_indications(slot, set, clear, request)
        }
        table.export_state = { slot, state, request in
            traced(slot, LAMINA_ENTRY_EXPORT_STATE, request) ?? lamina_export_state(slot, state, request)
        }
        table.adopt_state = { slot, state, request in
            traced(slot, LAMINA_ENTRY_ADOPT_STATE, request) { $0.pointee.size = UInt64(state.pointee.length) }
                ?? lamina_adopt_state(slot, state, request)
        }
    }

    private static func fillNames(_ table: inout lamina_table) {
        table.bind = { slot, address, flags, request in
            traced(slot, LAMINA_ENTRY_BIND, request) { $0.keep(address) } ?? lamina_bind(slot, address, flags, request)
        }
        table.local_address = { slot, address, request in
            traced(slot, LAMINA_ENTRY_LOCAL_ADDRESS, request) { $0.pointee.answered = address }
                ?? lamina_local_address(slot, address, request)
        }
        table.remote_address = { slot, address, request in
            traced(slot, LAMINA_ENTRY_REMOTE_ADDRESS, request) { $0.pointee.answered = address }
                ?? lamina_remote_address(slot, address, request)
        }
        table.resolve = { slot, query, request in
            tracedInChain(slot, LAMINA_ENTRY_RESOLVE, request) {
                $0.keep(name: query.pointee.name, port: query.pointee.port)
                $0.pointee.query = query
            } ?? lamina_resolve(slot, query, request)
        }
        table.reverse_resolve = { slot, query, request in
            tracedInChain(slot, LAMINA_ENTRY_REVERSE_RESOLVE, request) {
                $0.pointee.address = query.pointee.address
                $0.pointee.reverseQuery = query
            } ?? lamina_reverse_resolve(slot, query, request)
        }
    }

    private static func fillConnections(_ table: inout lamina_table) {
        table.listen = { slot, backlog, request in
            traced(slot, LAMINA_ENTRY_LISTEN, request) { $0.pointee.flags = backlog }
                ?? lamina_listen(slot, backlog, request)
        }
        table.accept = { slot, local, remote, request in
            // A caller that doesn't ask for the peer's address gets a trace with it all the same.
            var wanted = remote
            return traced(slot, LAMINA_ENTRY_ACCEPT, request) {
                if wanted == nil { wanted = $0.field(\.answer) }
                $0.pointee.answered = wanted
            } ?? lamina_accept(slot, local, wanted, request)
        }
        table.inspect_complete = { slot, id, action, request in
            traced(slot, LAMINA_ENTRY_INSPECT_COMPLETE, request) { $0.pointee.flags = action }
                ?? lamina_inspect_complete(slot, id, action, request)
        }
        table.connect = { slot, address, flags, request in
            traced(slot, LAMINA_ENTRY_CONNECT, request) {
                $0.keep(address)
                $0.pointee.flags = flags
            } ?? lamina_connect(slot, address, flags, request)
        }
        table.connect_with_data = { slot, address, buffers, count, flags, request in
            traced(slot, LAMINA_ENTRY_CONNECT_WITH_DATA, request) {
                $0.keep(address)
                $0.keep(buffers, count)
            } ?? lamina_connect_with_data(slot, address, buffers, count, flags, request)
        }
        table.send = { slot, buffers, count, flags, request in
            traced(slot, LAMINA_ENTRY_SEND, request) {
                $0.keep(buffers, count)
                $0.pointee.flags = flags
            } ?? lamina_send(slot, buffers, count, flags, request)
        }
        table.receive = { slot, buffers, count, flags, request in
            traced(slot, LAMINA_ENTRY_RECEIVE, request) {
                $0.keep(buffers, count)
                $0.pointee.flags = flags
            } ?? lamina_receive(slot, buffers, count, flags, request)
        }
        table.disconnect = { slot, buffers, count, flags, request in
            traced(slot, LAMINA_ENTRY_DISCONNECT, request) {
                $0.keep(buffers, count)
                $0.pointee.flags = flags
            } ?? lamina_disconnect(slot, buffers, count, flags, request)
        }
    }

    private static func fillDatagrams(_ table: inout lamina_table) {
        table.send_to = { slot, message, flags, request in
            traced(slot, LAMINA_ENTRY_SEND_TO, request) { $0.keep(message) }
                ?? lamina_send_to(slot, message, flags, request)
        }
        table.receive_from = { slot, message, flags, request in
            traced(slot, LAMINA_ENTRY_RECEIVE_FROM, request) {
                $0.keep(message.pointee.buffers, message.pointee.buffer_count)
                $0.pointee.answered = message.pointee.address
                $0.pointee.flags = flags
            } ?? lamina_receive_from(slot, message, flags, request)
        }
        table.send_messages = { slot, messages, count, flags, request in
            traced(slot, LAMINA_ENTRY_SEND_MESSAGES, request) {
                $0.pointee.detail = count
                for index in 0..<Int(count) { $0.keep(messages + index) }
            } ?? lamina_send_messages(slot, messages, count, flags, request)
        }
        table.receive_messages = { slot, messages, count, flags, request in
            traced(slot, LAMINA_ENTRY_RECEIVE_MESSAGES, request) {
                $0.pointee.detail = count
                $0.pointee.messages = messages
                $0.pointee.flags = flags
                if count > 0 {
                    $0.keep(messages.pointee.buffers, messages.pointee.buffer_count)
                    $0.pointee.answered = messages.pointee.address
                }
            } ?? lamina_receive_messages(slot, messages, count, flags, request)
        }
    }
}

extension OperationPointer {
    /// Keeps what a control operation says: an integer that is set, but no other value, which may be a key.
    fileprivate func keep(_ operation: UnsafePointer<lamina_operation>) {
        pointee.kind = operation.pointee.kind
        pointee.level = operation.pointee.level
        pointee.code = operation.pointee.code
        pointee.size = UInt64(operation.pointee.input_length)
        if operation.pointee.kind == UInt32(LAMINA_CONTROL_SET_OPTION), let input = operation.pointee.input,
            operation.pointee.input_length == MemoryLayout<Int32>.size
        {
            pointee.value = input.loadUnaligned(as: Int32.self)
        }
    }

    /// Keeps a datagram that is sent; the first one's destination stands for all.
    fileprivate func keep(_ message: UnsafePointer<lamina_message>) {
        if pointee.size == 0, pointee.bufferCount == 0, let address = message.pointee.address { keep(address) }
        keep(message.pointee.buffers, message.pointee.buffer_count)
    }

    /// Keeps a name and port as an address.
    fileprivate func keep(name: UnsafePointer<CChar>, port: UInt16) {
        pointee.address.form = UInt16(LAMINA_ADDRESS_NAME)
        pointee.address.port = port
        let length = strnlen(name, 253)
        pointee.address.length = UInt32(length)
        withUnsafeMutableBytes(of: &pointee.address.storage) { storage in
            storage.copyMemory(from: UnsafeRawBufferPointer(start: name, count: length))
        }
    }
}
