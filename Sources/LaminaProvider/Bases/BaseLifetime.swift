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
        if slot.pointee.context != nil { return lamina_complete(slot, request, 0, 0) }
        guard [AF_UNSPEC, Int32(SOCK_STREAM.rawValue)].contains(arguments.pointee.type) else {
            return lamina_complete(slot, request, -ESOCKTNOSUPPORT, 0)
        }
        guard let socket = UnsafeMutablePointer<BaseSocket>.make(slot, family: arguments.pointee.family) else {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        do throws(Failure) { try socket.field(\.type).pointee.pointee.type.begin(socket, slot) } catch {
            socket.discard()
            if !error.message.isEmpty { Socket(slot).log(.warning, error.message) }
            return lamina_complete(slot, request, -error.errno, 0)
        }
        slot.pointee.context = UnsafeMutableRawPointer(socket)
        return lamina_complete(slot, request, 0, 0)
    }

    static func close(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, 0, 0) }
        socket.field(\.closeRequest).pointee = request
        socket.group.close(socket.input, socket.output)
        // The last user has gone already, or it completes the request when it goes.
        let isPending = !socket.field(\.closing).hasArrived
        if isPending { slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request) }
        guard socket.field(\.closing).arrive() else { return LAMINA_PENDING }
        socket.destroy()
        let status = lamina_complete(slot, request, 0, 0)
        return isPending ? LAMINA_PENDING : status
    }

    /// Nothing waits or runs on a socket that is being closed.
    static func finish(_ socket: UnsafeMutablePointer<BaseSocket>) {
        let (slot, request) = (socket.field(\.slot).pointee, socket.field(\.closeRequest).pointee)
        slot.pointee.context = nil
        guard socket.field(\.closing).arrive() else { return }
        socket.destroy()
        if let request { _ = lamina_complete(slot, request, 0, 0) }
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
