import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What the transport keeps of one socket, in raw memory behind its slot's context. What a socket needs once it
/// connects, listens or takes datagrams stands in a part of its own, and buffers come with the first byte.
@unsafe struct SocketState {
    var slot: Slot
    let network: Unmanaged<Network>
    var family: Int32
    let isDatagram: Bool
    var side = Side.client
    var isBound = false
    var isAnyFamily: Bool
    var receiveRoom: Int32
    var sendRoom: Int32
    /// Options that are on.
    var switches: SocketSwitches = []
    /// What travels beside its datagrams.
    var packets = PacketOptions()
    /// Whether a listener's connections are inspected.
    var inspects = false
    /// Which inspection an accepted socket came from; serial 0 for none.
    var inspected = lamina_inspect_id()
    /// Indications that are wanted once the socket is connected or listens.
    var wanted: UInt32 = 0
    var closing = Arrivals()
    var closeRequest: Request?
    var local: Endpoint
    /// Made when somebody first waits for a change of the host's addresses.
    var addressChanges: UnsafeMutablePointer<WaitingRequests>?
    /// A connection.
    var link: UnsafeMutablePointer<Link>?
    /// A listener.
    var listener: UnsafeMutablePointer<Listener>?
    /// A datagram socket.
    var mailbox: UnsafeMutablePointer<Mailbox>?
}

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

extension Slot {
    /// The state of this slot's socket.
    @inline(__always)
    var state: UnsafeMutablePointer<SocketState>? { unsafe pointee.context?.assumingMemoryBound(to: SocketState.self) }
}

/// What the sockets of one instance share. A network lives as long as the process.
@safe struct InstanceState {
    let network: Unmanaged<Network>
    /// Bytes that a connection's direction, or a datagram socket, holds by default.
    let room: Int32

    static let smallestRoom: Int64 = 1024
    static let largestRoom: Int64 = 1 << 28
}

extension UnsafeMutablePointer<SocketState> {
    /// A state for a new socket. Nil: no memory.
    static func make(_ slot: Slot, family: Int32, isDatagram: Bool) -> Self? {
        guard let context = unsafe lamina_instance_context(slot),
            let memory = unsafe malloc(MemoryLayout<SocketState>.size)
        else {
            return nil
        }
        let instance = unsafe context.assumingMemoryBound(to: InstanceState.self).pointee
        let state = unsafe memory.bindMemory(to: SocketState.self, capacity: 1)
        unsafe state.initialize(
            to: SocketState(
                slot: slot,
                network: instance.network,
                family: family,
                isDatagram: isDatagram,
                isAnyFamily: family == AF_UNSPEC,
                receiveRoom: instance.room,
                sendRoom: instance.room,
                local: Endpoint(family: family)
            )
        )
        return unsafe state
    }

    var network: Network { unsafe pointee.network.takeUnretainedValue() }

    func destroy() {
        unsafe deinitialize(count: 1)
        unsafe free(UnsafeMutableRawPointer(self))
    }

    /// Binds to `endpoint`, port 0 for any. 0 or a negative errno.
    func bind(_ endpoint: Endpoint) -> Int32 {
        guard unsafe !pointee.isBound else { return -EINVAL }
        if unsafe pointee.isAnyFamily { unsafe pointee.family = endpoint.family }
        let fits =
            unsafe endpoint.family == pointee.family || (endpoint.family == AF_INET && pointee.family == AF_INET6)
        guard fits else { return -EAFNOSUPPORT }
        guard endpoint.isNamed else { return -EINVAL }
        var bound = endpoint
        let occupant = unsafe pointee.mailbox.map { unsafe Network.Occupant.mailbox($0) } ?? .reserved
        let isIPv6Only = unsafe pointee.switches.contains(.ipv6Only)
        let status = unsafe network.bind(&bound, isDatagram: pointee.isDatagram, isIPv6Only: isIPv6Only, occupant)
        guard status == 0 else { return status }
        unsafe pointee.local = bound
        unsafe pointee.isBound = true
        return 0
    }

    /// Gives the socket's address back.
    func unbind() {
        guard unsafe pointee.isBound else { return }
        unsafe network.unbind(pointee.local, isDatagram: pointee.isDatagram)
        unsafe pointee.isBound = false
    }
}
