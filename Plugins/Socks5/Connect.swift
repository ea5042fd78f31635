import CLamina
import Glibc
import LaminaProvider

/// Connects.
enum Connect {
    static func connect(
        _ slot: Slot,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard flags == 0, isCarried(address), let answer = slot.dial?.connect(address, request) else {
            return lamina_connect(slot, address, flags, request)
        }
        return answer
    }

    /// Whether it is a host of a network: Unix addresses, and what undoes a destination, are the levels' below.
    private static func isCarried(_ address: UnsafePointer<lamina_address>) -> Bool {
        switch Int(address.pointee.form) {
        case LAMINA_ADDRESS_NAME: true
        case LAMINA_ADDRESS_SOCKET: [AF_INET, AF_INET6].contains(Int32(address.socket.pointee.sa_family))
        default: false
        }
    }
}
