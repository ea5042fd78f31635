import CLamina
import Glibc

/// The table's functions of a type that observes: each serves every such layer of the plug-in.
enum ObserverThunks {
    /// Fills in all but those that begin and end a socket, which `LifetimeThunks` has.
    static func fill(_ table: inout lamina_table) {
        fillControl(&table)
        fillNames(&table)
        fillConnections(&table)
        fillDatagrams(&table)
    }

    /// Lets the layer note a call. Nil: it goes on; else it ended here, with this status.
    @inline(__always)
    static func note(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ entry: Entry,
        _ arguments: ObservedArguments,
        _ parts: CallParts = CallParts()
    ) -> lamina_status? {
        guard let part = Part(slot), let observer = part.own.observesCalls else { return nil }
        var room = parts.address
        return observer.note(part, slot, request, entry, arguments, parts, room: &room)
    }

    /// The frame of every call that a note is kept of.
    static let ended: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let observer = part.own.observesCalls,
            let kept = context?.assumingMemoryBound(to: KeptCall.self)
        else { return 0 }
        observer.end(part, slot, request, kept)
        return 0
    }

    private static func fillControl(_ table: inout lamina_table) {
        table.control = { slot, operation, request in
            ObserverThunks.note(slot, request, .control, .control(ControlOperation(operation)))
                ?? lamina_control(slot, operation, request)
        }
        table.provider_control = { slot, operation, request in
            ObserverThunks.note(slot, request, .providerControl, .control(ControlOperation(operation)))
                ?? lamina_provider_control(slot, operation, request)
        }
        table.bind = { slot, address, flags, request in
            ObserverThunks.note(slot, request, .bind, .bind(ObservedAddress(address)))
                ?? lamina_bind(slot, address, flags, request)
        }
        table.listen = { slot, backlog, request in
            ObserverThunks.note(slot, request, .listen, .listen(backlog: backlog))
                ?? lamina_listen(slot, backlog, request)
        }
        table.accept = { slot, local, remote, request in
            // A caller that doesn't ask for the peer's address is observed with it all the same.
            var remote = remote
            let parts = CallParts(address: remote)
            guard let part = Part(slot), let observer = part.own.observesCalls else {
                return lamina_accept(slot, local, remote, request)
            }
            return observer.note(part, slot, request, .accept, .accept, parts, room: &remote)
                ?? lamina_accept(slot, local, remote, request)
        }
        table.inspect_complete = { slot, id, action, request in
            ObserverThunks.note(slot, request, .inspectComplete, .inspectComplete(InspectionVerdict(action)))
                ?? lamina_inspect_complete(slot, id, action, request)
        }
        table.release = { slot, nodes, request in
            ObserverThunks.note(slot, request, .release, .release(IndicatedData(nodes)))
                ?? lamina_release(slot, nodes, request)
        }
        table.enable_indications = { slot, set, clear, request in
            ObserverThunks.note(
                slot,
                request,
                .enableIndications,
                .enableIndications(IndicationSet(rawValue: set), clear: IndicationSet(rawValue: clear))
            ) ?? lamina_enable_indications(slot, set, clear, request)
        }
    }

    private static func fillNames(_ table: inout lamina_table) {
        table.local_address = { slot, address, request in
            ObserverThunks.note(slot, request, .localAddress, .localAddress, CallParts(address: address))
                ?? lamina_local_address(slot, address, request)
        }
        table.remote_address = { slot, address, request in
            ObserverThunks.note(slot, request, .remoteAddress, .remoteAddress, CallParts(address: address))
                ?? lamina_remote_address(slot, address, request)
        }
        table.resolve = { slot, query, request in
            ObserverThunks.note(slot, request, .resolve, .resolve(NameQuestion(query)), CallParts(question: query))
                ?? lamina_resolve(slot, query, request)
        }
        table.reverse_resolve = { slot, query, request in
            ObserverThunks.note(
                slot,
                request,
                .reverseResolve,
                .reverseResolve(AddressQuestion(query)),
                CallParts(reverse: query)
            )
                ?? lamina_reverse_resolve(slot, query, request)
        }
    }

    private static func fillConnections(_ table: inout lamina_table) {
        table.connect = { slot, address, flags, request in
            ObserverThunks.note(
                slot,
                request,
                .connect,
                .connect(ObservedAddress(address), ConnectFlags(rawValue: flags))
            )
                ?? lamina_connect(slot, address, flags, request)
        }
        table.connect_with_data = { slot, address, buffers, count, flags, request in
            ObserverThunks.note(
                slot,
                request,
                .connectWithData,
                .connectWithData(ObservedAddress(address), Outgoing(buffers, count, flags)),
                CallParts(buffers: buffers, bufferCount: count)
            ) ?? lamina_connect_with_data(slot, address, buffers, count, flags, request)
        }
        table.send = { slot, buffers, count, flags, request in
            let parts = CallParts(buffers: buffers, bufferCount: count)
            return ObserverThunks.note(slot, request, .send, .send(Outgoing(buffers, count, flags)), parts)
                ?? lamina_send(slot, buffers, count, flags, request)
        }
        table.receive = { slot, buffers, count, flags, request in
            let parts = CallParts(buffers: buffers, bufferCount: count)
            return ObserverThunks.note(slot, request, .receive, .receive(Incoming(buffers, count, flags)), parts)
                ?? lamina_receive(slot, buffers, count, flags, request)
        }
        table.disconnect = { slot, buffers, count, flags, request in
            let how = DisconnectFlags(rawValue: flags)
            let parts = CallParts(buffers: buffers, bufferCount: count)
            return ObserverThunks.note(
                slot,
                request,
                .disconnect,
                .disconnect(how, Outgoing(optional: buffers, count)),
                parts
            )
                ?? lamina_disconnect(slot, buffers, count, flags, request)
        }
    }

    private static func fillDatagrams(_ table: inout lamina_table) {
        table.send_to = { slot, message, flags, request in
            let parts = CallParts(buffers: message.pointee.buffers, bufferCount: message.pointee.buffer_count)
            return ObserverThunks.note(slot, request, .sendTo, .sendTo(OutgoingDatagram(message, flags)), parts)
                ?? lamina_send_to(slot, message, flags, request)
        }
        table.receive_from = { slot, message, flags, request in
            let parts = CallParts(address: message.pointee.address, messages: message, messageCount: 1)
            return ObserverThunks.note(
                slot,
                request,
                .receiveFrom,
                .receiveFrom(IncomingDatagram(message, flags)),
                parts
            )
                ?? lamina_receive_from(slot, message, flags, request)
        }
        table.send_messages = { slot, messages, count, flags, request in
            let parts = CallParts(messages: messages, messageCount: count, keepsAll: true)
            return ObserverThunks.note(
                slot,
                request,
                .sendMessages,
                .sendMessages(Datagrams(messages, count, flags)),
                parts
            )
                ?? lamina_send_messages(slot, messages, count, flags, request)
        }
        table.receive_messages = { slot, messages, count, flags, request in
            let address = count > 0 ? messages.pointee.address : nil
            let parts = CallParts(address: address, messages: messages, messageCount: count)
            return ObserverThunks.note(
                slot,
                request,
                .receiveMessages,
                .receiveMessages(Datagrams(messages, count, flags)),
                parts
            )
                ?? lamina_receive_messages(slot, messages, count, flags, request)
        }
    }

    // MARK: - Events

    private static func observe(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ entry: Entry,
        _ arguments: ObservedArguments,
        bytes: (EventAnswer) -> UInt64 = { _ in 0 },
        verdict: () -> UInt32 = { 0 },
        pass: () -> lamina_status
    ) -> lamina_status {
        guard let part = Part(slot), let observer = part.own.observesCalls else { return pass() }
        return observer.observe(part, slot, entry, arguments, pass, bytes, verdict)
    }

    /// The indications.
    static func fill(_ table: inout lamina_indications) {
        table.accept = { slot, event in
            ObserverThunks.observe(slot, .acceptEvent, .acceptEvent(AcceptEvent(event))) {
                lamina_indicate_accept(slot, event)
            }
        }
        table.inspect = { slot, event in
            ObserverThunks.observe(
                slot,
                .inspectEvent,
                .inspectEvent(InspectEvent(event)),
                verdict: { event.pointee.answer }
            ) {
                lamina_indicate_inspect(slot, event)
            }
        }
        table.abort = { slot, event in
            ObserverThunks.observe(slot, .abortEvent, .abortEvent(AbortEvent(event))) {
                lamina_indicate_abort(slot, event)
            }
        }
        table.receive = { slot, event in
            ObserverThunks.observe(
                slot,
                .receiveEvent,
                .receiveEvent(ReceiveEvent(event)),
                bytes: { ReceiveEvent(event).bytesTaken($0) }
            ) { lamina_indicate_receive(slot, event) }
        }
        table.receive_from = { slot, event in
            ObserverThunks.observe(slot, .receiveFromEvent, .receiveFromEvent(ReceiveFromEvent(event))) {
                lamina_indicate_receive_from(slot, event)
            }
        }
        table.disconnect = { slot, event in
            ObserverThunks.observe(slot, .disconnectEvent, .disconnectEvent(DisconnectEvent(event))) {
                lamina_indicate_disconnect(slot, event)
            }
        }
        table.send_backlog = { slot, event in
            ObserverThunks.observe(slot, .sendBacklogEvent, .sendBacklogEvent(SendBacklogEvent(event))) {
                lamina_indicate_send_backlog(slot, event)
            }
        }
    }
}
