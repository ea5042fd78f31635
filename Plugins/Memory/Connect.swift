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
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        if unsafe flags != 0 || address.pointee.form == UInt16(LAMINA_ADDRESS_NONE) {
            return unsafe lamina_complete(slot, request, setDestination(state, address, flags), 0)
        }
        guard unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) else {
            guard let endpoint = unsafe Endpoint(address) else {
                return unsafe lamina_complete(slot, request, -EINVAL, 0)
            }
            return unsafe lamina_complete(slot, request, connect(state, endpoint), 0)
        }
        var answers = (lamina_address(), lamina_address())
        let status = unsafe withUnsafeMutablePointer(to: &answers) { answers -> Int32 in
            let addresses = unsafe UnsafeMutableRawPointer(answers).assumingMemoryBound(to: lamina_address.self)
            let count = unsafe Resolve.look(up: address, family: state.pointee.family, addresses, capacity: 2)
            var status: Int32 = -ENOENT
            for index in 0..<count {
                guard let endpoint = unsafe Endpoint(addresses + index) else { continue }
                status = unsafe connect(state, endpoint)
                if status == 0 { break }
            }
            return status
        }
        return unsafe lamina_complete(slot, request, status, 0)
    }

    /// `LAMINA_CONNECT_SEND_ONLY`, or no address: of a datagram socket alone.
    private static func setDestination(
        _ state: UnsafeMutablePointer<SocketState>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32
    ) -> Int32 {
        guard let mailbox = unsafe state.pointee.mailbox, flags & ~UInt32(LAMINA_CONNECT_SEND_ONLY) == 0 else {
            return -EINVAL
        }
        let nobody = Endpoint(family: 0)
        if flags == 0 {
            unsafe mailbox.setRemote(nobody)
            return 0
        }
        switch unsafe Int(address.pointee.form) {
        case LAMINA_ADDRESS_NONE:
            unsafe mailbox.setSendTo(nobody)
            return 0
        case LAMINA_ADDRESS_SOCKET:
            guard let endpoint = unsafe Endpoint(address) else { return -EINVAL }
            guard unsafe fits(state, endpoint) else { return -EAFNOSUPPORT }
            unsafe mailbox.setSendTo(endpoint.reached)
            return 0
        default:
            // Names are resolved by whoever fixes a conversation's remote address.
            return -EAFNOSUPPORT
        }
    }

    private static func fits(_ state: UnsafeMutablePointer<SocketState>, _ endpoint: Endpoint) -> Bool {
        let family = unsafe state.pointee.family
        return unsafe family == endpoint.family || state.pointee.isAnyFamily
            || (family == AF_INET6 && endpoint.family == AF_INET)
    }

    private static func connect(_ state: UnsafeMutablePointer<SocketState>, _ endpoint: Endpoint) -> Int32 {
        guard unsafe fits(state, endpoint) else { return -EAFNOSUPPORT }
        let target = endpoint.reached
        if let mailbox = unsafe state.pointee.mailbox { return unsafe mailbox.connect(to: target) }
        guard unsafe state.pointee.listener == nil else { return -EINVAL }
        guard unsafe state.pointee.link == nil else { return -EISCONN }
        if unsafe state.pointee.isAnyFamily { unsafe state.pointee.family = endpoint.family }
        var local = unsafe state.pointee.local
        if unsafe !state.pointee.isBound || local.isWildcard {
            let port = unsafe state.pointee.isBound ? local.port : 0
            local = target.source
            if local.family != AF_UNIX { local.port = unsafe port != 0 ? port : state.network.anyPort() }
        }
        return unsafe join(state, local, target)
    }

    private static func join(
        _ state: UnsafeMutablePointer<SocketState>,
        _ local: Endpoint,
        _ target: Endpoint
    ) -> Int32 {
        var found: UnsafeMutablePointer<Listener>?
        var made: UnsafeMutablePointer<Link>?
        let status: Int32 = unsafe state.network.reach(target, isDatagram: false) { occupant in
            // While the network is locked, the listener can't have gone.
            guard case .listener(let listener) = occupant else { return -ECONNREFUSED }
            let link = unsafe UnsafeMutablePointer<Link>.make(
                client: local,
                server: target,
                clientRoom: Int(state.pointee.receiveRoom),
                serverRoom: Int(listener.pointee.state.pointee.receiveRoom)
            )
            guard let link = unsafe link else { return -ENOMEM }
            unsafe link.end(.client).pointee.state = state
            unsafe made = link
            guard unsafe listener.offer(link) else { return -ECONNREFUSED }
            unsafe found = listener
            return 0
        }
        guard let listener = unsafe found, let link = unsafe made else {
            unsafe made?.release()
            unsafe made?.release()
            return status
        }
        unsafe state.pointee.side = .client
        unsafe state.pointee.link = link
        unsafe listener.wakeInput()
        unsafe state.connected()
        return 0
    }
}
