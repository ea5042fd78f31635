import CLamina
import Glibc
import LaminaProvider

/// Connects: a stream socket to a listener, a datagram socket to its fixed remote. Never pends.
enum Connect {
    static func connect(
        _ slot: Slot,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        if flags != 0 || address.pointee.form == UInt16(LAMINA_ADDRESS_NONE) {
            return lamina_complete(slot, request, setDestination(state, address, flags), 0)
        }
        guard address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) else {
            guard let endpoint = Endpoint(address) else { return lamina_complete(slot, request, -EINVAL, 0) }
            return lamina_complete(slot, request, connect(state, endpoint), 0)
        }
        var answers = (lamina_address(), lamina_address())
        let status = withUnsafeMutablePointer(to: &answers) { answers -> Int32 in
            let addresses = UnsafeMutableRawPointer(answers).assumingMemoryBound(to: lamina_address.self)
            let count = Resolve.look(up: address, family: state.pointee.family, addresses, capacity: 2)
            var status: Int32 = -ENOENT
            for index in 0..<count {
                guard let endpoint = Endpoint(addresses + index) else { continue }
                status = connect(state, endpoint)
                if status == 0 { break }
            }
            return status
        }
        return lamina_complete(slot, request, status, 0)
    }

    /// `LAMINA_CONNECT_SEND_ONLY`, or no address: of a datagram socket alone.
    private static func setDestination(
        _ state: UnsafeMutablePointer<SocketState>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32
    ) -> Int32 {
        guard let mailbox = state.pointee.mailbox, flags & ~UInt32(LAMINA_CONNECT_SEND_ONLY) == 0 else {
            return -EINVAL
        }
        let nobody = Endpoint(family: 0)
        if flags == 0 {
            mailbox.setRemote(nobody)
            return 0
        }
        switch Int(address.pointee.form) {
        case LAMINA_ADDRESS_NONE:
            mailbox.setSendTo(nobody)
            return 0
        case LAMINA_ADDRESS_SOCKET:
            guard let endpoint = Endpoint(address) else { return -EINVAL }
            guard fits(state, endpoint) else { return -EAFNOSUPPORT }
            mailbox.setSendTo(endpoint.reached)
            return 0
        default:
            // Names are resolved by whoever fixes a conversation's remote address.
            return -EAFNOSUPPORT
        }
    }

    private static func fits(_ state: UnsafeMutablePointer<SocketState>, _ endpoint: Endpoint) -> Bool {
        let family = state.pointee.family
        return family == endpoint.family || state.pointee.isAnyFamily
            || (family == AF_INET6 && endpoint.family == AF_INET)
    }

    private static func connect(_ state: UnsafeMutablePointer<SocketState>, _ endpoint: Endpoint) -> Int32 {
        guard fits(state, endpoint) else { return -EAFNOSUPPORT }
        let target = endpoint.reached
        if let mailbox = state.pointee.mailbox { return mailbox.connect(to: target) }
        guard state.pointee.listener == nil else { return -EINVAL }
        guard state.pointee.link == nil else { return -EISCONN }
        if state.pointee.isAnyFamily { state.pointee.family = endpoint.family }
        var local = state.pointee.local
        if !state.pointee.isBound || local.isWildcard {
            let port = state.pointee.isBound ? local.port : 0
            local = target.source
            if local.family != AF_UNIX { local.port = port != 0 ? port : state.network.anyPort() }
        }
        return join(state, local, target)
    }

    private static func join(
        _ state: UnsafeMutablePointer<SocketState>,
        _ local: Endpoint,
        _ target: Endpoint
    ) -> Int32 {
        var found: UnsafeMutablePointer<Listener>?
        var made: UnsafeMutablePointer<Link>?
        let status: Int32 = state.network.reach(target, isDatagram: false) { occupant in
            // While the network is locked, the listener can't have gone.
            guard case .listener(let listener) = occupant else { return -ECONNREFUSED }
            let link = UnsafeMutablePointer<Link>.make(
                client: local,
                server: target,
                clientRoom: Int(state.pointee.receiveRoom),
                serverRoom: Int(listener.pointee.state.pointee.receiveRoom)
            )
            guard let link else { return -ENOMEM }
            link.end(.client).pointee.state = state
            made = link
            guard listener.offer(link) else { return -ECONNREFUSED }
            found = listener
            return 0
        }
        guard let listener = found, let link = made else {
            made?.release()
            made?.release()
            return status
        }
        state.pointee.side = .client
        state.pointee.link = link
        listener.wakeInput()
        state.connected()
        return 0
    }
}
