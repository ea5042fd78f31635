import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What the base keeps of one socket, in raw memory behind its slot's context.
///
/// The memory of a closed socket is kept for the next one, so that a waiting thread that wakes too late finds a state
/// where nothing waits.
@unsafe struct SocketState {
    /// -1 until an address says which family a socket of any family has.
    var descriptor: Int32 = -1
    var family: Int32 = 0
    var type: Int32 = 0
    var transport: Int32 = 0
    /// The error that ended the connection: the kernel tells it once, every later receive must hear it.
    var broken: Int32 = 0
    /// The events whose edges the engine tells; under the group's lock.
    var armed: UInt32 = 0
    /// `Readiness`: what they told.
    var readiness: UInt32 = Readiness.unwatched
    /// Waited receives in a row that found nothing at once; changed inside the input lane.
    var misses: UInt8 = 0
    var isAnyFamily = false
    var isBound = false
    /// Whether data can come: a datagram socket, or a connection that stands.
    var isConnected = false
    var isListening = false
    var isWithoutDelay = false
    /// Whether the engine knows the descriptor.
    var isWatched = false
    var closing = Arrivals()
    var closeRequest: UnsafeMutablePointer<lamina_request>?
    var nextFree: UnsafeMutablePointer<SocketState>?
    var slot: UnsafeMutablePointer<lamina_slot>
    var watch: lamina_watch
    /// What it indicates; made when somebody first wants that.
    var indicator: UnsafeMutablePointer<Indicator>?
    var acceptance: UnsafeMutablePointer<AcceptIndicator>?
    var inspector: UnsafeMutablePointer<Inspector>?
    /// Which inspection an accepted socket came from; serial 0 for none.
    var inspected = lamina_inspect_id()
    /// Where datagrams go that name no destination; under the group's lock. Nil until it is first set.
    var sendTo: UnsafeMutablePointer<lamina_address>?
    /// Whether `sendTo` holds one; changed by atomic operations.
    var hasSendTo: UInt32 = 0
    /// Made when somebody first waits for a change of the machine's addresses; under the group's lock.
    var addressWatch: UnsafeMutablePointer<AddressWatch>?
    /// Reports about datagrams that were sent; under the group's lock.
    var reports: UnsafeMutablePointer<Reports.Report>?
    /// Whether the kernel makes reports; changed by atomic operations.
    var hasReports: UInt32 = 0
    var group: LaneGroup
    /// Receives and accepts.
    var input: Lane
    /// Sends, connects and graceful disconnects.
    var output: Lane
}

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

extension Slot {
    /// The state of this slot's socket.
    @inline(__always)
    var state: UnsafeMutablePointer<SocketState>? { unsafe pointee.context?.assumingMemoryBound(to: SocketState.self) }

    var upcalls: lamina_upcalls { unsafe pointee.column.pointee.upcalls.pointee }
}

extension UnsafeMutablePointer<SocketState> {
    @inline(__always)
    var input: UnsafeMutablePointer<Lane> { unsafe field(\.input) }

    @inline(__always)
    var output: UnsafeMutablePointer<Lane> { unsafe field(\.output) }

    var group: UnsafeMutablePointer<LaneGroup> { unsafe field(\.group) }

    /// A state for a new socket. Nil: no memory.
    static func make(_ slot: Slot, descriptor: Int32, family: Int32, type: Int32, transport: Int32) -> Self? {
        guard let state = unsafe StatePool.take(slot) else { return nil }
        unsafe state.pointee.descriptor = descriptor
        unsafe state.pointee.family = family
        unsafe state.pointee.type = type
        unsafe state.pointee.transport = transport
        unsafe state.pointee.isConnected = type != streamType
        return unsafe state
    }

    /// Forgets the last socket, in place: a late `wake` may be looking at the lanes.
    func restart(_ slot: Slot) {
        unsafe pointee.slot = slot
        unsafe pointee.broken = 0
        unsafe pointee.misses = 0
        unsafe pointee.armed = 0
        unsafe endReadiness()
        unsafe pointee.isAnyFamily = false
        unsafe pointee.isBound = false
        unsafe pointee.isConnected = false
        unsafe pointee.isListening = false
        unsafe pointee.isWithoutDelay = false
        unsafe pointee.isWatched = false
        unsafe pointee.closing = Arrivals()
        unsafe pointee.closeRequest = nil
        unsafe pointee.nextFree = nil
        unsafe pointee.inspected = lamina_inspect_id()
        unsafe pointee.hasSendTo = 0
        unsafe pointee.input.restart()
        unsafe pointee.output.restart()
        unsafe group.restart()
    }

    /// Forgets, in a child process, what the parent waits for on the socket and what its engine knows.
    func renew() {
        unsafe pointee.armed = 0
        unsafe pointee.isWatched = false
        unsafe endReadiness()
        unsafe pointee.indicator = nil
        unsafe pointee.acceptance = nil
        unsafe pointee.inspector = nil
        if let descriptor = unsafe pointee.addressWatch?.pointee.descriptor { _ = clinux_raw_close(descriptor) }
        unsafe pointee.addressWatch = nil
        unsafe pointee.input.renew()
        unsafe pointee.output.renew()
        unsafe clinux_store_u32(&pointee.slot.pointee.enabled, 0)
    }

    /// Settings that the instance wants on every socket.
    func applySettings() {
        guard let context = unsafe lamina_instance_context(pointee.slot) else { return }
        if unsafe context.assumingMemoryBound(to: InstanceState.self).pointee.isWithoutDelay {
            unsafe sendWithoutDelay()
        }
    }

    /// Switches Nagle's algorithm off, where there is one.
    func sendWithoutDelay() {
        guard unsafe !pointee.isWithoutDelay, unsafe pointee.family != AF_UNIX, unsafe pointee.type == streamType else {
            return
        }
        var on: Int32 = 1
        let length = socklen_t(MemoryLayout<Int32>.size)
        unsafe pointee.isWithoutDelay =
            unsafe clinux_raw_set_option(pointee.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, length) == 0
    }

    /// Gives a socket of any family the descriptor that `family` needs. 0 or a negative errno.
    func adopt(family: Int32) -> Int32 {
        guard unsafe pointee.isAnyFamily,
            unsafe pointee.descriptor < 0 || (family != pointee.family && !pointee.isBound)
        else {
            return 0
        }
        let descriptor = unsafe clinux_raw_socket(family, pointee.type, pointee.transport)
        guard descriptor >= 0 else { return descriptor }
        unsafe stopWatching()
        if unsafe pointee.descriptor >= 0 { _ = unsafe clinux_raw_close(pointee.descriptor) }
        unsafe pointee.descriptor = descriptor
        unsafe pointee.family = family
        unsafe pointee.isWithoutDelay = false
        unsafe applySettings()
        return 0
    }
}

let streamType = Int32(SOCK_STREAM.rawValue)
let datagramType = Int32(SOCK_DGRAM.rawValue)

/// The memory of states that are not in use; it is never given back, so a state stays a state.
enum StatePool {
    // Guarded by the lock.
    nonisolated(unsafe) private static var free: UnsafeMutablePointer<SocketState>?
    private static let lock = PluginLock { unsafe free = nil }

    static func take(_ slot: Slot) -> UnsafeMutablePointer<SocketState>? {
        let recycled = unsafe lock.locked {
            let first = unsafe free
            unsafe free = first?.pointee.nextFree
            return unsafe first
        }
        if let recycled = unsafe recycled {
            unsafe recycled.restart(slot)
            return unsafe recycled
        }
        guard let memory = unsafe malloc(MemoryLayout<SocketState>.size) else { return nil }
        let state = unsafe memory.bindMemory(to: SocketState.self, capacity: 1)
        let group = unsafe state.group
        unsafe state.initialize(
            to: SocketState(
                slot: slot,
                watch: lamina_watch(of: state, descriptor: -1),
                group: LaneGroup(Lanes.actions, owner: memory),
                input: Lane(group: group),
                output: Lane(group: group)
            )
        )
        unsafe group.start()
        return unsafe state
    }

    static func give(_ state: UnsafeMutablePointer<SocketState>) {
        lock.locked {
            unsafe state.pointee.nextFree = free
            unsafe free = state
        }
    }
}
