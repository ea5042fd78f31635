import CLamina
import Glibc

/// Open and close of a base in Swift.
enum BaseLifetime {
    static func open(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ arguments: UnsafePointer<lamina_open_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        // An accepted socket has its state before the levels above are asked.
        let status = slot.pointee.context == nil ? begin(slot, arguments) : 0
        return lamina_complete(slot, request, status, 0)
    }

    /// Gives a slot its socket: 0 or a negative errno.
    static func begin(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ arguments: UnsafePointer<lamina_open_arguments>
    ) -> Int32 {
        guard let own = Part(levelOf: slot)?.base.pointee.own else { return -EBADF }
        let (type, family) = (arguments.pointee.type, arguments.pointee.family)
        let isDatagram = type == Int32(SOCK_DGRAM.rawValue) || type == 0 && !own.hasStreams
        let isStream = type == Int32(SOCK_STREAM.rawValue) || type == 0 && own.hasStreams
        guard isDatagram && own.hasDatagrams || isStream && own.hasStreams else { return -ESOCKTNOSUPPORT }
        let made = UnsafeMutablePointer<BaseSocket>.make(slot, family: family, isDatagram: isDatagram)
        guard let socket = made else { return -ENOMEM }
        do throws(Failure) { try socket.pointee.type.pointee.type.begin(socket, slot) } catch {
            socket.discard()
            if !error.message.isEmpty { Socket(slot).log(.warning, error.message) }
            return -error.errno
        }
        slot.pointee.context = UnsafeMutableRawPointer(socket)
        return 0
    }

    static func close(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, 0, 0) }
        slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
        close(socket, request) { slot, request in _ = lamina_complete(slot, request, 0, 0) }
        return LAMINA_PENDING
    }

    /// Ends a socket: what waits is cancelled, and when the last call has left, here or on its thread, `conclude` ends the
    /// request.
    static func close(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ conclude: @escaping (UnsafeMutablePointer<lamina_slot>, UnsafeMutablePointer<lamina_request>) -> Void
    ) {
        socket.pointee.end = (request, conclude)
        socket.group.close(socket.input, socket.output)
    }

    /// Ends a connection that has no slot of its own yet; its transport may be telling it something.
    static func dismiss(_ socket: UnsafeMutablePointer<BaseSocket>) {
        socket.group.close(socket.input, socket.output)
    }

    /// Nothing waits or runs on a socket that is being closed.
    static func finish(_ socket: UnsafeMutablePointer<BaseSocket>) {
        let (slot, end) = (socket.pointee.slot, socket.pointee.end)
        if slot.base == socket { slot.pointee.context = nil }
        socket.destroy()
        if let end { end.conclude(slot, end.request) }
    }
}

/// What the lanes of a base in Swift do.
enum BaseLanes {
    nonisolated(unsafe) static let actions = Immortal.copy(
        LaneActions(
            attempt: { operation in
                switch Int(operation.pointee.kind) {
                case LAMINA_ENTRY_CONNECT: BaseConnect.attempt(operation)
                case LAMINA_ENTRY_ACCEPT: Accepting<BaseAccept>.attempt(operation)
                case LAMINA_ENTRY_SEND_TO, LAMINA_ENTRY_SEND_MESSAGES, LAMINA_ENTRY_RECEIVE_FROM,
                    LAMINA_ENTRY_RECEIVE_MESSAGES:
                    BaseDatagrams.attempt(operation)
                default: BaseStream.attempt(operation)
                }
            },
            // The transport says by the socket's waker when something has changed.
            arm: { _ in 0 },
            dispose: { BaseConnect.dispose($0) },
            idle: { lane in
                let socket = lane.pointee.group.pointee.owner.assumingMemoryBound(to: BaseSocket.self)
                if lane == socket.input { socket.field(\.indicator).pointee?.goOn() }
            },
            finish: { owner in BaseLifetime.finish(owner.assumingMemoryBound(to: BaseSocket.self)) }
        )
    )
}
