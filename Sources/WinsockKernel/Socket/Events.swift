import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// Which event callbacks a socket has enabled: SO_WSK_EVENT_CALLBACK, and what a client enabled for all its sockets.
enum Events {
    /// Every bit that an event mask may have.
    static let all = UInt32(
        WSK_EVENT_SEND_BACKLOG | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_RECEIVE_FROM | WSK_EVENT_ACCEPT
    )
    private static let ofConnections = UInt32(WSK_EVENT_SEND_BACKLOG | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)

    private static let indications: [(event: Int32, indication: Int)] = [
        (WSK_EVENT_SEND_BACKLOG, LAMINA_INDICATION_SEND_BACKLOG), (WSK_EVENT_RECEIVE, LAMINA_INDICATION_RECEIVE),
        (WSK_EVENT_DISCONNECT, LAMINA_INDICATION_DISCONNECT),
        (WSK_EVENT_RECEIVE_FROM, LAMINA_INDICATION_RECEIVE_FROM), (WSK_EVENT_ACCEPT, LAMINA_INDICATION_ACCEPT),
    ]

    /// Whether an interface's name is that of WSK.
    static func isWSK(_ name: PNPIID?) -> Bool {
        guard let name else { return false }
        return withUnsafePointer(to: NPI_WSK_INTERFACE_ID) { memcmp($0, name, MemoryLayout<GUID>.size) == 0 }
    }

    /// The chain's bits of these events.
    private static func bits(_ events: UInt32) -> UInt32 {
        indications.reduce(0) { events & UInt32($1.event) != 0 ? $0 | 1 << UInt32($1.indication) : $0 }
    }

    /// The events that a socket's category has.
    private static func known(_ socket: KernelSocket) -> UInt32 {
        switch Int(socket.pointee.category) {
        case LAMINA_LISTEN: UInt32(WSK_EVENT_ACCEPT)
        case LAMINA_DATAGRAM: UInt32(WSK_EVENT_RECEIVE_FROM)
        case LAMINA_CONNECTION: ofConnections
        case LAMINA_STREAM: socket.has(WSK_IS_LISTENING) ? UInt32(WSK_EVENT_ACCEPT) : ofConnections
        default: 0
        }
    }

    static func isEnabled(_ event: Int32, of socket: KernelSocket) -> Bool {
        clinux_load_u32(socket.place(\.events)) & UInt32(event) != 0
    }

    // MARK: - Beginning

    /// Makes the callbacks of a new socket those of its client, and enables what the client enabled for all sockets; of
    /// an accepted one that waits for the end of its accept.
    static func attach(_ socket: KernelSocket) {
        guard let chain = Provider.chain else { return }
        do throws(LaminaError) {
            try Socket(handle: socket.pointee.handle, chain: chain).setIndications(
                Callbacks.table,
                context: UnsafeMutableRawPointer(socket)
            )
        } catch {
            return
        }
        if !socket.has(WSK_IS_CONNECTED), socket.pointee.category != UInt32(LAMINA_STREAM) { enableFixed(socket) }
    }

    /// Enables what the client enabled for all sockets: of a stream socket once it is known what it will be.
    static func enableFixed(_ socket: KernelSocket) {
        enableAtOnce(socket.pointee.handle, socket.pointee.events & known(socket))
    }

    /// What enables the events of a socket that a WskAccept made, once its client has it; nil for none.
    static func start(ofAccepted irp: PIRP) -> (() -> Void)? {
        guard irp.pointee.IoStatus.Status == STATUS_SUCCESS,
            let made = UnsafeMutablePointer<wsk_socket>(bitPattern: irp.pointee.IoStatus.Information)
        else { return nil }
        let (handle, events) = (made.pointee.handle, made.pointee.events & ofConnections)
        return events == 0 ? nil : { enableAtOnce(handle, events) }
    }

    /// Enables events where that is possible; a base that doesn't know one offers the others.
    static func enableAtOnce(_ handle: lamina_socket, _ events: UInt32) {
        guard change(handle, set: bits(events), clear: 0) == -EOPNOTSUPP else { return }
        for (event, indication) in indications where events & UInt32(event) != 0 {
            _ = change(handle, set: 1 << UInt32(indication), clear: 0)
        }
    }

    private static func change(_ handle: lamina_socket, set: UInt32, clear: UInt32) -> lamina_status {
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        return lamina_socket_enable_indications(handle, set, clear, &request)
    }

    /// Waits for the end of a receive callback, and holds the next one up.
    static func stop(_ socket: KernelSocket, _ request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        lamina_socket_enable_indications(socket.pointee.handle, 0, bits(UInt32(WSK_EVENT_RECEIVE)), request)
    }

    /// Lets receive callbacks go on.
    static let goOn: @convention(c) (PIRP?) -> lamina_status = { irp in
        guard let irp, let socket = wsk_operation_of(irp).pointee.socket else { return -EINVAL }
        let request = Submission.prepare(irp)
        return lamina_socket_enable_indications(socket.pointee.handle, bits(UInt32(WSK_EVENT_RECEIVE)), 0, request)
    }

    // MARK: - SO_CONDITIONAL_ACCEPT

    /// Lets a listener that isn't bound yet inspect its connections, or not.
    static func setConditional(_ call: ControlCall) -> (status: NTSTATUS, information: UInt) {
        let socket = call.socket
        let isListener = [LAMINA_LISTEN, LAMINA_STREAM].contains { socket.pointee.category == UInt32($0) }
        guard isListener else { return (STATUS_NOT_SUPPORTED, 0) }
        guard call.input.count >= MemoryLayout<UInt32>.size else { return (STATUS_INVALID_PARAMETER, 0) }
        guard !socket.has(WSK_IS_BOUND) else { return (STATUS_INVALID_DEVICE_STATE, 0) }
        let isOn = call.input.loadUnaligned(as: UInt32.self) != 0
        if isOn, wsk_listen_client(socket)?.pointee.WskInspectEvent == nil { return (STATUS_INVALID_PARAMETER, 0) }
        let bits: UInt32 = 1 << UInt32(LAMINA_INDICATION_INSPECT) | 1 << UInt32(LAMINA_INDICATION_ABORT)
        let status = change(socket.pointee.handle, set: isOn ? bits : 0, clear: isOn ? 0 : bits)
        return (Status.of(status, .control), 0)
    }

    // MARK: - SO_WSK_EVENT_CALLBACK

    static func change(_ call: ControlCall, _ irp: PIRP?) -> NTSTATUS {
        func end(_ status: NTSTATUS) -> NTSTATUS { irp.map { Submission.answer($0, status) } ?? status }
        let socket = call.socket
        guard call.input.count >= MemoryLayout<WSK_EVENT_CALLBACK_CONTROL>.size else {
            return end(STATUS_INVALID_PARAMETER)
        }
        let control = call.input.loadUnaligned(as: WSK_EVENT_CALLBACK_CONTROL.self)
        let events = control.EventMask & ~UInt32(WSK_EVENT_DISABLE)
        let disables = control.EventMask & UInt32(WSK_EVENT_DISABLE) != 0
        guard isWSK(control.NpiId), events != 0, events & ~all == 0 else { return end(STATUS_INVALID_PARAMETER) }
        return disables ? disable(socket, events, irp, end) : enable(socket, events, end)
    }

    private static func enable(_ socket: KernelSocket, _ events: UInt32, _ end: (NTSTATUS) -> NTSTATUS) -> NTSTATUS {
        // What a listener's connections begin with: only those that WskAcceptEvent delivers.
        let isListener = known(socket) == UInt32(WSK_EVENT_ACCEPT)
        let inherited = isListener ? events & ofConnections : 0
        let own = events & ~inherited
        guard own & ~known(socket) == 0 else { return end(STATUS_NOT_SUPPORTED) }
        guard socket.has(socket.pointee.category == UInt32(LAMINA_CONNECTION) ? WSK_IS_CONNECTED : WSK_IS_BOUND) else {
            return end(STATUS_INVALID_DEVICE_STATE)
        }
        guard has(socket, own) else { return end(STATUS_INVALID_PARAMETER) }
        _ = clinux_set_bits_u32(socket.place(\.inherited), inherited)
        _ = clinux_add_u32(socket.place(\.enables), 1)
        // A callback may run before the call has returned.
        _ = clinux_set_bits_u32(socket.place(\.events), own)
        let status = own == 0 ? 0 : change(socket.pointee.handle, set: bits(own), clear: 0)
        if status < 0 { _ = clinux_clear_bits_u32(socket.place(\.events), own) }
        return end(Status.of(status, .control))
    }

    /// Whether the client has callbacks for these events.
    private static func has(_ socket: KernelSocket, _ events: UInt32) -> Bool {
        if events == 0 { return true }
        guard let dispatch = socket.pointee.dispatch else { return false }
        if events & ofConnections != 0 {
            guard let client = wsk_connection_client(socket)?.pointee else { return false }
            if events & UInt32(WSK_EVENT_RECEIVE) != 0, client.WskReceiveEvent == nil { return false }
            if events & UInt32(WSK_EVENT_DISCONNECT) != 0, client.WskDisconnectEvent == nil { return false }
            return events & UInt32(WSK_EVENT_SEND_BACKLOG) == 0 || client.WskSendBacklogEvent != nil
        }
        // Tables of datagram and listen sockets begin with the callback in question, a stream socket's with a table.
        return dispatch.load(as: UnsafeRawPointer?.self) != nil
    }

    /// Disables one event. It is over when no callback of it runs any more.
    private static func disable(
        _ socket: KernelSocket,
        _ events: UInt32,
        _ irp: PIRP?,
        _ end: (NTSTATUS) -> NTSTATUS
    ) -> NTSTATUS {
        guard events.nonzeroBitCount == 1 else { return end(STATUS_INVALID_PARAMETER) }
        let fixed = Client.of(socket.pointee.client)?.staticEvents ?? 0
        guard events & known(socket) == events, events & fixed == 0 else { return end(STATUS_NOT_SUPPORTED) }
        _ = clinux_clear_bits_u32(socket.place(\.events), events)
        guard let irp else {
            let status = change(socket.pointee.handle, set: 0, clear: bits(events))
            return status == -EAGAIN ? STATUS_EVENT_PENDING : Status.of(status, .disable)
        }
        wsk_operation_of(irp).pointee.kind = Kind.disable.rawValue
        return Submission.run(irp) {
            lamina_socket_enable_indications(socket.pointee.handle, 0, bits(events), $0)
        }
    }
}
