import CLamina
import CLinux
import Glibc
import LaminaProvider

/// How far a connect has come, in the operation's `plan`.
struct ConnectPlan {
    /// Addresses to try, in order.
    var addresses: UnsafeMutablePointer<lamina_address>?
    var count = 0
    var index = 0
    /// Whether the kernel is connecting to `addresses[index]`.
    var isStarted = false
    /// Whether the listener's backlog was full: the kernel can't say when there is room (Unix sockets).
    var isRetrying = false
    /// The name's resolution, while it runs.
    var job: UnsafeMutablePointer<ResolveJob>?
}

/// Connects: by address, or by name, trying every address in order.
enum Connect {
    static func connect(
        _ slot: Slot,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let state = slot.state else { return lamina_complete(slot, request, -EBADF, 0) }
        if flags != 0 || address.pointee.form == UInt16(LAMINA_ADDRESS_NONE) {
            return lamina_complete(slot, request, Destination.change(state, address, flags), 0)
        }
        let isName = address.pointee.form == UInt16(LAMINA_ADDRESS_NAME)
        guard isName || address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        // A connection attempt over IP can't end at once and can't be taken back.
        let isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        if isTry, isName || (state.pointee.type == streamType && state.pointee.family != AF_UNIX) {
            return lamina_complete(slot, request, -EAGAIN, 0)
        }
        let made = UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_CONNECT,
            state.output,
            slot,
            request,
            address: address
        )
        guard let operation = made, let plan = makePlan(operation, state) else {
            made?.dispose()
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        if !state.pointee.isAnyFamily, state.pointee.family != AF_UNIX, plan.pointee.job == nil {
            _ = Lanes.drive(operation, state, POLLOUT)
        }
        let lane = state.output
        guard lane.enter() else { return lane.submit(operation, slot, request, isInside: false) }
        guard attempt(operation, state) == .ended else {
            return lane.submit(operation, slot, request, isInside: true)
        }
        let status = operation.pointee.status
        operation.dispose()
        return lane.leave(slot, request, status, 0)
    }

    private static func makePlan(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> UnsafeMutablePointer<ConnectPlan>? {
        guard let memory = malloc(MemoryLayout<ConnectPlan>.size), let address = operation.pointee.remote else {
            return nil
        }
        let plan = memory.bindMemory(to: ConnectPlan.self, capacity: 1)
        plan.initialize(to: ConnectPlan())
        operation.pointee.plan = memory
        guard address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) else {
            plan.pointee.addresses = address
            plan.pointee.count = 1
            return plan
        }
        let family = state.pointee.isAnyFamily ? AF_UNSPEC : state.pointee.family
        let flags = family == AF_INET6 ? AI_V4MAPPED : 0
        guard let job = UnsafeMutablePointer<ResolveJob>.make(address, family: family, flags: flags) else { return nil }
        plan.pointee.job = job
        if !job.runNumeric() { job.start(waking: operation.pointee.lane) }
        return plan
    }

    static func attempt(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard let plan = operation.plan else { return .ended }
        if let job = plan.pointee.job, plan.pointee.addresses == nil {
            guard job.hasFinished else { return .blocked }
            operation.pointee.status = job.pointee.status
            guard job.pointee.status == 0 else { return .ended }
            plan.pointee.addresses = job.pointee.addresses
            plan.pointee.count = job.pointee.count
        }
        plan.pointee.isRetrying = false
        while plan.pointee.index < plan.pointee.count, let addresses = plan.pointee.addresses {
            let address = addresses + plan.pointee.index
            let status = tryOnce(address, plan, state)
            switch status {
            case -EINPROGRESS, -EALREADY:
                plan.pointee.isStarted = true
                return .blocked
            case -EAGAIN where state.pointee.family == AF_UNIX:
                plan.pointee.isRetrying = true
                return .blocked
            case 0:
                plan.pointee.isStarted = false
                operation.pointee.status = 0
                state.pointee.broken = 0
                state.pointee.isBound = true
                state.connected()
                return .ended
            default:
                operation.pointee.status = status
                plan.pointee.isStarted = false
                plan.pointee.index += 1
            }
        }
        return .ended
    }

    /// Asks the kernel to connect, or, once it is at it, how it went.
    private static func tryOnce(
        _ address: UnsafeMutablePointer<lamina_address>,
        _ plan: UnsafeMutablePointer<ConnectPlan>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Int32 {
        let adopted = state.adopt(family: Int32(address.socket.pointee.sa_family))
        guard adopted == 0 else { return adopted }
        // An IPv6 socket reaches IPv4 hosts by mapped addresses.
        if state.pointee.family == AF_INET6 { address.mapToIPv6() }
        var status: Int32
        repeat {
            status = clinux_raw_connect(state.pointee.descriptor, address.socket, address.pointee.length)
        } while status == -EINTR
        return status == -EISCONN && plan.pointee.isStarted ? 0 : status
    }

    /// Gives back what a connect holds; one that was given up stops connecting.
    static func dispose(_ operation: UnsafeMutablePointer<Operation>) {
        guard operation.pointee.kind == UInt32(LAMINA_ENTRY_CONNECT), let plan = operation.plan else { return }
        if plan.pointee.isStarted {
            var nobody = sockaddr()
            nobody.sa_family = sa_family_t(AF_UNSPEC)
            _ = clinux_raw_connect(
                operation.pointee.lane.state.pointee.descriptor,
                &nobody,
                socklen_t(MemoryLayout<sockaddr>.size)
            )
        }
        plan.pointee.job?.abandon()
        free(UnsafeMutableRawPointer(plan))
        operation.pointee.plan = nil
    }

    /// Whether the front of `lane` waits for something else than the descriptor.
    static func isWaitingOtherwise(_ lane: UnsafeMutablePointer<Lane>) -> Bool {
        guard let first = lane.first else { return false }
        switch Int(first.pointee.kind) {
        case LAMINA_ENTRY_CONNECT:
            guard let plan = first.plan else { return false }
            return plan.pointee.isRetrying || plan.pointee.addresses == nil
        case LAMINA_ENTRY_SEND_MESSAGES:
            return Datagram.mustRetry(first)
        default:
            return false
        }
    }

    /// Where the front of `lane` waits for something else than the descriptor, sees to that it is woken: 0 or a
    /// negative errno. Under the lock.
    static func armOtherwise(_ lane: UnsafeMutablePointer<Lane>) -> Int32? {
        guard isWaitingOtherwise(lane) else { return nil }
        guard let first = lane.first, first.plan.map(\.pointee.isRetrying) ?? true else { return 0 }
        guard lane.pointee.group.pinLocked() else { return -ECANCELED }
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let soon = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) + 5_000_000
        let slot = first.pointee.slot
        let status = slot.upcalls.post_at(
            slot,
            soon,
            { context in
                guard let lane = context?.assumingMemoryBound(to: Lane.self) else { return }
                lane.wake()
                lane.pointee.group.release()
            },
            UnsafeMutableRawPointer(lane)
        )
        if status < 0 { lane.pointee.group.unpinLocked() }
        return status
    }
}

extension UnsafeMutablePointer<lamina_address> {
    /// Puts an IPv4 address into IPv6 form.
    fileprivate func mapToIPv6() {
        guard Int32(socket.pointee.sa_family) == AF_INET,
            pointee.length >= UInt32(MemoryLayout<sockaddr_in>.size)
        else { return }
        let four = pointee.storage.ipv4
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = four.sin_port
        six.sin6_addr.__in6_u.__u6_addr32 = (0, 0, UInt32(0xffff).bigEndian, four.sin_addr.s_addr)
        pointee.storage.ipv6 = six
        pointee.length = UInt32(MemoryLayout<sockaddr_in6>.size)
    }
}

extension UnsafeMutablePointer<Operation> {
    var plan: UnsafeMutablePointer<ConnectPlan>? { pointee.plan?.assumingMemoryBound(to: ConnectPlan.self) }

    /// Gives back an operation that never waited.
    func dispose() {
        Connect.dispose(self)
        discard()
    }
}
