import CLamina
import Glibc

/// The table's functions for control calls: each serves every layer of the plug-in.
enum ControlThunks {
    /// Fills in those that a type has a protocol for.
    static func fill(_ table: inout lamina_table, _ own: Conformances) {
        if own.fills(LAMINA_ENTRY_CONTROL) { table.control = control }
        if own.fills(LAMINA_ENTRY_BIND) { table.bind = bind }
        if own.fills(LAMINA_ENTRY_LISTEN) { table.listen = listen }
        if own.fills(LAMINA_ENTRY_ACCEPT) { table.accept = accept }
        if own.fills(LAMINA_ENTRY_INSPECT_COMPLETE) { table.inspect_complete = inspectComplete }
        if own.fills(LAMINA_ENTRY_LOCAL_ADDRESS) { table.local_address = localAddress }
        if own.fills(LAMINA_ENTRY_REMOTE_ADDRESS) { table.remote_address = remoteAddress }
        if own.fills(LAMINA_ENTRY_RELEASE) { table.release = release }
        if own.fills(LAMINA_ENTRY_ENABLE_INDICATIONS) { table.enable_indications = enableIndications }
    }

    private static let control: lamina_control_function = { slot, operation, request in
        guard let part = Part(slot) else { return lamina_control(slot, operation, request) }
        if part.own.controlEnds != nil, !Frame.push(slot, request, controlEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.controlCalls else { return lamina_control(slot, operation, request) }
        return calls.enter(part, ControlOperation(operation), slot, request)
    }

    private static let controlEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.controlEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let bind: lamina_bind_function = { slot, address, flags, request in
        guard let part = Part(slot) else { return lamina_bind(slot, address, flags, request) }
        if part.own.bindEnds != nil, !Frame.push(slot, request, bindEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.bindCalls else { return lamina_bind(slot, address, flags, request) }
        return calls.enter(part, Address(address.pointee), flags, slot, request)
    }

    private static let bindEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.bindEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let listen: lamina_listen_function = { slot, backlog, request in
        guard let part = Part(slot) else { return lamina_listen(slot, backlog, request) }
        if part.own.listenEnds != nil, !Frame.push(slot, request, listenEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.listenCalls else { return lamina_listen(slot, backlog, request) }
        return calls.enter(part, backlog, slot, request)
    }

    private static let listenEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.listenEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let accept: lamina_accept_function = { slot, local, remote, request in
        guard let part = Part(slot) else { return lamina_accept(slot, local, remote, request) }
        if part.own.acceptEnds != nil, !Frame.push(slot, request, acceptEnded, local, UInt64(UInt(bitPattern: remote)))
        {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.acceptCalls else { return lamina_accept(slot, local, remote, request) }
        return calls.enter(part, AddressRoom(local, remote), slot, request)
    }

    private static let acceptEnded: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let ends = part.own.acceptEnds else { return 0 }
        ends.end(
            part,
            slot,
            request,
            0,
            AddressRoom(context?.assumingMemoryBound(to: lamina_address.self), Frame.peer(request))
        )
        return 0
    }

    private static let inspectComplete: lamina_inspect_complete_function = { slot, id, action, request in
        guard let part = Part(slot) else { return lamina_inspect_complete(slot, id, action, request) }
        if part.own.inspectCompleteEnds != nil, !Frame.push(slot, request, inspectCompleteEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.inspectCompleteCalls else {
            return lamina_inspect_complete(slot, id, action, request)
        }
        return calls.enter(part, InspectionID(id.pointee), action == UInt32(LAMINA_INSPECT_ACCEPT), slot, request)
    }

    private static let inspectCompleteEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.inspectCompleteEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let localAddress: lamina_local_address_function = { slot, address, request in
        guard let part = Part(slot) else { return lamina_local_address(slot, address, request) }
        if part.own.localAddressEnds != nil, !Frame.push(slot, request, localAddressEnded, address) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.localAddressCalls else { return lamina_local_address(slot, address, request) }
        return calls.enter(part, AddressRoom(address), slot, request)
    }

    private static let localAddressEnded: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let ends = part.own.localAddressEnds else { return 0 }
        ends.end(part, slot, request, 0, Frame.answered(context, request))
        return 0
    }

    private static let remoteAddress: lamina_remote_address_function = { slot, address, request in
        guard let part = Part(slot) else { return lamina_remote_address(slot, address, request) }
        if part.own.remoteAddressEnds != nil, !Frame.push(slot, request, remoteAddressEnded, address) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.remoteAddressCalls else { return lamina_remote_address(slot, address, request) }
        return calls.enter(part, AddressRoom(address), slot, request)
    }

    private static let remoteAddressEnded: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let ends = part.own.remoteAddressEnds else { return 0 }
        ends.end(part, slot, request, 0, Frame.answered(context, request))
        return 0
    }

    private static let release: lamina_release_function = { slot, nodes, request in
        guard let part = Part(slot) else { return lamina_release(slot, nodes, request) }
        if part.own.releaseEnds != nil, !Frame.push(slot, request, releaseEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.releaseCalls else { return lamina_release(slot, nodes, request) }
        return calls.enter(part, IndicatedData(nodes), slot, request)
    }

    private static let releaseEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.releaseEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }

    private static let enableIndications: lamina_enable_indications_function = { slot, set, clear, request in
        guard let part = Part(slot) else { return lamina_enable_indications(slot, set, clear, request) }
        if part.own.enableIndicationsEnds != nil, !Frame.push(slot, request, enableIndicationsEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.enableIndicationsCalls else {
            return lamina_enable_indications(slot, set, clear, request)
        }
        return calls.enter(part, IndicationSet(rawValue: set), IndicationSet(rawValue: clear), slot, request)
    }

    private static let enableIndicationsEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.enableIndicationsEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }
}
