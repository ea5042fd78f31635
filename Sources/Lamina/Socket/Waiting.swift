public import CLamina
import CLinux
import Glibc

/// A socket's calls for a thread that may block. Each waits on the thread that makes it; on a thread that runs an
/// engine, what can't end at once fails with EDEADLK. A deadline is in nanoseconds of CLOCK_MONOTONIC; `Deadline.after`
/// makes one.
public struct Waiting: Sendable {
    let socket: Socket

    /// Binds a local address (bind, WskBind).
    public func bind(to address: Address, deadline: Int64 = 0) throws(LaminaError) {
        try perform("bind \(address)", deadline: deadline) { request in
            withUnsafePointer(to: address.c) { lamina_socket_bind(socket.handle, $0, 0, request) }
        }
    }

    /// Starts to take connections (listen, WskListen).
    public func listen(backlog: UInt32 = 128, deadline: Int64 = 0) throws(LaminaError) {
        try perform("listen", deadline: deadline) { lamina_socket_listen(socket.handle, backlog, $0) }
    }

    /// Takes a connection (accept, WskAccept), and writes the peer's address where `remote` is given.
    public func accept(
        remote: UnsafeMutablePointer<lamina_address>? = nil,
        deadline: Int64 = 0
    ) throws(LaminaError) -> Socket {
        let outcome = run(deadline) { lamina_socket_accept(socket.handle, nil, remote, $0) }
        return try outcome.accepted(by: socket)
    }

    /// Connects (connect, WskConnect). A name is resolved on the way down, by the first level that can.
    public func connect(to address: Address, deadline: Int64 = 0) throws(LaminaError) {
        try perform("connect \(address)", deadline: deadline) { request in
            withUnsafePointer(to: address.c) { lamina_socket_connect(socket.handle, $0, 0, request) }
        }
    }

    /// The socket's own address (getsockname, WskGetLocalAddress).
    public func localAddress(deadline: Int64 = 0) throws(LaminaError) -> Address {
        var address = lamina_address()
        try withUnsafeMutablePointer(to: &address) { address throws(LaminaError) in
            _ = try perform("local address", deadline: deadline) {
                lamina_socket_local_address(socket.handle, address, $0)
            }
        }
        return Address(address)
    }

    /// The peer's address (getpeername, WskGetRemoteAddress).
    public func remoteAddress(deadline: Int64 = 0) throws(LaminaError) -> Address {
        var address = lamina_address()
        try withUnsafeMutablePointer(to: &address) { address throws(LaminaError) in
            _ = try perform("remote address", deadline: deadline) {
                lamina_socket_remote_address(socket.handle, address, $0)
            }
        }
        return Address(address)
    }

    /// Sends all bytes (send, WskSend).
    public func send(_ bytes: UnsafeRawBufferPointer, deadline: Int64 = 0) throws(LaminaError) {
        var buffer = lamina_buffer(base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), length: bytes.count)
        try perform("send \(bytes.count) bytes", deadline: deadline) {
            lamina_socket_send(socket.handle, &buffer, 1, 0, $0)
        }
    }

    /// Sends all bytes (send, WskSend).
    public func send(_ bytes: [UInt8], deadline: Int64 = 0) throws(LaminaError) {
        // Rethrown by hand: the closure of `withUnsafeBytes` has no typed error.
        let failure = bytes.withUnsafeBytes { bytes -> LaminaError? in
            do throws(LaminaError) {
                try send(bytes, deadline: deadline)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Receives into `room`: at least one byte, 0 at the stream's end (recv, WskReceive). With `all`, until the room is
    /// full or the stream ends.
    public func receive(
        into room: UnsafeMutableRawBufferPointer,
        all: Bool = false,
        deadline: Int64 = 0
    ) throws(LaminaError) -> Int {
        var buffer = lamina_buffer(base: room.baseAddress, length: room.count)
        let flags = all ? UInt32(LAMINA_RECEIVE_WAIT_ALL) : 0
        let outcome = run(deadline) { lamina_socket_receive(socket.handle, &buffer, 1, flags, $0) }
        try outcome.check("receive")
        return outcome.count(in: room.count)
    }

    /// Receives up to `count` bytes; empty at the stream's end.
    public func receive(upTo count: Int, all: Bool = false, deadline: Int64 = 0) throws(LaminaError) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
        defer { room.deallocate() }
        let received = try receive(
            into: UnsafeMutableRawBufferPointer(rebasing: room[..<count]),
            all: all,
            deadline: deadline
        )
        return Array(room[..<received])
    }

    /// Sends one datagram, to the address or, without one, where the socket's datagrams go (sendto, sendmsg), with
    /// control data. Throws EDESTADDRREQ where they go nowhere.
    public func send(
        _ bytes: [UInt8],
        to address: Address?,
        control: [ControlData] = [],
        deadline: Int64 = 0
    ) throws(LaminaError) {
        let outcome = withDatagram(bytes, address, control) { message in
            run(deadline) { lamina_socket_send_to(socket.handle, message, 0, $0) }
        }
        try outcome.check("send \(bytes.count) bytes to \(address?.description ?? "the peer")")
    }

    /// Receives one datagram of up to `count` bytes (recvfrom, recvmsg), with up to `room` bytes of control data, each
    /// piece with a header of 16.
    public func receiveDatagram(
        upTo count: Int = 65_535,
        control room: Int = 0,
        deadline: Int64 = 0
    ) throws(LaminaError) -> Datagram {
        let room = DatagramRoom(count, control: room)
        let outcome = run(deadline) { lamina_socket_receive_from(socket.handle, room.message, 0, $0) }
        try outcome.check("receive")
        return room.datagram(of: outcome)
    }

    /// Ends one direction or both (shutdown, WskDisconnect).
    public func disconnect(_ options: DisconnectOptions = [], deadline: Int64 = 0) throws(LaminaError) {
        try perform("disconnect", deadline: deadline) {
            lamina_socket_disconnect(socket.handle, nil, 0, options.rawValue, $0)
        }
    }

    /// Sets an option (setsockopt).
    public func setOption(_ level: Int32, _ option: Int32, to value: Int32) throws(LaminaError) {
        var value = value
        try perform("option \(level)/\(option)") { request in
            withUnsafePointer(to: &value) { value in
                var operation = Self.operation(LAMINA_CONTROL_SET_OPTION, level, option)
                operation.input = UnsafeRawPointer(value)
                operation.input_length = MemoryLayout<Int32>.size
                return lamina_socket_control(socket.handle, &operation, request)
            }
        }
    }

    /// Reads an option (getsockopt).
    public func option(_ level: Int32, _ option: Int32) throws(LaminaError) -> Int32 {
        var value: Int32 = 0
        try withUnsafeMutablePointer(to: &value) { value throws(LaminaError) in
            var operation = Self.operation(LAMINA_CONTROL_GET_OPTION, level, option)
            operation.output = UnsafeMutableRawPointer(value)
            operation.output_capacity = MemoryLayout<Int32>.size
            _ = try perform("option \(level)/\(option)") { lamina_socket_control(socket.handle, &operation, $0) }
        }
        return value
    }

    /// A descriptor that can be polled, passed on and used in the socket's place: the base's, where all layers' effect is
    /// none; else one end of a pair, and from then on what crosses the socket goes there, through the chain, carried by its
    /// engine. It stays the socket's, and is the same each time. Throws `notSupported` for a listening socket whose chain
    /// sees data.
    public func descriptor() throws(LaminaError) -> Int32 {
        try socket.wholeDescriptor()
    }

    /// Ends the socket and waits until it is gone (close, WskCloseSocket). Throws what a level's close met.
    public func close() throws(LaminaError) {
        let gate = Gate()
        ColumnClosing.close(socket.handle) { gate.open($0) }
        let status = gate.pass(running: socket.chain.engine)
        guard status < 0 else { return }
        throw Outcome.error(status, "close")
    }

    static func operation(_ kind: Int, _ level: Int32, _ option: Int32) -> lamina_operation {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(kind)
        operation.level = level
        operation.code = UInt32(bitPattern: option)
        return operation
    }

    func run(_ deadline: Int64, _ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status) -> Outcome {
        WaitingOperation.run(socket.handle, engine: socket.chain.engine, deadline: deadline, call)
    }

    /// Makes any call that takes a request, and waits for it. Answers its byte count; errors name `subject`. What the
    /// call is given to write to must stay where it is until this returns.
    @discardableResult
    public func perform(
        _ subject: @autoclosure () -> String,
        deadline: Int64 = 0,
        _ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) throws(LaminaError) -> Int {
        let outcome = run(deadline, call)
        try outcome.check(subject())
        return Int(clamping: outcome.bytes)
    }
}

/// Points in time for deadlines.
public enum Deadline {
    /// Nanoseconds of CLOCK_MONOTONIC, this many seconds from now.
    public static func after(seconds: Double) -> Int64 {
        after(nanoseconds: seconds.isNaN ? 0 : Int64(max(-9e18, min(9e18, seconds * 1e9))))
    }

    /// Nanoseconds of CLOCK_MONOTONIC, this many milliseconds from now.
    public static func after(milliseconds: Int64) -> Int64 {
        after(nanoseconds: max(-9_000_000_000_000, min(9_000_000_000_000, milliseconds)) * 1_000_000)
    }

    /// Never 0, which stands for no deadline.
    private static func after(nanoseconds: Int64) -> Int64 {
        let (when, isTooLate) = clinux_monotonic().addingReportingOverflow(nanoseconds)
        return isTooLate ? .max : max(when, 1)
    }
}

extension Outcome {
    /// The accepted socket.
    func accepted(by listener: Socket) throws(LaminaError) -> Socket {
        try check("accept")
        guard let socket else { throw LaminaError(.system, "accept", "gave no socket", errno: EPROTO) }
        return Socket(handle: socket, chain: listener.chain)
    }
}

/// Runs `body` with a message of these bytes.
func withDatagram<Result>(
    _ bytes: [UInt8],
    _ address: Address?,
    _ control: [ControlData] = [],
    _ body: (UnsafeMutablePointer<lamina_message>) -> Result
) -> Result {
    bytes.withUnsafeBytes { bytes in
        let buffer = lamina_buffer(base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), length: bytes.count)
        return withDatagram(buffer, address, control, body)
    }
}

/// Runs `body` with a message of the buffer's bytes, which must live until the request completes.
func withDatagram<Result>(
    _ buffer: lamina_buffer,
    _ address: Address?,
    _ control: [ControlData],
    _ body: (UnsafeMutablePointer<lamina_message>) -> Result
) -> Result {
    var control = ControlData.encode(control)
    var destination = address?.c ?? lamina_address()
    return withUnsafePointer(to: buffer) { buffer in
        withUnsafeMutablePointer(to: &destination) { destination in
            var message = lamina_message()
            message.buffers = buffer
            message.buffer_count = 1
            message.address = address == nil ? nil : destination
            return control.withUnsafeMutableBytes { control in
                message.control = control.isEmpty ? nil : control.baseAddress
                message.control_length = control.count
                return body(&message)
            }
        }
    }
}

/// Where a datagram is received to.
final class DatagramRoom: @unchecked Sendable {
    // Written by the operation alone until it has completed.
    let message: UnsafeMutablePointer<lamina_message>
    private let address: UnsafeMutablePointer<lamina_address>
    private let buffer: UnsafeMutablePointer<lamina_buffer>
    private let room: UnsafeMutableRawBufferPointer
    private let control: UnsafeMutableRawBufferPointer

    init(_ count: Int, control: Int = 0) {
        room = .allocate(byteCount: max(count, 1), alignment: 16)
        buffer = .allocate(capacity: 1)
        buffer.initialize(to: lamina_buffer(base: room.baseAddress, length: count))
        address = .allocate(capacity: 1)
        address.initialize(to: lamina_address())
        message = .allocate(capacity: 1)
        message.initialize(to: lamina_message())
        message.pointee.buffers = UnsafePointer(buffer)
        message.pointee.buffer_count = 1
        message.pointee.address = address
        self.control = .allocate(byteCount: max(control, 0), alignment: 16)
        message.pointee.control = control > 0 ? self.control.baseAddress : nil
        message.pointee.control_length = max(control, 0)
    }

    deinit {
        message.deallocate()
        address.deallocate()
        buffer.deallocate()
        room.deallocate()
        control.deallocate()
    }

    func datagram(of outcome: Outcome) -> Datagram {
        let sender = Address(address.pointee)
        return Datagram(
            bytes: Array(room[..<outcome.count(in: room.count)]),
            sender: sender.family == nil ? nil : sender,
            flags: message.pointee.flags,
            control: ControlData.decode(
                UnsafeRawBufferPointer(rebasing: control[..<min(message.pointee.control_length, control.count)])
            )
        )
    }
}

/// A thread that waits for something without a request.
final class Gate: @unchecked Sendable {
    // `isOpen` is read and written by atomic operations; the status is written before.
    private let wakeUp = clinux_eventfd()
    private var isOpen: UInt32 = 0
    private var status: lamina_status = 0

    deinit { Glibc.close(wakeUp) }

    func open(_ status: lamina_status) {
        self.status = status
        clinux_store_u32(&isOpen, 1)
        clinux_eventfd_signal(wakeUp)
    }

    /// Waits until it is open; -ETIMEDOUT: the deadline, in nanoseconds of CLOCK_MONOTONIC, 0 for none, has passed.
    func pass(running engine: Engine, until deadline: Int64 = 0) -> lamina_status {
        // On an engine's thread nobody else would run it.
        let isEngine = lamina_this_thread().pointee.engine > 0
        while clinux_load_u32(&isOpen) == 0 {
            if isEngine { return -EDEADLK }
            if deadline != 0, clinux_monotonic() >= deadline { return -ETIMEDOUT }
            let own = engine.isRunByProgram ? engine.descriptor : -1
            if clinux_wait_for(-1, 0, wakeUp, own, deadline) & 4 != 0, engine.run() == 0 { sched_yield() }
        }
        return status
    }
}
