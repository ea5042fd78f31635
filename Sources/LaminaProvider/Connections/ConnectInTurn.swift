import CLamina
import Glibc

extension Next where State: ~Copyable {
    /// Connects to the first of these addresses that the levels below connect to, one after the other; where none is, the
    /// call ends with what came of the last. A call that is cancelled, late, or given up (ECANCELED) tries no further one.
    ///
    /// With two or more this allocates. A call that only tries ends with EAGAIN then, because a second attempt can't be made
    /// inside of it; without an address it ends with EADDRNOTAVAIL.
    public consuming func connect(inTurn addresses: [Address], flags: ConnectFlags) -> Answer {
        Answer(ConnectInTurn.connect(addresses, slot, flags.rawValue, request))
    }
}

/// Connects to the first of several addresses, and where that fails to the next.
private enum ConnectInTurn {
    /// What is left to try.
    private struct Attempt {
        let addresses: UnsafeMutablePointer<lamina_address>
        let count: Int
        let flags: UInt32
        var index = 0
    }

    static func connect(
        _ addresses: [Address],
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let first = addresses.first else { return lamina_complete(slot, request, -EADDRNOTAVAIL, 0) }
        guard addresses.count > 1 else {
            return withUnsafePointer(to: first.c) { lamina_connect(slot, $0, flags, request) }
        }
        if request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0 {
            return lamina_complete(slot, request, -EAGAIN, 0)
        }
        let list = UnsafeMutablePointer<lamina_address>.allocate(capacity: addresses.count)
        for (index, address) in addresses.enumerated() { (list + index).initialize(to: address.c) }
        let attempt = UnsafeMutablePointer<Attempt>.allocate(capacity: 1)
        attempt.initialize(to: Attempt(addresses: list, count: addresses.count, flags: flags))
        guard lamina_push(slot, request, ended, attempt) != nil else {
            discard(attempt)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return lamina_connect(slot, list, flags, request)
    }

    private static let ended: lamina_completion = { slot, request, context in
        guard let slot, let attempt = context?.assumingMemoryBound(to: Attempt.self) else { return 0 }
        attempt.pointee.index += 1
        let next = attempt.pointee.addresses + attempt.pointee.index
        let status = request.pointee.status
        guard status < 0, status != -ECANCELED, lamina_request_is_cancelled(request) == 0,
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
