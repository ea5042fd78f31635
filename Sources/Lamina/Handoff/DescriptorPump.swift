import CLamina
import CLinux
import Glibc

/// Carries what crosses a descriptor through the chain: one end of a pair is the program's, the other one this object's.
///
/// Each direction has one buffer and is either filling it or emptying it, so that a side that stalls stalls the other. A
/// stream's ends are passed on; where the connection breaks, the pair does. Everything happens on the socket's loop.
final class DescriptorPump: @unchecked Sendable {
    /// One direction.
    private final class Flow {
        let request = Request.allocate(capacity: 1)
        let message = UnsafeMutablePointer<lamina_message>.allocate(capacity: 1)
        let buffer = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 1)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: DescriptorPump.capacity, alignment: 64)
        var start = 0
        var end = 0
        var hasEnded = false
        var isOver = false
        var isIssued = false
        var arrivals: UInt32 = 0

        deinit {
            request.deallocate()
            message.deallocate()
            buffer.deallocate()
            room.deallocate()
        }
    }

    /// Bytes of one direction that may wait here; the longest datagram.
    fileprivate static let capacity = 65_536

    // Used on the loop's thread; `isStopped` by atomic operations.
    private let handle: lamina_socket
    private let loop: EngineLoop
    private let isDatagram: Bool
    /// The program's end.
    let outer: Int32
    private let inner: Int32
    private let watch: UnsafeMutablePointer<lamina_watch>
    private let up = Flow()
    private let down = Flow()
    private var isStopped: UInt32 = 0
    private var isClosed = false
    private var isInherited = false

    /// A pump that begins once its loop looks. Throws where the system gives no descriptors.
    init(_ handle: lamina_socket, _ state: ColumnState) throws(LaminaError) {
        isDatagram = state.category == UInt32(LAMINA_DATAGRAM)
        var ends: [Int32] = [-1, -1]
        let kind = isDatagram ? SOCK_DGRAM : SOCK_STREAM
        let status = clinux_pair(Int32(kind.rawValue), &ends)
        guard status == 0 else { throw Outcome.error(status, "descriptor") }
        self.handle = handle
        loop = state.loop
        (outer, inner) = (ends[0], ends[1])
        watch = .allocate(capacity: 1)
        watch.initialize(
            to: lamina_watch(
                size: UInt32(MemoryLayout<lamina_watch>.size),
                descriptor: inner,
                function: { watch, _ in
                    guard let context = watch.pointee.context else { return }
                    Unmanaged<DescriptorPump>.fromOpaque(context).takeUnretainedValue().run()
                },
                context: nil,
                framework: (nil, nil, nil, nil)
            )
        )
        watch.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        let added = loop.add(watch, Self.events)
        guard added == 0 else {
            Glibc.close(outer)
            Glibc.close(inner)
            throw Outcome.error(added, "descriptor")
        }
        soon()
    }

    deinit { watch.deallocate() }

    /// Each change is told once; what is there is found by trying.
    private static let events = UInt32(clinux_epoll_in | clinux_epoll_out) | clinux_epoll_edge

    private func soon() { loop.run { self.run() } }

    /// The socket closes. From any thread.
    func stop() {
        clinux_store_u32(&isStopped, 1)
        soon()
    }

    /// In a child process: the parent's goes on, and the program's end with it.
    func beginChild() {
        guard !isClosed, !isInherited else { return }
        isInherited = true
        Glibc.close(inner)
    }

    private func run() {
        guard clinux_load_u32(&isStopped) == 0 else { return close() }
        runUp()
        runDown()
    }

    private func close() {
        guard !isClosed else { return }
        isClosed = true
        if !isInherited {
            loop.remove(watch)
            Glibc.close(inner)
        }
        Glibc.close(outer)
    }

    /// The connection is broken: so is the pair.
    private func fail() {
        up.isOver = true
        down.isOver = true
        _ = clinux_raw_shutdown(inner, Int32(SHUT_RDWR))
    }

    /// Makes a call. True: it has ended; otherwise `run` comes again when it has.
    private func issue(_ flow: Flow, _ call: (Request) -> lamina_status) -> Bool {
        clinux_store_u32(&flow.arrivals, 0)
        flow.isIssued = true
        let context = Unmanaged.passRetained(Call(pump: self, flow: flow)).toOpaque()
        lamina_request_prepare(flow.request, Self.ended, context)
        _ = call(flow.request)
        guard clinux_add_u32(&flow.arrivals, 1) == 2 else { return false }
        flow.isIssued = false
        return true
    }

    private final class Call {
        let pump: DescriptorPump
        let flow: Flow

        init(pump: DescriptorPump, flow: Flow) {
            self.pump = pump
            self.flow = flow
        }
    }

    private static let ended: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let call = Unmanaged<Call>.fromOpaque(context).takeRetainedValue()
        guard clinux_add_u32(&call.flow.arrivals, 1) == 2 else { return 0 }
        // What comes next is the loop's.
        call.pump.loop.run {
            call.flow.isIssued = false
            call.pump.take(call.flow)
            call.pump.run()
        }
        return 0
    }

    private func take(_ flow: Flow) { if flow === up { takeUp() } else { takeDown() } }

    // MARK: - From the program to the chain

    private func runUp() {
        while !up.isOver, !up.isIssued {
            if up.start < up.end || (isDatagram && up.end > 0) {
                guard issue(up, send) else { return }
                takeUp()
            } else if up.hasEnded {
                up.isOver = true
                _ = issue(up) { lamina_socket_disconnect(handle, nil, 0, 0, $0) }
            } else {
                let count = clinux_receive(inner, up.room.baseAddress, up.room.count)
                if count == -Int(EAGAIN) { return }
                if count > 0 { (up.start, up.end) = (0, count) }
                if count == 0, !isDatagram { up.hasEnded = true }
                if count < 0 || (count == 0 && isDatagram) { up.isOver = true }
            }
        }
    }

    private func send(_ request: Request) -> lamina_status {
        up.buffer.pointee = lamina_buffer(base: up.room.baseAddress.map { $0 + up.start }, length: up.end - up.start)
        guard isDatagram else { return lamina_socket_send(handle, up.buffer, 1, 0, request) }
        up.message.initialize(to: lamina_message())
        up.message.pointee.buffers = UnsafePointer(up.buffer)
        up.message.pointee.buffer_count = 1
        return lamina_socket_send_to(handle, up.message, 0, request)
    }

    private func takeUp() {
        guard !up.isOver else { return }
        let status = up.request.pointee.status
        // A datagram that can't leave is one that is lost.
        if status < 0, !isDatagram || status == -EBADF || status == -ECANCELED { return fail() }
        (up.start, up.end) = (0, 0)
    }

    // MARK: - From the chain to the program

    private func runDown() {
        while !down.isOver, !down.isIssued {
            if down.start < down.end {
                let base = down.room.baseAddress.map { $0 + down.start }
                guard let base else { return }
                let count = clinux_send(inner, base, down.end - down.start)
                if count == -Int(EAGAIN) || count == -Int(ENOBUFS) { return }
                guard count >= 0 else {
                    down.isOver = true
                    return
                }
                down.start += isDatagram ? down.end - down.start : count
            } else if down.hasEnded {
                down.isOver = true
                _ = clinux_raw_shutdown(inner, Int32(SHUT_WR))
            } else {
                guard issue(down, receive) else { return }
                takeDown()
            }
        }
    }

    private func receive(_ request: Request) -> lamina_status {
        down.buffer.pointee = lamina_buffer(base: down.room.baseAddress, length: down.room.count)
        guard isDatagram else { return lamina_socket_receive(handle, down.buffer, 1, 0, request) }
        down.message.initialize(to: lamina_message())
        down.message.pointee.buffers = UnsafePointer(down.buffer)
        down.message.pointee.buffer_count = 1
        return lamina_socket_receive_from(handle, down.message, 0, request)
    }

    private func takeDown() {
        guard !down.isOver else { return }
        let outcome = Outcome(down.request)
        let (status, count) = (outcome.status, outcome.count(in: down.room.count))
        if status < 0 {
            // An unreachable peer ends no datagram socket.
            if !isDatagram || ![-ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH].contains(status) { fail() }
            return
        }
        (down.start, down.end) = (0, count)
        if count == 0, !isDatagram { down.hasEnded = true }
    }
}

extension Socket {
    /// The descriptor of `Waiting.descriptor`.
    func wholeDescriptor() throws(LaminaError) -> Int32 {
        let base = try baseDescriptor
        guard lamina_enter(handle) != 0 else { throw Outcome.error(-EBADF, "descriptor") }
        defer { lamina_leave() }
        let state = ColumnState.of(handle.slot)
        let seesData = try levels.dropLast().contains {
            $0.effect(on: SocketCategories(rawValue: state.category)) != .none
        }
        if let base, !seesData { return base }
        guard state.category != UInt32(LAMINA_LISTEN), state.category != UInt32(LAMINA_BASIC) else {
            throw LaminaError(
                .notSupported,
                "descriptor",
                "the chain sees what a listening socket's connections carry",
                remedy: "accept by the socket, or take the base's descriptor",
                errno: EOPNOTSUPP
            )
        }
        if let known = state.chain.binding.withLock({ _ in state.pump }) { return known.outer }
        let made = try DescriptorPump(handle, state)
        let first = state.chain.binding.withLock { _ in
            let first = state.pump
            if first == nil {
                state.pump = made
                clinux_store_u32(&state.hasPump, 1)
            }
            return first
        }
        if first != nil { made.stop() }
        return (first ?? made).outer
    }
}
