import CLamina
import CLinux
import Glibc
import LaminaProvider

/// The machine's addresses, and requests that wait until one comes or goes (rtnetlink).
enum AddressList {
    static func answer(_ asked: lamina_operation, _ state: UnsafeMutablePointer<SocketState>) -> ControlAnswer {
        switch Int(asked.code) {
        case LAMINA_IOCTL_ADDRESS_LIST: return list(asked, family(of: state))
        case LAMINA_IOCTL_ADDRESS_LIST_SORT: return .sorted(asked, source: source)
        default: return ControlAnswer(-EOPNOTSUPP)
        }
    }

    private static func family(of state: UnsafeMutablePointer<SocketState>) -> Int32 {
        state.pointee.isAnyFamily && state.pointee.descriptor < 0 ? AF_UNSPEC : state.pointee.family
    }

    private static func list(_ asked: lamina_operation, _ family: Int32) -> ControlAnswer {
        guard family != AF_UNIX else { return ControlAnswer(-EOPNOTSUPP) }
        var room: [clinux_interface_address] = []
        // Addresses may come between the question how many there are and the list.
        while true {
            let count = clinux_addresses(family, &room, Int32(room.count))
            guard count >= 0 else { return ControlAnswer(count) }
            if Int(count) <= room.count {
                room.removeLast(room.count - Int(count))
                break
            }
            room = Array(repeating: clinux_interface_address(), count: Int(count))
        }
        return .addresses(room.count, asked) { write(room[$0], $1) }
    }

    private static func write(_ found: clinux_interface_address, _ address: UnsafeMutablePointer<lamina_address>) {
        address.pointee.form = UInt16(LAMINA_ADDRESS_SOCKET)
        address.socket.pointee.sa_family = sa_family_t(found.family)
        let isV4 = found.family == AF_INET
        address.pointee.length = UInt32(isV4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
        withUnsafeBytes(of: found.bytes) { bytes in
            guard let source = bytes.baseAddress else { return }
            (address.bytes + (isV4 ? 4 : 8)).copyMemory(from: source, byteCount: isV4 ? 4 : 16)
        }
        let isLinkLocal = !isV4 && found.bytes.0 == 0xFE && found.bytes.1 & 0xC0 == 0x80
        if isLinkLocal { address.bytes.storeBytes(of: found.interface, toByteOffset: 24, as: UInt32.self) }
    }

    /// Where the kernel would send from: a datagram socket that is connected says so and sends nothing.
    private static func source(
        _ destination: UnsafeMutablePointer<lamina_address>,
        _ source: UnsafeMutablePointer<lamina_address>
    ) -> Bool {
        let family = Int32(destination.socket.pointee.sa_family)
        let descriptor = clinux_raw_socket(family, datagramType, 0)
        guard descriptor >= 0 else { return false }
        defer { _ = clinux_raw_close(descriptor) }
        var copy = destination.pointee
        return withUnsafeMutablePointer(to: &copy) { copy in
            // Port 0 can't be connected to by every kernel.
            copy.bytes.storeBytes(of: UInt16(9).bigEndian, toByteOffset: 2, as: UInt16.self)
            guard clinux_raw_connect(descriptor, copy.socket, copy.pointee.length) == 0 else { return false }
            return Names.local(descriptor, source) == 0
        }
    }

    static func awaitChange(
        _ slot: Slot,
        _ state: UnsafeMutablePointer<SocketState>,
        _ request: Request
    ) -> lamina_status {
        guard family(of: state) != AF_UNIX else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        switch state.makeAddressWatch(family: family(of: state)) {
        case .failure(let failure): return lamina_complete(slot, request, failure.status, 0)
        case .success(let watch):
            let status = watch.pointee.waiting.add(slot, request)
            // From here on the request may have ended.
            if status == LAMINA_PENDING { watch.arm() }
            return status
        }
    }
}

/// What a socket needs once somebody waits for a change of the addresses. It stays until the socket is closed, so that
/// no change between two requests is missed.
struct AddressWatch {
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
    private var watch: UnsafeMutablePointer<lamina_watch> { field(\.watch) }

    /// Lets the engine look at the descriptor. What can't be watched ends what waits.
    func arm() {
        let slot = pointee.slot
        let readable = Lanes.readable
        let lock = pointee.slot.state?.group
        lock?.lock()
        let status: Int32
        if pointee.isWatched {
            status = slot.upcalls.rearm(slot, watch, readable)
        } else {
            status = slot.upcalls.watch(slot, watch, readable)
            pointee.isWatched = status == 0
        }
        lock?.unlock()
        if status < 0 { pointee.waiting.end(status) }
    }

    fileprivate func ready() {
        let status = clinux_addresses_changed(pointee.descriptor)
        if status != 0 {
            pointee.waiting.end(min(status, 0))
        } else if !pointee.waiting.isEmpty {
            arm()
        }
    }

    /// Ends what waits as cancelled. Without the lock.
    func close() {
        if pointee.isWatched { pointee.slot.upcalls.unwatch(pointee.slot, watch) }
        pointee.waiting.close()
        if pointee.descriptor >= 0 { _ = clinux_raw_close(pointee.descriptor) }
        free(UnsafeMutableRawPointer(self))
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// Takes it out of a socket that is being closed.
    func takeAddressWatch() -> UnsafeMutablePointer<AddressWatch>? {
        group.lock()
        defer { group.unlock() }
        let made = pointee.addressWatch
        pointee.addressWatch = nil
        return made
    }

    /// The one that there is, or a new one.
    fileprivate func makeAddressWatch(
        family: Int32
    ) -> Result<UnsafeMutablePointer<AddressWatch>, AddressWatchFailure> {
        group.lock()
        defer { group.unlock() }
        if let made = pointee.addressWatch { return .success(made) }
        guard !group.isClosing else { return .failure(AddressWatchFailure(status: -ECANCELED)) }
        let descriptor = clinux_watch_addresses(family)
        guard descriptor >= 0 else { return .failure(AddressWatchFailure(status: descriptor)) }
        guard let memory = malloc(MemoryLayout<AddressWatch>.size),
            let waiting = UnsafeMutablePointer<WaitingRequests>.make()
        else {
            _ = clinux_raw_close(descriptor)
            return .failure(AddressWatchFailure(status: -ENOMEM))
        }
        let made = memory.bindMemory(to: AddressWatch.self, capacity: 1)
        let watch = lamina_watch(
            size: UInt32(MemoryLayout<lamina_watch>.size),
            descriptor: descriptor,
            function: { watch, _ in watch.pointee.context?.assumingMemoryBound(to: AddressWatch.self).ready() },
            context: memory,
            framework: (nil, nil, nil, nil)
        )
        made.initialize(
            to: AddressWatch(descriptor: descriptor, watch: watch, slot: pointee.slot, waiting: waiting)
        )
        pointee.addressWatch = made
        return .success(made)
    }
}
