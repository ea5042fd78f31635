import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

typealias KernelSocket = UnsafeMutablePointer<wsk_socket>
typealias KernelOperation = UnsafeMutablePointer<wsk_operation>

/// The memory of sockets. It stays a socket for good, and is used again late, so that a call on a closed socket finds
/// one that is closed.
enum Sockets {
    private struct State {
        var live: KernelSocket?
        var free: [KernelSocket] = []
        var nextFree = 0
    }

    /// How many closed sockets are kept before one is used again.
    private static let rest = 1024
    private static let mutex = SystemMutex(WSK_MUTEX_SOCKETS)
    // Guarded by the mutex.
    nonisolated(unsafe) private static var state = State()

    /// A socket for `client`, counted as open. Nil: no memory.
    static func make(
        _ client: Client,
        _ options: SocketOptions,
        context: UnsafeMutableRawPointer?,
        dispatch: UnsafeRawPointer?,
        maker: UnsafeRawPointer?
    ) -> KernelSocket? {
        guard !Force.failsAllocation(), let socket = take() else { return nil }
        let memory = UnsafeMutableRawPointer(socket)
        // The state goes last: until then a late call finds a closed socket.
        let head = MemoryLayout<wsk_socket>.offset(of: \.category) ?? 0
        memset(memory + head, 0, MemoryLayout<wsk_socket>.size - head)
        let category = options.category.rawValue
        socket.pointee.wsk.Dispatch = wsk_dispatch_of(category)
        socket.pointee.category = category
        socket.pointee.family = options.family
        socket.pointee.type = options.type
        socket.pointee.protocol = options.proto
        socket.pointee.client = client.pointer
        socket.pointee.context = context
        socket.pointee.dispatch = dispatch
        socket.pointee.maker = maker
        socket.pointee.events = client.staticEvents
        socket.pointee.serial = Ledger.nextSerial()
        mutex.hold {
            socket.pointee.next = state.live
            state.live?.pointee.previous = socket
            state.live = socket
        }
        clinux_store_u32(&socket.pointee.state, UInt32(WSK_SOCKET_OPENING))
        client.addSocket()
        return socket
    }

    private static func take() -> KernelSocket? {
        mutex.hold {
            if state.free.count - state.nextFree > rest {
                defer { state.nextFree += 1 }
                if state.nextFree > rest {
                    state.free.removeFirst(state.nextFree)
                    state.nextFree = 0
                }
                return state.free[state.nextFree]
            }
            return calloc(1, MemoryLayout<wsk_socket>.size)?.bindMemory(to: wsk_socket.self, capacity: 1)
        }
    }

    /// Ends a socket: calls on it are refused from now on, and its client may go.
    static func retire(_ socket: KernelSocket) {
        clinux_store_u32(&socket.pointee.state, UInt32(WSK_SOCKET_FREE))
        let client = Client.of(socket.pointee.client)
        mutex.hold {
            socket.pointee.next?.pointee.previous = socket.pointee.previous
            if let previous = socket.pointee.previous {
                previous.pointee.next = socket.pointee.next
            } else {
                state.live = socket.pointee.next
            }
            state.free.append(socket)
        }
        client?.removeSocket()
    }

    /// Closes the open sockets that `isMeant` means, as their client would.
    static func closeAll(_ isMeant: (KernelSocket) -> Bool) {
        let meant = mutex.hold {
            var meant: [KernelSocket] = []
            forEach { if isMeant($0) { meant.append($0) } }
            return meant
        }
        for socket in meant where beginClose(socket) { Results.close(socket) }
    }

    /// Refuses further calls on a socket, and lets its close reset a connection whose sending direction wasn't ended.
    /// False: it isn't open.
    static func beginClose(_ socket: KernelSocket) -> Bool {
        let (open, closing) = (UInt32(WSK_SOCKET_OPEN), UInt32(WSK_SOCKET_CLOSING))
        guard clinux_replace_u32(&socket.pointee.state, open, closing) != 0 else { return false }
        if socket.has(WSK_IS_CONNECTED), !socket.has(WSK_HAS_ENDED_SENDING) {
            var reset = linger(l_onoff: 1, l_linger: 0)
            Opening.set(socket, SOL_SOCKET, SO_LINGER, &reset, MemoryLayout<linger>.size)
        }
        return true
    }

    /// What a client holds, where it is open.
    static func open(_ socket: PWSK_SOCKET?) -> KernelSocket? {
        guard let socket = socket.map({ UnsafeMutableRawPointer($0).assumingMemoryBound(to: wsk_socket.self) }),
            clinux_load_u32(&socket.pointee.state) == UInt32(WSK_SOCKET_OPEN)
        else { return nil }
        return socket
    }

    /// How many open sockets there are.
    static var count: Int {
        mutex.hold {
            var count = 0
            forEach { _ in count += 1 }
            return count
        }
    }

    /// One line for each open socket that `isMeant` means.
    static func report(_ isMeant: (KernelSocket) -> Bool) -> [String] {
        mutex.hold {
            var lines: [String] = []
            forEach { socket in
                guard isMeant(socket) else { return }
                lines.append("\(name(of: socket.pointee.category)), made at \(Ledger.place(socket.pointee.maker))")
            }
            return lines
        }
    }

    private static func forEach(_ body: (KernelSocket) -> Void) {
        var next = state.live
        while let socket = next {
            body(socket)
            next = socket.pointee.next
        }
    }

    private static func name(of category: UInt32) -> String {
        switch Int(category) {
        case LAMINA_LISTEN: "listen socket"
        case LAMINA_DATAGRAM: "datagram socket"
        case LAMINA_CONNECTION: "connection socket"
        case LAMINA_STREAM: "stream socket"
        default: "basic socket"
        }
    }
}

extension KernelSocket {
    /// Whether all these `WSK_IS_…` bits are set.
    func has(_ flags: Int) -> Bool {
        clinux_load_u32(&pointee.flags) & UInt32(flags) == UInt32(flags)
    }

    func set(_ flags: Int) {
        _ = clinux_set_bits_u32(&pointee.flags, UInt32(flags))
    }

    func clear(_ flags: Int) {
        _ = clinux_clear_bits_u32(&pointee.flags, UInt32(flags))
    }

    /// What a client calls it.
    var wsk: PWSK_SOCKET { UnsafeMutableRawPointer(self).assumingMemoryBound(to: WSK_SOCKET.self) }
}

extension UnsafeMutablePointer {
    /// Where a field lies.
    func place<Field>(_ field: KeyPath<Pointee, Field>) -> UnsafeMutablePointer<Field> {
        (UnsafeMutableRawPointer(self) + (MemoryLayout<Pointee>.offset(of: field) ?? 0))
            .assumingMemoryBound(to: Field.self)
    }
}
