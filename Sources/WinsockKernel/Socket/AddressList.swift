import CLamina
import CWinsockKernel
import Glibc
import Lamina

/// SIO_ADDRESS_LIST_QUERY and SIO_ADDRESS_LIST_SORT: SOCKET_ADDRESS_LISTs, with the addresses behind the list.
enum AddressList {
    /// The addresses of this machine, of the socket's family.
    static func query(_ call: ControlCall) -> ControlResult {
        var room: [lamina_address] = []
        while true {
            let (status, bytes) = ask(call.socket, LAMINA_IOCTL_ADDRESS_LIST, &room)
            let count = Int(clamping: bytes) / MemoryLayout<lamina_address>.stride
            if status == 0 { return write(Array(room.prefix(count)), call) }
            guard status == -ENOBUFS, count > room.count else { return (Control.status(status), 0) }
            room = Array(repeating: lamina_address(), count: count)
        }
    }

    /// The addresses of the input in the order in which to try them.
    static func sort(_ call: ControlCall) -> ControlResult {
        guard var addresses = read(call.input) else { return (STATUS_INVALID_PARAMETER, 0) }
        let (status, _) = ask(call.socket, LAMINA_IOCTL_ADDRESS_LIST_SORT, &addresses)
        return status < 0 ? (Control.status(status), 0) : write(addresses, call)
    }

    /// Asks with the addresses as input and as room for the answer.
    private static func ask(
        _ socket: KernelSocket,
        _ code: Int,
        _ addresses: inout [lamina_address]
    ) -> (status: lamina_status, bytes: UInt64) {
        addresses.withUnsafeMutableBytes { room in
            var operation = Control.operation(LAMINA_CONTROL_IOCTL, Int32(LAMINA_LEVEL), UInt32(code))
            operation.input = UnsafeRawPointer(room.baseAddress)
            operation.input_length = room.count
            operation.output = room.baseAddress
            operation.output_capacity = room.count
            return Control.attempt(socket, &operation)
        }
    }

    /// Where the first SOCKET_ADDRESS stands, after the count.
    private static let head = 8

    private static func read(_ input: UnsafeRawBufferPointer) -> [lamina_address]? {
        guard input.count >= MemoryLayout<Int32>.size else { return nil }
        let count = Int(input.loadUnaligned(as: Int32.self))
        let stride = MemoryLayout<SOCKET_ADDRESS>.stride
        guard count >= 0, count <= (input.count - min(head, input.count)) / stride else { return nil }
        var addresses: [lamina_address] = []
        for index in 0..<count {
            let entry = input.loadUnaligned(fromByteOffset: head + index * stride, as: SOCKET_ADDRESS.self)
            var address = lamina_address()
            guard let source = entry.lpSockaddr, entry.iSockaddrLength >= 2, let length = Addresses.length(of: source),
                Int(entry.iSockaddrLength) >= length, Addresses.read(source, &address)
            else { return nil }
            addresses.append(address)
        }
        return addresses
    }

    private static func write(_ addresses: [lamina_address], _ call: ControlCall) -> ControlResult {
        let stride = MemoryLayout<SOCKET_ADDRESS>.stride
        let list = max(MemoryLayout<SOCKET_ADDRESS_LIST>.size, head + addresses.count * stride)
        let lengths = addresses.map { Int($0.length + 7) / 8 * 8 }
        let total = list + lengths.reduce(0, +)
        guard call.output.count >= total, let base = call.output.baseAddress else {
            return (STATUS_BUFFER_OVERFLOW, UInt(total))
        }
        base.storeBytes(of: Int32(addresses.count), as: Int32.self)
        var place = list
        for (index, address) in addresses.enumerated() {
            withUnsafePointer(to: address) { Addresses.write($0, base + place) }
            let entry = base + head + index * stride
            entry.storeBytes(of: base + place, as: UnsafeMutableRawPointer.self)
            entry.storeBytes(of: Int32(address.length), toByteOffset: 8, as: Int32.self)
            place += lengths[index]
        }
        return (STATUS_SUCCESS, UInt(total))
    }
}
