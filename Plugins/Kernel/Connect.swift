import CLamina
import CLinux
import Glibc
import LaminaProvider

/// How far a connect has come, in the operation's `plan`.
@unsafe struct ConnectPlan {
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
        guard let state = unsafe slot.state else { return unsafe lamina_complete(slot, request, -EBADF, 0) }
        if unsafe flags != 0 || address.pointee.form == UInt16(LAMINA_ADDRESS_NONE) {
            return unsafe lamina_complete(slot, request, Destination.change(state, address, flags), 0)
        }
        let isName = unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_NAME)
        guard unsafe isName || address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        // A connection attempt over IP can't end at once and can't be taken back.
        let isTry = unsafe request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        if isTry, unsafe isName || (state.pointee.type == streamType && state.pointee.family != AF_UNIX) {
            return unsafe lamina_complete(slot, request, -EAGAIN, 0)
        }
        let made = unsafe UnsafeMutablePointer<Operation>.make(
            LAMINA_ENTRY_CONNECT,
            state.output,
            slot,
            request,
            address: address
        )
        guard let operation = unsafe made, let plan = unsafe makePlan(operation, state) else {
            unsafe made?.dispose()
            return unsafe lamina_complete(slot, request, -ENOMEM, 0)
        }
        if unsafe !state.pointee.isAnyFamily, unsafe state.pointee.family != AF_UNIX, unsafe plan.pointee.job == nil {
            _ = unsafe Lanes.drive(operation, state, POLLOUT)
        }
        let lane = unsafe state.output
        guard unsafe lane.enter() else { return unsafe lane.submit(operation, slot, request, isInside: false) }
        guard unsafe attempt(operation, state) == .ended else {
            return unsafe lane.submit(operation, slot, request, isInside: true)
        }
        let status = unsafe operation.pointee.status
        unsafe operation.dispose()
        return unsafe lane.leave(slot, request, status, 0)
    }

    private static func makePlan(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> UnsafeMutablePointer<ConnectPlan>? {
        guard let memory = unsafe malloc(MemoryLayout<ConnectPlan>.size), let address = unsafe operation.pointee.remote
        else {
            return nil
        }
        let plan = unsafe memory.bindMemory(to: ConnectPlan.self, capacity: 1)
        unsafe plan.initialize(to: ConnectPlan())
        unsafe operation.pointee.plan = memory
        guard unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_NAME) else {
            unsafe plan.pointee.addresses = address
            unsafe plan.pointee.count = 1
            return unsafe plan
        }
        let family = unsafe state.pointee.isAnyFamily ? AF_UNSPEC : state.pointee.family
        let flags = family == AF_INET6 ? AI_V4MAPPED : 0
        guard let job = unsafe UnsafeMutablePointer<ResolveJob>.make(address, family: family, flags: flags) else {
            return nil
        }
        unsafe plan.pointee.job = job
        if unsafe !job.runNumeric() { unsafe job.start(waking: operation.pointee.lane) }
        return unsafe plan
    }

    static func attempt(
        _ operation: UnsafeMutablePointer<Operation>,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Outcome {
        guard let plan = unsafe operation.plan else { return .ended }
        if let job = unsafe plan.pointee.job, unsafe plan.pointee.addresses == nil {
            guard unsafe job.hasFinished else { return .blocked }
            unsafe operation.pointee.status = job.pointee.status
            guard unsafe job.pointee.status == 0 else { return .ended }
            unsafe plan.pointee.addresses = job.pointee.addresses
            unsafe plan.pointee.count = job.pointee.count
        }
        unsafe plan.pointee.isRetrying = false
        while unsafe plan.pointee.index < plan.pointee.count, let addresses = unsafe plan.pointee.addresses {
            let address = unsafe addresses + plan.pointee.index
            let status = unsafe tryOnce(address, plan, state)
            switch status {
            case -EINPROGRESS, -EALREADY:
                unsafe plan.pointee.isStarted = true
                return .blocked
            case -EAGAIN where unsafe state.pointee.family == AF_UNIX:
                unsafe plan.pointee.isRetrying = true
                return .blocked
            case 0:
                unsafe plan.pointee.isStarted = false
                unsafe operation.pointee.status = 0
                unsafe state.pointee.broken = 0
                unsafe state.pointee.isBound = true
                unsafe state.connected()
                return .ended
            default:
                unsafe operation.pointee.status = status
                unsafe plan.pointee.isStarted = false
                unsafe plan.pointee.index += 1
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
        let adopted = unsafe state.adopt(family: Int32(address.socket.pointee.sa_family))
        guard adopted == 0 else { return adopted }
        // An IPv6 socket reaches IPv4 hosts by mapped addresses.
        if unsafe state.pointee.family == AF_INET6 { unsafe address.mapToIPv6() }
        var status: Int32
        repeat {
            status = unsafe clinux_raw_connect(state.pointee.descriptor, address.socket, address.pointee.length)
        } while status == -EINTR
        return unsafe status == -EISCONN && plan.pointee.isStarted ? 0 : status
    }

    /// Gives back what a connect holds; one that was given up stops connecting.
    static func dispose(_ operation: UnsafeMutablePointer<Operation>) {
        guard unsafe operation.pointee.kind == UInt32(LAMINA_ENTRY_CONNECT), let plan = unsafe operation.plan else {
            return
        }
        if unsafe plan.pointee.isStarted {
            var nobody = sockaddr()
            nobody.sa_family = sa_family_t(AF_UNSPEC)
            _ = unsafe clinux_raw_connect(
                operation.pointee.lane.state.pointee.descriptor,
                &nobody,
                socklen_t(MemoryLayout<sockaddr>.size)
            )
        }
        unsafe plan.pointee.job?.abandon()
        unsafe free(UnsafeMutableRawPointer(plan))
        unsafe operation.pointee.plan = nil
    }

    /// Whether the front of `lane` waits for something else than the descriptor.
    static func isWaitingOtherwise(_ lane: UnsafeMutablePointer<Lane>) -> Bool {
        guard let first = unsafe lane.first else { return false }
        switch unsafe Int(first.pointee.kind) {
        case LAMINA_ENTRY_CONNECT:
            guard let plan = unsafe first.plan else { return false }
            return unsafe plan.pointee.isRetrying || plan.pointee.addresses == nil
        case LAMINA_ENTRY_SEND_MESSAGES:
            return unsafe Datagram.mustRetry(first)
        default:
            return false
        }
    }

    /// Where the front of `lane` waits for something else than the descriptor, sees to that it is woken: 0 or a
    /// negative errno. Under the lock.
    static func armOtherwise(_ lane: UnsafeMutablePointer<Lane>) -> Int32? {
        guard unsafe isWaitingOtherwise(lane) else { return nil }
        guard let first = unsafe lane.first, unsafe first.plan.map(\.pointee.isRetrying) ?? true else {
            return 0
        }
        guard unsafe lane.pointee.group.pinLocked() else { return -ECANCELED }
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        let soon = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) + 5_000_000
        let slot = unsafe first.pointee.slot
        let status = unsafe slot.upcalls.post_at(
            slot,
            soon,
            { context in
                guard let lane = unsafe context?.assumingMemoryBound(to: Lane.self) else { return }
                unsafe lane.wake()
                unsafe lane.pointee.group.release()
            },
            UnsafeMutableRawPointer(lane)
        )
        if status < 0 { unsafe lane.pointee.group.unpinLocked() }
        return status
    }
}

extension UnsafeMutablePointer<lamina_address> {
    /// Puts an IPv4 address into IPv6 form.
    fileprivate func mapToIPv6() {
        guard unsafe Int32(socket.pointee.sa_family) == AF_INET,
            unsafe pointee.length >= UInt32(MemoryLayout<sockaddr_in>.size)
        else { return }
        let four = unsafe pointee.storage.ipv4
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = four.sin_port
        unsafe six.sin6_addr.__in6_u.__u6_addr32 = (0, 0, UInt32(0xffff).bigEndian, four.sin_addr.s_addr)
        unsafe pointee.storage.ipv6 = six
        unsafe pointee.length = UInt32(MemoryLayout<sockaddr_in6>.size)
    }
}

extension UnsafeMutablePointer<Operation> {
    var plan: UnsafeMutablePointer<ConnectPlan>? { unsafe pointee.plan?.assumingMemoryBound(to: ConnectPlan.self) }

    /// Gives back an operation that never waited.
    func dispose() {
        unsafe Connect.dispose(self)
        unsafe discard()
    }
}
