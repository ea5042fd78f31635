import CLamina
import CLinux
import Glibc
import LaminaProvider

/// The machine's addresses, and requests that wait until one comes or goes (rtnetlink).
enum AddressList {
    static func answer(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        switch unsafe Int(asked.code) {
        case LAMINA_IOCTL_ADDRESS_LIST: return unsafe list(asked, family(of: state))
        case LAMINA_IOCTL_ADDRESS_LIST_SORT: return unsafe .sorted(asked, source: source)
        default: return ControlAnswer(-EOPNOTSUPP)
        }
    }

    private static func family(of state: UnsafeMutablePointer<SocketState>) -> Int32 {
        unsafe state.pointee.isAnyFamily && state.pointee.descriptor < 0 ? AF_UNSPEC : state.pointee.family
    }

    private static func list(_ asked: lamina_operation, _ family: Int32) -> ControlAnswer {
        guard family != AF_UNIX else { return ControlAnswer(-EOPNOTSUPP) }
        var room: [clinux_interface_address] = []
        // Addresses may come between the question how many there are and the list.
        while true {
            let count = unsafe clinux_addresses(family, &room, Int32(room.count))
            guard count >= 0 else { return ControlAnswer(count) }
            if Int(count) <= room.count {
                room.removeLast(room.count - Int(count))
                break
            }
            room = Array(repeating: clinux_interface_address(), count: Int(count))
        }
        return unsafe .addresses(room.count, asked) { unsafe write(room[$0], $1) }
    }

    private static func write(_ found: clinux_interface_address, _ address: UnsafeMutablePointer<lamina_address>) {
        unsafe address.pointee.form = UInt16(LAMINA_ADDRESS_SOCKET)
        unsafe address.socket.pointee.sa_family = sa_family_t(found.family)
        let isV4 = found.family == AF_INET
        unsafe address.pointee.length = UInt32(isV4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
        unsafe withUnsafeBytes(of: found.bytes) { bytes in
            guard let source = bytes.baseAddress else { return }
            unsafe (address.bytes + (isV4 ? 4 : 8)).copyMemory(from: source, byteCount: isV4 ? 4 : 16)
        }
        let isLinkLocal = !isV4 && found.bytes.0 == 0xFE && found.bytes.1 & 0xC0 == 0x80
        if isLinkLocal { unsafe address.bytes.storeBytes(of: found.interface, toByteOffset: 24, as: UInt32.self) }
    }

    /// Where the kernel would send from: a datagram socket that is connected says so and sends nothing.
    private static func source(
        _ destination: UnsafeMutablePointer<lamina_address>,
        _ source: UnsafeMutablePointer<lamina_address>
    ) -> Bool {
        let family = unsafe Int32(destination.socket.pointee.sa_family)
        let descriptor = clinux_raw_socket(family, datagramType, 0)
        guard descriptor >= 0 else { return false }
        defer { _ = clinux_raw_close(descriptor) }
        var copy = unsafe destination.pointee
        return unsafe withUnsafeMutablePointer(to: &copy) { copy in
            // Port 0 can't be connected to by every kernel.
            unsafe copy.bytes.storeBytes(of: UInt16(9).bigEndian, toByteOffset: 2, as: UInt16.self)
            guard unsafe clinux_raw_connect(descriptor, copy.socket, copy.pointee.length) == 0 else { return false }
            return unsafe Names.local(descriptor, source) == 0
        }
    }

    static func awaitChange(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ request: Request
    ) -> lamina_status {
        guard unsafe family(of: state) != AF_UNIX else { return unsafe lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        switch unsafe state.makeAddressWatch(family: family(of: state)) {
        case .failure(let failure): return unsafe lamina_complete(slot, request, failure.status, 0)
        case .success(let watch):
            let status = unsafe watch.pointee.waiting.add(slot, request)
            // From here on the request may have ended.
            if status == LAMINA_PENDING { unsafe watch.arm() }
            return status
        }
    }
}

/// What a socket needs once somebody waits for a change of the addresses. It stays until the socket is closed, so that
/// no change between two requests is missed.
@unsafe struct AddressWatch {
    var descriptor: Int32
    var isWatched = false
    var watch: lamina_watch
    let slot: Slot
    let waiting: UnsafeMutablePointer<WaitingRequests>
}

/// Why there is none.
struct AddressWatchFailure: Error {
    let status: Int32
}

extension UnsafeMutablePointer<AddressWatch> {
    private var watch: UnsafeMutablePointer<lamina_watch> { unsafe field(\.watch) }

    /// Lets the engine look at the descriptor. What can't be watched ends what waits.
    func arm() {
        let slot = unsafe pointee.slot
        let readable = Lanes.readable
        let lock = unsafe pointee.slot.state?.group
        unsafe lock?.lock()
        let status: Int32
        if unsafe pointee.isWatched {
            status = unsafe slot.upcalls.rearm(slot, watch, readable)
        } else {
            status = unsafe slot.upcalls.watch(slot, watch, readable)
            unsafe pointee.isWatched = status == 0
        }
        unsafe lock?.unlock()
        if status < 0 { unsafe pointee.waiting.end(status) }
    }

    fileprivate func ready() {
        // What nobody waits for stays for whoever comes next.
        guard unsafe !pointee.waiting.isEmpty else { return }
        let status = unsafe clinux_addresses_changed(pointee.descriptor)
        if status != 0 {
            unsafe pointee.waiting.end(min(status, 0))
        } else if unsafe !pointee.waiting.isEmpty {
            unsafe arm()
        }
    }

    /// Ends what waits as cancelled. Without the lock.
    func close() {
        if unsafe pointee.isWatched { unsafe pointee.slot.upcalls.unwatch(pointee.slot, watch) }
        unsafe pointee.waiting.close()
        if unsafe pointee.descriptor >= 0 { _ = unsafe clinux_raw_close(pointee.descriptor) }
        unsafe free(UnsafeMutableRawPointer(self))
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Takes it out of a socket that is being closed.
    func takeAddressWatch() -> UnsafeMutablePointer<AddressWatch>? {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        let made = unsafe pointee.addressWatch
        unsafe pointee.addressWatch = nil
        return unsafe made
    }

    /// The one that there is, or a new one.
    fileprivate func makeAddressWatch(
        family: Int32
    ) -> Result<UnsafeMutablePointer<AddressWatch>, AddressWatchFailure> {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        if let made = unsafe pointee.addressWatch { return unsafe .success(made) }
        guard unsafe !group.isClosing else { return unsafe .failure(AddressWatchFailure(status: -ECANCELED)) }
        let descriptor = clinux_watch_addresses(family)
        guard descriptor >= 0 else { return unsafe .failure(AddressWatchFailure(status: descriptor)) }
        guard let memory = unsafe malloc(MemoryLayout<AddressWatch>.size),
            let waiting = unsafe UnsafeMutablePointer<WaitingRequests>.make()
        else {
            _ = clinux_raw_close(descriptor)
            return unsafe .failure(AddressWatchFailure(status: -ENOMEM))
        }
        let made = unsafe memory.bindMemory(to: AddressWatch.self, capacity: 1)
        let watch = unsafe lamina_watch(
            size: UInt32(MemoryLayout<lamina_watch>.size),
            descriptor: descriptor,
            function: { watch, _ in unsafe watch.pointee.context?.assumingMemoryBound(to: AddressWatch.self).ready() },
            context: memory,
            framework: (nil, nil, nil, nil)
        )
        unsafe made.initialize(
            to: AddressWatch(descriptor: descriptor, watch: watch, slot: pointee.slot, waiting: waiting)
        )
        unsafe pointee.addressWatch = made
        return unsafe .success(made)
    }
}
