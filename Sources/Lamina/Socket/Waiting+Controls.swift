public import CLamina
import Glibc

/// What a socket is asked or told beside its data; <doc:Controls> says which base offers what.
extension Waiting {
    // MARK: - Where datagrams go

    /// Says where a datagram socket's datagrams go that name no destination, nil for nowhere
    /// (SIO_WSK_SET_SENDTO_ADDRESS). What comes isn't filtered.
    public func setDestination(_ address: Address?, deadline: Int64 = 0) throws(LaminaError) {
        try perform("destination \(address?.description ?? "none")", deadline: deadline) { request in
            withUnsafePointer(to: address?.c ?? lamina_address()) {
                lamina_socket_connect(socket.handle, $0, UInt32(LAMINA_CONNECT_SEND_ONLY), request)
            }
        }
    }

    /// What `setDestination` said; nil for nothing.
    public func destination() throws(LaminaError) -> Address? {
        let address = Address(try laminaOption(LAMINA_OPTION_SEND_TO_ADDRESS, lamina_address(), "destination"))
        return address.family == nil ? nil : address
    }

    /// Lets a datagram socket whose remote address `connect` fixed take datagrams from everybody again. It keeps its
    /// port. EADDRINUSE: another socket took it meanwhile.
    public func forgetRemote(deadline: Int64 = 0) throws(LaminaError) {
        try perform("no remote address", deadline: deadline) { request in
            withUnsafePointer(to: lamina_address()) { lamina_socket_connect(socket.handle, $0, 0, request) }
        }
    }

    // MARK: - Backlogs and inspections

    /// The bytes that receives would find now (SIO_WSK_QUERY_RECEIVE_BACKLOG); of a datagram socket, those of the next
    /// datagram. Throws ENOTCONN where it isn't connected.
    public func receiveBacklog() throws(LaminaError) -> Int {
        Int(clamping: try laminaOption(LAMINA_OPTION_RECEIVE_BACKLOG, UInt64(0), "receive backlog"))
    }

    /// How many bytes a sender should keep under way (SIO_WSK_QUERY_IDEAL_SEND_BACKLOG). Throws ENOTCONN where it isn't
    /// connected.
    public func idealSendBacklog() throws(LaminaError) -> Int {
        Int(clamping: try laminaOption(LAMINA_OPTION_IDEAL_SEND_BACKLOG, UInt64(0), "ideal send backlog"))
    }

    /// Which inspection an accepted socket came from (SIO_WSK_QUERY_INSPECT_ID). Throws ENODATA where there was none.
    public func inspection() throws(LaminaError) -> lamina_inspect_id {
        try laminaOption(LAMINA_OPTION_INSPECT_ID, lamina_inspect_id(), "inspection")
    }

    private func laminaOption<Value>(_ option: Int, _ value: Value, _ subject: String) throws(LaminaError) -> Value {
        var value = value
        try withUnsafeMutablePointer(to: &value) { value throws(LaminaError) in
            var operation = Self.operation(LAMINA_CONTROL_GET_OPTION, Int32(LAMINA_LEVEL), Int32(option))
            operation.output = UnsafeMutableRawPointer(value)
            operation.output_capacity = MemoryLayout<Value>.size
            _ = try perform(subject) { lamina_socket_control(socket.handle, &operation, $0) }
        }
        return value
    }

    // MARK: - The machine's addresses

    /// The addresses of this machine, of the socket's family (SIO_ADDRESS_LIST_QUERY).
    public func addressList() throws(LaminaError) -> [Address] {
        var room: [lamina_address] = []
        while true {
            let (status, bytes) = listAddresses(into: &room)
            let count = Int(clamping: bytes) / MemoryLayout<lamina_address>.stride
            if status == 0 { return room.prefix(count).map(Address.init) }
            guard status == -ENOBUFS, count > room.count else { throw Outcome.error(status, "address list") }
            room = Array(repeating: lamina_address(), count: count)
        }
    }

    private func listAddresses(into room: inout [lamina_address]) -> (status: lamina_status, bytes: UInt64) {
        var operation = Self.operation(LAMINA_CONTROL_IOCTL, Int32(LAMINA_LEVEL), Int32(LAMINA_IOCTL_ADDRESS_LIST))
        return room.withUnsafeMutableBytes { room in
            operation.output = room.baseAddress
            operation.output_capacity = room.count
            let outcome = run(0) { lamina_socket_control(socket.handle, &operation, $0) }
            return (outcome.status, outcome.bytes)
        }
    }

    /// Waits until an address comes or goes (SIO_ADDRESS_LIST_CHANGE). A change that came after the last one was told
    /// ends it at once.
    public func addressListChange(deadline: Int64 = 0) throws(LaminaError) {
        try perform("address list change", deadline: deadline) { Self.awaitAddressListChange(socket.handle, $0) }
    }

    static func awaitAddressListChange(
        _ handle: lamina_socket,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let code = Int32(LAMINA_IOCTL_ADDRESS_LIST_CHANGE)
        var operation = operation(LAMINA_CONTROL_IOCTL, Int32(LAMINA_LEVEL), code)
        return lamina_socket_control(handle, &operation, request)
    }

    /// Puts addresses into the order in which to try them (SIO_ADDRESS_LIST_SORT; RFC 6724).
    public func sorted(_ addresses: [Address]) throws(LaminaError) -> [Address] {
        var list = addresses.map(\.c)
        let size = list.count * MemoryLayout<lamina_address>.stride
        var operation = Self.operation(LAMINA_CONTROL_IOCTL, Int32(LAMINA_LEVEL), Int32(LAMINA_IOCTL_ADDRESS_LIST_SORT))
        let outcome = list.withUnsafeMutableBytes { list in
            operation.input = UnsafeRawPointer(list.baseAddress)
            operation.input_length = size
            operation.output = list.baseAddress
            operation.output_capacity = size
            return run(0) { lamina_socket_control(socket.handle, &operation, $0) }
        }
        try outcome.check("sort addresses")
        return list.map(Address.init)
    }

    // MARK: - Extensions

    /// Asks the chain's levels for an extension by its UUID, and exchanges both sides' tables
    /// (SIO_WSK_REGISTER_EXTENSION). Throws `notSupported` where no level offers it. The name says what the pointers
    /// mean; they are used while the socket is open.
    public func registerExtension(_ uuid: String, own: lamina_extension) throws(LaminaError) -> lamina_extension {
        var (own, answer) = (own, lamina_extension())
        var operation = Self.operation(LAMINA_CONTROL_EXTENSION, 0, 0)
        let outcome = uuid.withCString { name in
            withUnsafePointer(to: &own) { own in
                withUnsafeMutablePointer(to: &answer) { answer in
                    operation.extension = name
                    operation.input = UnsafeRawPointer(own)
                    operation.input_length = MemoryLayout<lamina_extension>.size
                    operation.output = UnsafeMutableRawPointer(answer)
                    operation.output_capacity = MemoryLayout<lamina_extension>.size
                    return run(0) { lamina_socket_control(socket.handle, &operation, $0) }
                }
            }
        }
        try outcome.check("extension \(uuid)")
        return answer
    }

    // MARK: - Datagrams with control data

    /// Takes what the transport reports about datagrams that were sent, beside the datagram in question; nil where there
    /// is nothing. Never waits.
    public func report(upTo count: Int = 65_535, control room: Int = 512) throws(LaminaError) -> Datagram? {
        let datagram = DatagramRoom(count, control: room)
        let outcome = run(0) {
            lamina_socket_receive_from(socket.handle, datagram.message, UInt32(LAMINA_RECEIVE_REPORTS), $0)
        }
        if outcome.status == -EAGAIN { return nil }
        try outcome.check("report")
        return datagram.datagram(of: outcome)
    }
}

extension Socket {
    /// Suspends until an address of this machine comes or goes (SIO_ADDRESS_LIST_CHANGE); `waiting` has the same call
    /// for a thread, and says more.
    public func addressListChange() async throws(LaminaError) {
        let outcome = await AsyncOperation.run { Waiting.awaitAddressListChange(handle, $0) }
        try outcome.check("address list change")
    }
}
