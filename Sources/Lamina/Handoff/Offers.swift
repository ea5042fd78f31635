import CLamina
import CLinux
import Glibc

/// The values that this process has given out and nobody has used yet.
enum Offers {
    /// How many there may be, those that are being used included.
    static let most = 64

    private static let open = Locked<[UInt64: Offer]>([:])
    // How many there are; changed by atomic operations.
    nonisolated(unsafe) private static let count: UnsafeMutablePointer<UInt32> = {
        let count = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
        count.initialize(to: 0)
        return count
    }()
    private static let serial = Locked<UInt64>(0)

    static func nextSerial() -> UInt64 {
        serial.withLock {
            $0 += 1
            return $0
        }
    }

    /// Takes a place; `leave` gives it back.
    static func enter() throws(LaminaError) {
        guard clinux_add_u32(count, 1) > UInt32(most) else { return }
        leave()
        throw LaminaError(
            .refused,
            "protocol info",
            "\(most) values are outstanding",
            remedy: "withdraw those that nobody will use",
            errno: EAGAIN
        )
    }

    static func leave() { _ = clinux_add_u32(count, -1) }

    static func add(_ offer: Offer) { open.withLock { $0[offer.serial] = offer } }

    /// Takes an offer out; nil where somebody else has. Whoever gets it ends it.
    static func take(_ serial: UInt64) -> Offer? { open.withLock { $0.removeValue(forKey: serial) } }

    static func offer(_ matches: (Offer) -> Bool) -> Offer? { open.withLock { $0.values.first(where: matches) } }

    /// The socket is being closed.
    static func withdraw(of handle: lamina_socket) {
        guard clinux_load_u32(count) > 0 else { return }
        let own = open.withLock { offers in
            offers.values.filter { $0.handle.slot == handle.slot && $0.handle.generation == handle.generation }
        }
        for offer in own { _ = offer.withdraw() }
    }

    /// In a child process: the values are the parent's.
    static func beginChild() {
        open.withLock { offers in
            for offer in offers.values { offer.closeInChild() }
            offers = [:]
        }
        clinux_store_u32(count, 0)
        Redemption.beginChild()
    }
}

/// One value that was given out: the address where it can be used.
final class Offer: @unchecked Sendable {
    private struct State {
        var isOver = false
        var visitors: [Redemption] = []
    }

    // `state` is locked, the rest constant.
    let serial: UInt64
    let info: ProtocolInfo
    let export: LevelExport
    private let listener: Int32
    private let watch: UnsafeMutablePointer<lamina_watch>
    private let visits = Locked(State())

    var handle: lamina_socket { export.handle }
    var loop: EngineLoop { export.state.loop }

    /// The most processes that may be at the door at once. Only the target's own get that far.
    private static let mostVisitors = 4

    /// Waits for the target from now on.
    init(_ export: LevelExport, _ info: ProtocolInfo) throws(LaminaError) {
        try Offers.enter()
        serial = Offers.nextSerial()
        self.info = info
        self.export = export
        listener = clinux_packet_listen(info.address, 16)
        watch = .allocate(capacity: 1)
        watch.initialize(
            to: lamina_watch(
                size: UInt32(MemoryLayout<lamina_watch>.size),
                descriptor: listener,
                function: { watch, _ in
                    guard let context = watch.pointee.context else { return }
                    // Kept while it runs: `withdraw` waits for this, but not on this thread.
                    let offer = Unmanaged<Offer>.fromOpaque(context).takeUnretainedValue()
                    offer.visit()
                },
                context: nil,
                framework: (nil, nil, nil, nil)
            )
        )
        guard listener >= 0 else {
            Offers.leave()
            throw Outcome.error(listener, "rendezvous")
        }
        watch.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        Offers.add(self)
        let status = loop.add(watch, UInt32(clinux_epoll_in))
        guard status == 0 else {
            _ = withdraw()
            throw Outcome.error(status, "rendezvous")
        }
        let serial = serial
        let context = UnsafeMutableRawPointer(bitPattern: UInt(serial))
        loop.post(at: info.expiry, { context in _ = Offers.take(UInt64(UInt(bitPattern: context)))?.end() }, context)
    }

    deinit { watch.deallocate() }

    /// Ends it unused; false: it has been used, or has ended.
    func withdraw() -> Bool {
        guard let taken = Offers.take(serial) else { return false }
        taken.end()
        return true
    }

    /// Nobody comes any more. After `Offers.take`.
    fileprivate func end() {
        closeDoor()
        Offers.leave()
    }

    private func closeDoor() {
        let visitors = visits.withLock { state in
            state.isOver = true
            defer { state.visitors = [] }
            return state.visitors
        }
        loop.remove(watch)
        close(listener)
        for visitor in visitors { visitor.leave() }
    }

    /// Gives the socket to this one visitor; false: another one was first. The place among the offers is the visitor's.
    func claim(by visitor: Redemption) -> Bool {
        guard Offers.take(serial) != nil else { return false }
        visits.withLock { $0.visitors.removeAll { $0 === visitor } }
        closeDoor()
        return true
    }

    func closeInChild() { close(listener) }

    /// Lets those in who are what they must be. Who they are is asked of the kernel, before they say a word.
    private func visit() {
        while case let connection = clinux_accept(listener, nil), connection >= 0 {
            var (process, user, group) = (pid_t(0), uid_t(0), gid_t(0))
            let isNamed =
                clinux_peer(connection, &process, &user, &group) == 0 && process == info.target.process
                && user == info.user && ProcessIdentity(of: process) == info.target
            guard isNamed else {
                close(connection)
                continue
            }
            let visitor = Redemption(self, connection)
            visitor.begin()
            let isIn = visits.withLock { state in
                guard !state.isOver, state.visitors.count < Self.mostVisitors else { return false }
                state.visitors.append(visitor)
                return true
            }
            if !isIn { visitor.leave() }
        }
        if !visits.withLock({ $0.isOver }) { _ = loop.rearm(watch, UInt32(clinux_epoll_in)) }
    }

    func forget(_ visitor: Redemption) { visits.withLock { $0.visitors.removeAll { $0 === visitor } } }
}
