import CLamina
import CLinux
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
        guard flags == 0, unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        var status = unsafe state.adopt(family: Int32(address.socket.pointee.sa_family))
        if status == 0 {
            status = unsafe clinux_raw_bind(state.pointee.descriptor, address.socket, address.pointee.length)
        }
        if status == 0 { unsafe state.pointee.isBound = true }
        return unsafe lamina_complete(slot, request, status, 0)
    }

    static func local(
        _ slot: Slot,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        return unsafe lamina_complete(slot, request, local(state.pointee.descriptor, address), 0)
    }

    static func remote(
        _ slot: Slot,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: Request
    ) -> lamina_status {
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        return unsafe lamina_complete(slot, request, remote(state.pointee.descriptor, address), 0)
    }

    /// getsockname.
    static func local(_ descriptor: Int32, _ address: UnsafeMutablePointer<lamina_address>) -> Int32 {
        unsafe write(address) { unsafe clinux_raw_local_name(descriptor, $0, $1) }
    }

    /// getpeername.
    static func remote(_ descriptor: Int32, _ address: UnsafeMutablePointer<lamina_address>) -> Int32 {
        unsafe write(address) { unsafe clinux_raw_remote_name(descriptor, $0, $1) }
    }

    private static func write(
        _ address: UnsafeMutablePointer<lamina_address>,
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Int32 {
        var length = unsafe UnsafeMutablePointer<lamina_address>.capacity
        let status = unsafe ask(address.socket, &length)
        unsafe address.finish(status == 0 ? length : 0)
        return status
    }
}

extension UnsafeMutablePointer<lamina_address> {
    /// Says what the kernel wrote into `storage`.
    func finish(_ length: socklen_t) {
        unsafe pointee.form = UInt16(length > 0 ? LAMINA_ADDRESS_SOCKET : LAMINA_ADDRESS_NONE)
        unsafe pointee.port = 0
        unsafe pointee.length = min(length, Self.capacity)
    }
}
