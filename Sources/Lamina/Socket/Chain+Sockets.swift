import CLamina
import Glibc

extension Chain {
    /// Opens a socket, waiting for the levels that take their time (socket, WskSocket).
    public func open(_ options: SocketOptions) throws(LaminaError) -> Socket {
        let outcome = WaitingOperation.run(nil, engine: engine) { open(options, request: $0) }
        try outcome.check("open")
        guard let handle = outcome.socket else { throw LaminaError(.system, "open", "gave no socket", errno: EPROTO) }
        return Socket(handle: handle, chain: self)
    }

    /// Opens a socket and connects it, waiting (WskSocketConnect). On failure no socket is left.
    public func connect(to address: Address, origin: OriginStorage = .program, deadline: Int64 = 0) throws(LaminaError)
        -> Socket
    {
        var options = SocketOptions.connection(address.family ?? AF_UNSPEC)
        options.origin = origin
        let socket = try open(options)
        do throws(LaminaError) {
            try socket.waiting.connect(to: address, deadline: deadline)
            return socket
        } catch {
            socket.close()
            throw error
        }
    }

    /// Opens a socket that takes connections at an address; port 0 lets the system choose. On failure no socket is left.
    public func listen(on address: Address, backlog: UInt32 = 128) throws(LaminaError) -> Socket {
        let socket = try open(.listen(address.family ?? AF_INET))
        do throws(LaminaError) {
            try socket.waiting.bind(to: address)
            try socket.waiting.listen(backlog: backlog)
            return socket
        } catch {
            socket.close()
            throw error
        }
    }
}
