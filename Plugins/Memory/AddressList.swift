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
        guard state.pointee.family != AF_UNIX else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        switch Int(asked.code) {
        case LAMINA_IOCTL_ADDRESS_LIST:
            let families = [AF_INET, AF_INET6].filter {
                state.pointee.family == AF_UNSPEC || state.pointee.family == $0
            }
            return ControlAnswer.addresses(families.count, asked) { index, address in
                Endpoint(family: families[index]).reached.write(address, for: families[index])
            }.complete(slot, request)
        case LAMINA_IOCTL_ADDRESS_LIST_SORT:
            return ControlAnswer.sorted(asked) { destination, source in
                guard let endpoint = Endpoint(destination) else { return false }
                endpoint.source.write(source, for: Int32(destination.socket.pointee.sa_family))
                return true
            }.complete(slot, request)
        case LAMINA_IOCTL_ADDRESS_LIST_CHANGE:
            guard let waiting = state.makeAddressChanges() else { return lamina_complete(slot, request, -ENOMEM, 0) }
            return waiting.add(slot, request)
        default: return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// The one that there is, or a new one. Nil: no memory.
    fileprivate func makeAddressChanges() -> UnsafeMutablePointer<WaitingRequests>? {
        AddressChanges.lock.locked {
            if pointee.addressChanges == nil { pointee.addressChanges = UnsafeMutablePointer<WaitingRequests>.make() }
            return pointee.addressChanges
        }
    }

    /// Takes it out of a socket that is being closed.
    func takeAddressChanges() -> UnsafeMutablePointer<WaitingRequests>? {
        AddressChanges.lock.locked {
            defer { pointee.addressChanges = nil }
            return pointee.addressChanges
        }
    }
}

private enum AddressChanges {
    static let lock = PluginLock {}
}
