import CLamina
import Glibc
import LaminaProvider

/// The addresses of a host without interfaces: loopback's, which never change.
enum AddressList {
    static func control(
        _ slot: Slot,
        _ asked: lamina_operation,
        _ state: UnsafeMutablePointer<SocketState>,
        _ request: Request
    ) -> lamina_status {
        guard unsafe state.pointee.family != AF_UNIX else {
            return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
        switch unsafe Int(asked.code) {
        case LAMINA_IOCTL_ADDRESS_LIST:
            let families = [AF_INET, AF_INET6].filter {
                unsafe state.pointee.family == AF_UNSPEC || state.pointee.family == $0
            }
            return unsafe ControlAnswer.addresses(families.count, asked) { index, address in
                unsafe Endpoint(family: families[index]).reached.write(address, for: families[index])
            }.complete(slot, request)
        case LAMINA_IOCTL_ADDRESS_LIST_SORT:
            return unsafe ControlAnswer.sorted(asked) { destination, source in
                guard let endpoint = unsafe Endpoint(destination) else { return false }
                unsafe endpoint.source.write(source, for: Int32(destination.socket.pointee.sa_family))
                return true
            }.complete(slot, request)
        case LAMINA_IOCTL_ADDRESS_LIST_CHANGE:
            guard let waiting = unsafe state.makeAddressChanges() else {
                return unsafe lamina_complete(slot, request, -ENOMEM, 0)
            }
            return unsafe waiting.add(slot, request)
        default: return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeAddressChanges() -> UnsafeMutablePointer<WaitingRequests>? {
        unsafe AddressChanges.lock.locked {
            if unsafe pointee.addressChanges == nil {
                unsafe pointee.addressChanges = UnsafeMutablePointer<WaitingRequests>.make()
            }
            return unsafe pointee.addressChanges
        }
    }

    /// Takes it out of a socket that is being closed.
    func takeAddressChanges() -> UnsafeMutablePointer<WaitingRequests>? {
        unsafe AddressChanges.lock.locked {
            defer { unsafe pointee.addressChanges = nil }
            return unsafe pointee.addressChanges
        }
    }
}

private enum AddressChanges {
    static let lock = PluginLock {}
}
