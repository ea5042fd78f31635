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
            let answer = HostsLevel.of(slot)?.answer(name(of: address))
        else { return lamina_connect(slot, address, flags, request) }
        let port = address.pointee.port
        switch answer {
        case .status(let status):
            return lamina_complete(slot, request, status == -ENOENT ? -ECONNREFUSED : status, 0)
        case .goesOn(let name):
            var other = lamina_address()
            other.form = UInt16(LAMINA_ADDRESS_NAME)
            other.port = port
            other.length = UInt32(name.utf8.count)
            withUnsafeMutableBytes(of: &other.storage) { $0.copyBytes(from: name.utf8) }
            return withUnsafePointer(to: other) { lamina_connect(slot, $0, flags, request) }
        case .addresses(let addresses, _):
            return withUnsafeTemporaryAllocation(of: lamina_address.self, capacity: addresses.count) { room in
                guard let list = room.baseAddress else { return lamina_complete(slot, request, -ENOENT, 0) }
                _ = room.initialize(from: addresses)
                for index in addresses.indices { (list + index).setPort(port) }
                return tryEach(list, addresses.count, slot, flags, request)
            }
        }
    }

    private static func name(of address: UnsafePointer<lamina_address>) -> String {
        let length = min(Int(address.pointee.length), MemoryLayout.size(ofValue: address.pointee.storage))
        return String(decoding: UnsafeRawBufferPointer(start: address.bytes, count: length), as: UTF8.self)
    }

    /// What is left to try.
    private struct Attempt {
        let addresses: UnsafeMutablePointer<lamina_address>
        let count: Int
        let flags: UInt32
        var index = 0
    }

    /// Connects to the first address, and where that fails to the next.
    private static func tryEach(
        _ list: UnsafeMutablePointer<lamina_address>,
        _ count: Int,
        _ slot: Slot,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        let isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        guard count > 1, !isTry else { return lamina_connect(slot, list, flags, request) }
        let addresses = UnsafeMutablePointer<lamina_address>.allocate(capacity: count)
        addresses.initialize(from: list, count: count)
        let attempt = UnsafeMutablePointer<Attempt>.allocate(capacity: 1)
        attempt.initialize(to: Attempt(addresses: addresses, count: count, flags: flags))
        guard lamina_push(slot, request, ended, attempt) != nil else {
            discard(attempt)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return lamina_connect(slot, addresses, flags, request)
    }

    private static let ended: lamina_completion = { slot, request, context in
        guard let slot, let attempt = context?.assumingMemoryBound(to: Attempt.self) else { return 0 }
        attempt.pointee.index += 1
        let next = attempt.pointee.addresses + attempt.pointee.index
        guard request.pointee.status < 0, lamina_request_is_cancelled(request) == 0,
            attempt.pointee.index < attempt.pointee.count
        else {
            discard(attempt)
            return 0
        }
        slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
        guard lamina_push(slot, request, ended, context) != nil else {
            request.pointee.status = -ENOMEM
            discard(attempt)
            return 0
        }
        request.pointee.failed_level = nil
        _ = lamina_connect(slot, next, attempt.pointee.flags, request)
        return LAMINA_MORE_PROCESSING
    }

    private static func discard(_ attempt: UnsafeMutablePointer<Attempt>) {
        attempt.pointee.addresses.deallocate()
        attempt.deallocate()
    }
}
