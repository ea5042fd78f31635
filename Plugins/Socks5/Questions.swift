import CLamina
import Glibc
import LaminaProvider

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
