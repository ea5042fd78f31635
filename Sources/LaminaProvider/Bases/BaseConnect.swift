import CLamina
import Glibc

/// Connects of a base in Swift.
enum BaseConnect {
    static func connect(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        if socket.pointee.datagrams != nil {
            return lamina_complete(slot, request, BaseDatagrams.connect(socket, address, flags), 0)
        }
        guard socket.own.connects != nil else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        guard flags == 0, address.pointee.form != UInt16(LAMINA_ADDRESS_NONE) else {
            let isKnown = flags & ~UInt32(LAMINA_CONNECT_SEND_ONLY) == 0
            return lamina_complete(slot, request, isKnown ? -EOPNOTSUPP : -EINVAL, 0)
        }
        guard Address(address.pointee).isDestination else { return lamina_complete(slot, request, -EINVAL, 0) }
        let status = begin(socket, isTry: request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0)
        guard status == 0 else { return lamina_complete(slot, request, status, 0) }
        let lane = socket.output
        let made = UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_CONNECT, lane, slot, request, address: address)
        guard let operation = made else {
            socket.unmark(.connecting)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard lane.enter() else { return lane.submit(operation, slot, request, isInside: false) }
        guard attempt(operation) == .ended else { return lane.submit(operation, slot, request, isInside: true) }
        let result = operation.pointee.status
        dispose(operation)
        operation.discard()
        return lane.leave(slot, request, result, 0)
    }

    /// Marks that a connect is under way: 0 or a negative errno. What only tries begins nothing that can't end at once.
    private static func begin(_ socket: UnsafeMutablePointer<BaseSocket>, isTry: Bool) -> Int32 {
        let marks = socket.marks
        if marks.contains(.connected) { return -EISCONN }
        if marks.contains(.listening) { return -EINVAL }
        if marks.contains(.abandoned) { return -ECONNABORTED }
        if marks.contains(.connecting) { return -EALREADY }
        if isTry, socket.own.connects?.connectsAtOnce != true { return -EAGAIN }
        return socket.mark(.connecting) ? 0 : -EALREADY
    }

    /// Tries, inside the output lane.
    static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        guard let socket = operation.pointee.slot.base, let type = socket.own.connects,
            let address = operation.pointee.remote
        else {
            operation.pointee.status = -EINVAL
            return .ended
        }
        do throws(Failure) {
            guard try type.attempt(socket, Address(address.pointee)) else {
                socket.mark(.begun)
                return .blocked
            }
            socket.field(\.peer).pointee = address.pointee
            socket.mark(.connected)
            socket.connected()
        } catch {
            operation.pointee.status = -error.errno
            if !error.message.isEmpty { Socket(operation.pointee.slot).log(.notice, error.message) }
        }
        socket.unmark(.begun)
        return .ended
    }

    /// An operation has ended, or was given up while it waited: one that the base has begun can't be taken back.
    static func dispose(_ operation: UnsafeMutablePointer<Operation>) {
        guard operation.pointee.kind == UInt32(LAMINA_ENTRY_CONNECT), let socket = operation.pointee.slot.base else {
            return
        }
        if socket.marks.contains(.begun) { socket.mark(.abandoned) }
        socket.unmark([.connecting, .begun])
    }
}

extension Connects where Self: ~Copyable {
    fileprivate static func attempt(
        _ socket: UnsafeMutablePointer<BaseSocket>,
        _ address: Address
    ) throws(Failure) -> Bool {
        try socket.value(Self.self).pointee.connect(to: address, socket.state(of: Self.self).pointee)
    }
}
