import CLamina
import Glibc
import LaminaProvider

/// Connects to names that came down unresolved.
enum Connect {
    static func connect(
        _ slot: Slot,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard address.pointee.form == UInt16(LAMINA_ADDRESS_NAME),
            let answer = HostsLevel.of(slot)?.answer(address.name)
        else { return lamina_connect(slot, address, flags, request) }
        let port = address.pointee.port
        switch answer {
        case .status(let status):
            return lamina_complete(slot, request, status == -ENOENT ? -ECONNREFUSED : status, 0)
        case .goesOn(let name):
            return withUnsafePointer(to: lamina_address(name: name, port: port)) {
                lamina_connect(slot, $0, flags, request)
            }
        case .addresses(var addresses, _):
            for index in addresses.indices { withUnsafeMutablePointer(to: &addresses[index]) { $0.setPort(port) } }
            return ConnectInTurn.connect(addresses, slot, flags, request)
        }
    }
}
