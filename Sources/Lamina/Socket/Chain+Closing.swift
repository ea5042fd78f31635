import CLamina
import Glibc

/// The end of everything that is open on a chain (WskDeregister).
extension Chain {
    /// The sockets that the program has open on this chain, the oldest first: opened or accepted, and not closed.
    public var openSockets: [Socket] {
        ColumnPool.sockets(of: self).reversed().map { Socket(handle: $0, chain: self) }
    }

    /// Closes every open socket and waits until all are gone, blocking the thread; a deadline is in nanoseconds of
    /// CLOCK_MONOTONIC, 0 for none. What pends completes as cancelled.
    ///
    /// Throws `timedOut` once the deadline has passed, and names the sockets that are left, by their number in traces, with
    /// what they are and where they are bound; their close goes on.
    public func closeSockets(deadline: Int64 = 0) throws(LaminaError) {
        let closing = openSockets.map { (name: Self.name(of: $0), socket: $0, gate: Gate()) }
        for (_, socket, gate) in closing { ColumnClosing.close(socket.handle) { gate.open($0) } }
        var left: [String] = []
        var failure: (name: String, status: lamina_status)?
        for (name, _, gate) in closing {
            switch gate.pass(running: engine, until: deadline) {
            case -ETIMEDOUT: left.append(name)
            // Somebody else closed it meanwhile.
            case 0, -EBADF: break
            case let status: failure = (name, status)
            }
        }
        guard left.isEmpty else {
            throw LaminaError(
                .timedOut,
                left.count == 1 ? "socket \(left[0])" : "sockets \(left.joined(separator: ", "))",
                left.count == 1 ? "has not closed" : "have not closed",
                remedy: "the log names the layer that holds a close up for 5 seconds",
                errno: ETIMEDOUT
            )
        }
        if let failure { throw Outcome.error(failure.status, "close of socket \(failure.name)") }
    }

    private static func name(of socket: Socket) -> String {
        guard lamina_enter(socket.handle) != 0 else { return "#\(socket.serial)" }
        let category = SocketCategories(rawValue: socket.handle.slot.pointee.column.pointee.category)
        lamina_leave()
        let kind =
            switch category {
            case .listen: "listener"
            case .datagram: "datagram socket"
            case .stream: "stream socket"
            case .connection: "connection"
            default: "socket"
            }
        var local = lamina_address()
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        let status = lamina_socket_local_address(socket.handle, &local, &request)
        let address = Address(local)
        let isKnown = status == 0 && address.family != nil && address.port != 0
        return "#\(socket.serial) (\(kind)\(isKnown ? " at \(address)" : ""))"
    }
}
