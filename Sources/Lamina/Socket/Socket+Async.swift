import CLamina
import Glibc

/// One operation of a task: its request, what it needs in memory, and the task that it resumes.
final class AsyncOperation: @unchecked Sendable {
    // `state` is locked: a cancel must not meet a request that has completed.
    private enum State { case idle, running, cancelled, over }

    private let request: UnsafeMutablePointer<lamina_request>
    private let state = Locked(State.idle)
    private var continuation: UnsafeContinuation<Outcome, Never>?

    private init() {
        request = .allocate(capacity: 1)
    }

    deinit {
        request.deallocate()
    }

    /// Runs `call` and suspends until its request has completed; a cancelled task cancels the request.
    static func run(_ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status) async -> Outcome {
        let operation = AsyncOperation()
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                operation.start(continuation, call)
            }
        } onCancel: {
            operation.cancel()
        }
    }

    private func start(
        _ continuation: UnsafeContinuation<Outcome, Never>,
        _ call: (UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) {
        self.continuation = continuation
        lamina_request_prepare(request, Self.completed, Unmanaged.passRetained(self).toOpaque())
        let isCancelled = state.withLock { state in
            defer { if state == .idle { state = .running } }
            return state == .cancelled
        }
        if isCancelled { _ = Completion.cancel(request) }
        _ = call(request)
    }

    private static let completed: lamina_completion = { _, request, context in
        guard let context else { return 0 }
        let operation = Unmanaged<AsyncOperation>.fromOpaque(context).takeRetainedValue()
        operation.state.withLock { $0 = .over }
        let outcome = Outcome(request)
        operation.continuation?.resume(returning: outcome)
        return 0
    }

    private func cancel() {
        // Taken under the lock; the holder's part, which may complete the request at once, comes after it.
        let isTaken = state.withLock { state -> Bool in
            switch state {
            case .idle:
                state = .cancelled
                return false
            case .running:
                return Completion.take(request, because: UInt32(LAMINA_STATE_CANCELLED))
            case .cancelled, .over:
                return false
            }
        }
        if isTaken { _ = Completion.giveToHolder(request) }
    }
}

extension Socket {
    /// Connects (connect, WskConnect). A name is resolved on the way down, by the first level that can.
    public func connect(to address: Address) async throws(LaminaError) {
        let outcome = await AsyncOperation.run { request in
            withUnsafePointer(to: address.c) { lamina_socket_connect(handle, $0, 0, request) }
        }
        try outcome.check("connect \(address)")
    }

    /// Takes a connection (accept, WskAccept).
    public func accept() async throws(LaminaError) -> Socket {
        let outcome = await AsyncOperation.run { lamina_socket_accept(handle, nil, nil, $0) }
        return try outcome.accepted(by: self)
    }

    /// Sends all bytes (send, WskSend). The bytes are copied once.
    public func send(_ bytes: [UInt8]) async throws(LaminaError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        nonisolated(unsafe) let base = copy.baseAddress
        let outcome = await AsyncOperation.run { request in
            var buffer = lamina_buffer(base: base, length: bytes.count)
            return lamina_socket_send(handle, &buffer, 1, 0, request)
        }
        try outcome.check("send \(bytes.count) bytes")
    }

    /// Receives up to `count` bytes, at least one; empty at the stream's end (recv, WskReceive).
    public func receive(upTo count: Int) async throws(LaminaError) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
        defer { room.deallocate() }
        nonisolated(unsafe) let base = room.baseAddress
        let outcome = await AsyncOperation.run { request in
            var buffer = lamina_buffer(base: base, length: count)
            return lamina_socket_receive(handle, &buffer, 1, 0, request)
        }
        try outcome.check("receive")
        return Array(room[..<outcome.count(in: count)])
    }

    /// Sends one datagram, to the address or, without one, where the socket's datagrams go (sendto, sendmsg), with
    /// control data.
    public func send(_ bytes: [UInt8], to address: Address?, control: [ControlData] = []) async throws(LaminaError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        nonisolated(unsafe) let base = copy.baseAddress
        let outcome = await AsyncOperation.run { request in
            withDatagram(lamina_buffer(base: base, length: bytes.count), address, control) { message in
                lamina_socket_send_to(handle, message, 0, request)
            }
        }
        try outcome.check("send \(bytes.count) bytes to \(address?.description ?? "the peer")")
    }

    /// Receives one datagram of up to `count` bytes (recvfrom, recvmsg), with up to `room` bytes of control data, each
    /// piece with a header of 16.
    public func receiveDatagram(
        upTo count: Int = 65_535,
        control room: Int = 0
    ) async throws(LaminaError) -> Datagram {
        let room = DatagramRoom(count, control: room)
        let outcome = await AsyncOperation.run { lamina_socket_receive_from(handle, room.message, 0, $0) }
        try outcome.check("receive")
        return room.datagram(of: outcome)
    }

    /// Ends one direction or both (shutdown, WskDisconnect).
    public func disconnect(_ options: DisconnectOptions = []) async throws(LaminaError) {
        let outcome = await AsyncOperation.run { lamina_socket_disconnect(handle, nil, 0, options.rawValue, $0) }
        try outcome.check("disconnect")
    }

    /// Ends the socket and returns when it is gone (close, WskCloseSocket). Throws what a level's close met.
    public func closed() async throws(LaminaError) {
        let status = await withUnsafeContinuation { continuation in
            ColumnClosing.close(handle) { continuation.resume(returning: $0) }
        }
        guard status < 0 else { return }
        throw Outcome.error(status, "close")
    }
}
