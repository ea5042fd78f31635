public import CLamina

/// Sockets by requests, for callers that bring their own completion routines: they never wait.
extension Chain {
    /// Opens a socket (WskSocket). When `request` completes without an error, its `socket` and `socket_generation` are
    /// the handle. Answers as an entry does.
    public func open(
        _ arguments: lamina_open_arguments,
        origin: OriginStorage,
        request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        ColumnOpening.open(
            self,
            start: 0,
            arguments: arguments,
            origin: origin,
            client: nil,
            context: nil,
            above: nil,
            request: request
        ).status
    }

    /// The same with options.
    public func open(_ options: SocketOptions, request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        open(options.arguments, origin: options.origin, request: request)
    }

    /// Closes a socket of this chain (WskCloseSocket), and tells `done` how that ended, here or later, on any thread;
    /// -EBADF: it was closed. What pends has completed by then.
    public func close(_ handle: lamina_socket, done: @escaping @Sendable (lamina_status) -> Void) {
        ColumnClosing.close(handle, done: done)
    }
}
