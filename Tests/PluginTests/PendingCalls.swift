import CLamina
import CLinux
import Glibc
import Lamina

/// Calls that were made with requests of their own, and how they ended, in the order in which they did.
final class PendingCalls: @unchecked Sendable {
    /// How one call ended.
    struct End: Equatable {
        let number: Int
        let status: Int32
        let bytes: Int
    }

    // `ends` is guarded by the mutex; a call's memory is its operation's until it has ended.
    private var ends: [End] = []
    private var calls: [Call] = []
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    private final class Call {
        let number: Int
        unowned let owner: PendingCalls
        let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
        let message = UnsafeMutablePointer<lamina_message>.allocate(capacity: 1)
        let room: UnsafeMutableRawBufferPointer

        init(_ number: Int, _ owner: PendingCalls, _ count: Int) {
            self.number = number
            self.owner = owner
            room = .allocate(byteCount: max(count, 1), alignment: 16)
            message.initialize(to: lamina_message())
            let context = Unmanaged.passUnretained(self).toOpaque()
            lamina_request_prepare(
                request,
                { _, request, context in
                    guard let context else { return 0 }
                    Unmanaged<Call>.fromOpaque(context).takeUnretainedValue().ended(request)
                    return 0
                },
                context
            )
        }

        func ended(_ request: UnsafeMutablePointer<lamina_request>) {
            owner.add(End(number: number, status: request.pointee.status, bytes: Int(request.pointee.bytes)))
        }

        deinit {
            request.deallocate()
            message.deallocate()
            room.deallocate()
        }
    }

    /// When the calls that follow end at the latest, in nanoseconds of CLOCK_MONOTONIC; 0 for never.
    var deadline: Int64 = 0

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(changed)
        mutex.deallocate()
        changed.deallocate()
    }

    private func add(_ end: End) {
        pthread_mutex_lock(mutex)
        ends.append(end)
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    private func start(
        _ count: Int,
        flags: Int,
        _ call: (UnsafeMutablePointer<lamina_buffer>, UnsafeMutablePointer<lamina_request>) -> lamina_status,
        fill: [UInt8] = []
    ) -> lamina_status {
        let made = Call(calls.count, self, count)
        made.room.copyBytes(from: fill)
        made.request.pointee.flags = UInt32(flags)
        made.request.pointee.deadline = deadline
        calls.append(made)
        // The descriptor need not outlive the call.
        var buffer = lamina_buffer(base: made.room.baseAddress, length: count)
        return call(&buffer, made.request)
    }

    /// Starts a receive; its number is how many calls were started before.
    @discardableResult
    func receive(_ socket: Socket, _ count: Int, _ receiveFlags: Int = 0, flags: Int = 0) -> lamina_status {
        start(count, flags: flags, { lamina_socket_receive(socket.handle, $0, 1, UInt32(receiveFlags), $1) })
    }

    /// Starts a send.
    @discardableResult
    func send(_ socket: Socket, _ bytes: [UInt8], flags: Int = 0) -> lamina_status {
        start(bytes.count, flags: flags, { lamina_socket_send(socket.handle, $0, 1, 0, $1) }, fill: bytes)
    }

    /// Starts an accept; `socket` gives what it took.
    @discardableResult
    func accept(_ listener: Socket) -> lamina_status {
        start(0, flags: 0, { lamina_socket_accept(listener.handle, nil, nil, $1) })
    }

    /// Starts a connect.
    @discardableResult
    func connect(_ socket: Socket, to address: Address) -> lamina_status {
        var target = address.c
        return start(0, flags: 0, { lamina_socket_connect(socket.handle, &target, 0, $1) })
    }

    /// Starts a send to a datagram socket's fixed remote.
    @discardableResult
    func sendTo(_ socket: Socket, _ bytes: [UInt8]) -> lamina_status {
        startMessage(bytes.count, { lamina_socket_send_to(socket.handle, $0, 0, $1) }, fill: bytes)
    }

    /// Starts a receive on a datagram socket.
    @discardableResult
    func receiveFrom(_ socket: Socket) -> lamina_status {
        startMessage(100, { lamina_socket_receive_from(socket.handle, $0, 0, $1) })
    }

    private func startMessage(
        _ count: Int,
        _ call: (UnsafeMutablePointer<lamina_message>, UnsafeMutablePointer<lamina_request>) -> lamina_status,
        fill: [UInt8] = []
    ) -> lamina_status {
        start(
            count,
            flags: 0,
            { buffer, request in
                let message = calls[calls.count - 1].message
                message.pointee.buffers = UnsafePointer(buffer)
                message.pointee.buffer_count = 1
                return call(message, request)
            },
            fill: fill
        )
    }

    /// Starts a disconnect that sends these bytes first.
    @discardableResult
    func disconnect(_ socket: Socket, after bytes: [UInt8]) -> lamina_status {
        start(bytes.count, flags: 0, { lamina_socket_disconnect(socket.handle, $0, 1, 0, $1) }, fill: bytes)
    }

    /// What an accept that has ended took.
    func socket(_ number: Int) throws -> lamina_socket {
        guard let slot = calls[number].request.pointee.socket else { throw TestFailure("no socket was accepted") }
        return lamina_socket(slot: slot, generation: calls[number].request.pointee.socket_generation)
    }

    /// Starts to change which indications are enabled.
    @discardableResult
    func enable(_ socket: Socket, _ set: UInt32, clear: UInt32) -> lamina_status {
        start(0, flags: 0, { lamina_socket_enable_indications(socket.handle, set, clear, $1) })
    }

    /// Starts any call.
    @discardableResult
    func call(_ body: (UnsafeMutablePointer<lamina_request>) -> lamina_status) -> lamina_status {
        start(0, flags: 0, { body($1) })
    }

    /// Cancels a call.
    func cancel(_ number: Int) {
        _ = Requests.cancel(calls[number].request)
    }

    /// How many calls were started.
    var count: Int { calls.count }

    /// What a receive wrote.
    func bytes(_ number: Int, _ count: Int) -> [UInt8] { Array(calls[number].room[..<count]) }

    /// Waits until this many calls have ended.
    func wait(for count: Int) -> [End] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += 20
        while ends.count < count {
            guard pthread_cond_timedwait(changed, mutex, &until) == 0 else { break }
        }
        return ends
    }

    /// What has ended so far.
    var endsNow: [End] { wait(for: 0) }
}

/// Runs `body` on a thread of its own; `join` waits for it.
final class Helper: @unchecked Sendable {
    // Written by the helper before it ends, read after it was joined.
    private var failure: (any Error)?
    private var thread = pthread_t()
    private let body: @Sendable () throws -> Void

    init(_ body: @escaping @Sendable () throws -> Void) {
        self.body = body
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                let helper = Unmanaged<Helper>.fromOpaque(context).takeRetainedValue()
                do { try helper.body() } catch { helper.failure = error }
                return nil
            },
            Unmanaged.passRetained(self).toOpaque()
        )
    }

    func join() throws {
        pthread_join(thread, nil)
        if let failure { throw failure }
    }
}
