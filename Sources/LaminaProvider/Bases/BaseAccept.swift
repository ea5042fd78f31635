import CLamina
import Glibc

/// Listen and accept of a base in Swift. A connection is its socket's memory, with its state.
enum BaseAccept: Acceptor {
    static func listen(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ backlog: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base, let type = socket.own.listens else {
            return lamina_complete(slot, request, -EBADF, 0)
        }
        guard socket.marks.isDisjoint(with: [.connecting, .connected, .abandoned]) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        guard socket.makeInspector() else { return lamina_complete(slot, request, -ENOMEM, 0) }
        let backlog = Int(min(max(backlog, 1), 4096))
        do throws(Failure) { try type.listen(socket, backlog) } catch {
            if !error.message.isEmpty { Socket(slot).log(.notice, error.message) }
            return lamina_complete(slot, request, -error.errno, 0)
        }
        if socket.mark(.listening), !socket.listens() { return lamina_complete(slot, request, -ENOMEM, 0) }
        socket.inspector?.listen(backlog: backlog)
        return lamina_complete(slot, request, 0, 0)
    }

    static func accept(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard socket.marks.contains(.listening) else { return lamina_complete(slot, request, -EINVAL, 0) }
        if socket.marks.contains(.indicates), let left = socket.field(\.acceptance).pointee?.takeLeft() {
            return Accepting<Self>.complete(slot, request, with: left, local, remote)
        }
        let made = UnsafeMutablePointer<Operation>.make(LAMINA_ENTRY_ACCEPT, socket.input, slot, request)
        guard let operation = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        operation.pointee.local = local
        operation.pointee.remote = remote
        return Accepting<Self>.accept(operation)
    }

    // MARK: - Acceptor

    static func take(_ lane: UnsafeMutablePointer<Lane>) -> Int {
        let listener = lane.pointee.group.pointee.owner.assumingMemoryBound(to: BaseSocket.self)
        return listener.inspector?.take() ?? takeUninspected(listener)
    }

    /// A connection that waits at the transport, -EAGAIN, or another negative errno. Inside the input lane, or by the inspector.
    static func takeUninspected(_ listener: UnsafeMutablePointer<BaseSocket>) -> Int {
        guard let type = listener.own.listens else { return -Int(EOPNOTSUPP) }
        // What comes from here on is told by the waker.
        listener.unmark(.news)
        let made = UnsafeMutablePointer<BaseSocket>.make(
            listener.field(\.slot).pointee,
            family: listener.field(\.family).pointee
        )
        guard let socket = made else { return -Int(ENOMEM) }
        do throws(Failure) {
            if try type.accept(listener, socket) {
                socket.mark(.connected)
                listener.hasNews()
                return Int(bitPattern: socket)
            }
        } catch {
            socket.discard()
            listener.hasNews()
            return -Int(error.errno)
        }
        socket.discard()
        return -Int(EAGAIN)
    }

    static func inspection(_ lane: UnsafeMutablePointer<Lane>) -> lamina_inspect_id {
        let listener = lane.pointee.group.pointee.owner.assumingMemoryBound(to: BaseSocket.self)
        return listener.inspector?.lastTaken ?? lamina_inspect_id()
    }

    static func shape(_ listener: UnsafeMutablePointer<lamina_slot>) -> (Int32, Int32, Int32) {
        (listener.base?.pointee.family ?? 0, Int32(SOCK_STREAM.rawValue), 0)
    }

    static func prepare(
        _ connection: Int,
        _ listener: UnsafeMutablePointer<lamina_slot>,
        _ inspection: lamina_inspect_id
    ) -> UnsafeMutableRawPointer? {
        let socket = UnsafeMutablePointer<BaseSocket>(bitPattern: connection)
        socket?.field(\.inspection).pointee = inspection
        return UnsafeMutableRawPointer(socket)
    }

    static func install(_ state: UnsafeMutableRawPointer, _ base: UnsafeMutablePointer<lamina_slot>) {
        state.assumingMemoryBound(to: BaseSocket.self).pointee.slot = base
        base.pointee.context = state
    }

    static func dismiss(_ state: UnsafeMutableRawPointer) {
        BaseLifetime.dismiss(state.assumingMemoryBound(to: BaseSocket.self))
    }

    static func discard(_ connection: Int) {
        if let socket = UnsafeMutablePointer<BaseSocket>(bitPattern: connection) { BaseLifetime.dismiss(socket) }
    }

    static func write(
        _ base: UnsafeMutablePointer<lamina_slot>,
        local: UnsafeMutablePointer<lamina_address>?,
        remote: UnsafeMutablePointer<lamina_address>?
    ) {
        guard let socket = base.base else { return }
        local?.pointee = socket.localAddress
        if let remote, let peer = socket.remoteAddress { remote.pointee = peer }
    }

    static let answer: lamina_accepted_function = { _, accepted, status, context in
        Accepting<BaseAccept>.answered(accepted, status, context)
    }
}

extension Listens where Self: ~Copyable {
    fileprivate static func listen(_ socket: UnsafeMutablePointer<BaseSocket>, _ backlog: Int) throws(Failure) {
        try socket.value(Self.self).pointee.listen(backlog: backlog, socket.state(of: Self.self).pointee)
    }

    /// Makes the state of a connection that waited. False: none waits.
    fileprivate static func accept(
        _ listener: UnsafeMutablePointer<BaseSocket>,
        _ socket: UnsafeMutablePointer<BaseSocket>
    ) throws(Failure) -> Bool {
        let state = listener.state(of: Self.self)
        guard let accepted = try listener.value(Self.self).pointee.accept(state.pointee, socket.waker) else {
            return false
        }
        socket.state(of: Self.self).initialize(to: accepted)
        return true
    }
}
