import CLamina
import Glibc
import LaminaProvider

/// Bind, and the socket's two addresses.
enum Names {
    static func bind(
        _ slot: Slot,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        guard flags == 0, let endpoint = unsafe Endpoint(address) else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        return unsafe lamina_complete(slot, request, state.bind(endpoint), 0)
    }

    static func local(
        _ slot: Slot,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        let link = unsafe state.pointee.link
        let name = unsafe link.map {
            unsafe state.pointee.side == .client ? $0.pointee.clientName : $0.pointee.serverName
        }
        unsafe (name ?? state.pointee.local).write(address, for: state.pointee.family)
        return unsafe lamina_complete(slot, request, 0, 0)
    }

    static func remote(
        _ slot: Slot,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        if let link = unsafe state.pointee.link {
            let name = unsafe state.pointee.side == .client ? link.pointee.serverName : link.pointee.clientName
            unsafe name.write(address, for: state.pointee.family)
            return unsafe lamina_complete(slot, request, 0, 0)
        }
        guard let remote = unsafe state.pointee.mailbox?.remote, remote.family != 0 else {
            return unsafe lamina_complete(slot, request, -ENOTCONN, 0)
        }
        unsafe remote.write(address, for: state.pointee.family)
        return unsafe lamina_complete(slot, request, 0, 0)
    }
}
