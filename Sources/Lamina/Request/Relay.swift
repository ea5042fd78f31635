import CLamina
import CLinux
import Glibc

/// Serves one request by one or more operations of its own, in turn. Cancel and deadline of the request reach the
/// operation under way.
final class Relay: @unchecked Sendable {
    // One party at a time runs `next`: the issuing thread, or the thread of a completion that came after the return.

    /// What comes next.
    enum Step {
        /// Another operation, on the request given.
        case issue((Request) -> lamina_status)
        /// The request is over.
        case end(lamina_status, UInt64)
    }

    private let slot: Slot
    private let request: Request
    private let sub: Request
    private var next: ((lamina_status?, UInt64) -> Step)?
    /// Counts the call's return and its completion: the later one goes on.
    private var arrivals: UInt32 = 0
    private var isHeld = false
    /// Whether a level above had returned "pending" before.
    private var wasPended = false
    /// Counts a cancel that took the request and the last operation's end: the later one completes.
    private var farewells: UInt32 = 0
    private var result: (lamina_status, UInt64) = (0, 0)

    init(_ slot: Slot, _ request: Request) {
        self.slot = slot
        self.request = request
        sub = .allocate(capacity: 1)
    }

    deinit {
        sub.deallocate()
    }

    /// Runs the steps; `next` gets the status and bytes of the last operation, nil before the first one. Answers what
    /// the call in progress must return.
    func run(_ next: @escaping (lamina_status?, UInt64) -> Step) -> lamina_status {
        self.next = next
        if request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) == 0 {
            request.pointee.owner.0 = Unmanaged.passRetained(self).toOpaque()
            wasPended = request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0
            let status = Completion.hold(slot, request, Self.cancel)
            guard status == 0 else {
                Unmanaged.passUnretained(self).release()
                return lamina_complete(slot, request, status, 0)
            }
            isHeld = true
        }
        guard let (status, bytes) = advance(nil, 0) else { return LAMINA_PENDING }
        return finish(status, bytes, isInline: true)
    }

    /// Issues operations until one pends or the last has ended.
    private func advance(_ status: lamina_status?, _ bytes: UInt64) -> (lamina_status, UInt64)? {
        var last = (status, bytes)
        while true {
            switch next?(last.0, last.1) ?? .end(-EINVAL, 0) {
            case .end(let status, let bytes):
                return (status, bytes)
            case .issue(let call):
                clinux_store_u32(&arrivals, 0)
                lamina_request_prepare(sub, Self.completed, Unmanaged.passUnretained(self).toOpaque())
                sub.pointee.deadline = request.pointee.deadline
                sub.pointee.flags |= request.pointee.flags & UInt32(LAMINA_REQUEST_TRY)
                if lamina_request_is_cancelled(request) != 0 { return (lamina_cancel_status(request), 0) }
                _ = Unmanaged.passRetained(self)
                _ = call(sub)
                guard clinux_add_u32(&arrivals, 1) == 2 else { return nil }
                last = (sub.pointee.status, sub.pointee.bytes)
            }
        }
    }

    private static let completed: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let relay = Unmanaged<Relay>.fromOpaque(context).takeRetainedValue()
        if relay.sub.pointee.status < 0, relay.request.pointee.failed_level == nil {
            relay.request.pointee.failed_level = relay.sub.pointee.failed_level
        }
        guard clinux_add_u32(&relay.arrivals, 1) == 2 else { return 0 }
        if let (status, bytes) = relay.advance(relay.sub.pointee.status, relay.sub.pointee.bytes) {
            _ = relay.finish(status, bytes, isInline: false)
        }
        return 0
    }

    private static let cancel: lamina_cancel_function = { _, request in
        guard let context = request.pointee.owner.0 else { return }
        let relay = Unmanaged<Relay>.fromOpaque(context).takeUnretainedValue()
        _ = Completion.cancel(relay.sub)
        relay.leave()
    }

    /// Completes the request, unless a cancel is at work on it: then the later of the two does.
    private func finish(_ status: lamina_status, _ bytes: UInt64, isInline: Bool) -> lamina_status {
        next = nil
        guard isHeld else { return lamina_complete(slot, request, status, bytes) }
        if lamina_request_claim(request) != 0 {
            if isInline, !wasPended { request.pointee.flags &= ~UInt32(LAMINA_REQUEST_PENDED) }
            Unmanaged.passUnretained(self).release()
            return lamina_complete(slot, request, status, bytes)
        }
        result = (status, bytes)
        leave()
        return LAMINA_PENDING
    }

    private func leave() {
        guard clinux_add_u32(&farewells, 1) == 2 else { return }
        let (status, bytes) = result
        _ = lamina_complete(slot, request, status, bytes)
        Unmanaged.passUnretained(self).release()
    }
}
