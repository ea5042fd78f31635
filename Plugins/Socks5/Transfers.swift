import CLamina
import Glibc
import LaminaProvider

/// What a program does with a socket: it has to wait until the way is open, so that nothing of its own goes to the server.
enum Transfers {
    /// Whether the socket's data are the program's.
    private static func isOpen(_ slot: Slot) -> Bool { slot.dial?.phase == Dial.Phase.ready }

    static func send(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        return lamina_send(slot, buffers, count, flags, request)
    }

    static func receive(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        return lamina_receive(slot, buffers, count, flags, request)
    }

    static func disconnect(
        _ slot: Slot,
        _ buffers: UnsafePointer<lamina_buffer>?,
        _ count: UInt32,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot) else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        return lamina_disconnect(slot, buffers, count, flags, request)
    }

    /// What tells of data. What a listening socket tells is the levels' below.
    private static let ofData =
        UInt32(1) << UInt32(LAMINA_INDICATION_RECEIVE) | 1 << UInt32(LAMINA_INDICATION_DISCONNECT)
        | 1 << UInt32(LAMINA_INDICATION_SEND_BACKLOG)

    static func enable(_ slot: Slot, _ set: UInt32, _ clear: UInt32, _ request: Request) -> lamina_status {
        guard let dial = slot.dial, dial.postpones(set: set & ofData, clear: clear & ofData) else {
            return lamina_enable_indications(slot, set, clear, request)
        }
        let (set, clear) = (set & ~ofData, clear & ~ofData)
        guard set | clear != 0 else { return lamina_complete(slot, request, 0, 0) }
        return lamina_enable_indications(slot, set, clear, request)
    }

    static func remoteAddress(
        _ slot: Slot,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: Request
    ) -> lamina_status {
        guard isOpen(slot), let dial = slot.dial, dial.pointee.destination.form != UInt16(LAMINA_ADDRESS_NONE) else {
            return lamina_remote_address(slot, address, request)
        }
        address.pointee = dial.pointee.destination
        return lamina_complete(slot, request, 0, 0)
    }
}

/// Names: the server resolves them, unless it is said otherwise.
enum Questions {
    static func resolve(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard let server = ProxyServer.of(slot), server.resolvesNames,
            query.pointee.flags & UInt32(AI_NUMERICHOST) == 0,
            let address = SocksAddress.make(host: String(cString: query.pointee.name), port: query.pointee.port),
            address.form == UInt16(LAMINA_ADDRESS_NAME), !isLocal(String(cString: query.pointee.name))
        else { return lamina_resolve(slot, query, request) }
        query.pointee.count = 0
        if query.pointee.capacity > 0 {
            query.pointee.addresses[0] = address
            query.pointee.count = 1
        }
        return lamina_complete(slot, request, 0, UInt64(query.pointee.count))
    }

    /// Nobody is asked for the names of addresses: the protocol has no such question, and this machine's name servers
    /// would hear where the program goes.
    static func reverse(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard let server = ProxyServer.of(slot), server.resolvesNames,
            query.pointee.flags & UInt32(NI_NUMERICHOST) == 0
        else { return lamina_reverse_resolve(slot, query, request) }
        guard query.pointee.flags & UInt32(NI_NAMEREQD) == 0 else {
            return lamina_complete(slot, request, -ENOENT, 0)
        }
        query.pointee.flags |= UInt32(NI_NUMERICHOST)
        return lamina_reverse_resolve(slot, query, request)
    }

    /// `localhost` and what is below it never leave the machine (RFC 6761).
    private static func isLocal(_ name: String) -> Bool {
        var name = name.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        return name == "localhost" || name.hasSuffix(".localhost")
    }
}
