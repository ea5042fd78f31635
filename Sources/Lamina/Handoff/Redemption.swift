import CLamina
import CLinux
import Glibc

/// The source's side of one handoff, on the thread of the socket's engine: what the target says, and what it gets.
final class Redemption: @unchecked Sendable {
    private enum Step { case greeting, making, preparing, adopting, over }

    /// How long the target may take for a step; for making the chain, which loads libraries, twice that.
    static let patience: Int64 = 5_000_000_000
    /// How often a socket that is to be frozen is looked at.
    static let interval: Int64 = 1_000_000

    // Used on the loop's thread; `isGone` by atomic operations, and the watch by `leave`.
    private let offer: Offer
    private let connection: Int32
    private let watch: UnsafeMutablePointer<lamina_watch>
    private var step = Step.greeting
    private var isClaimed = false
    private var isFrozen = false
    private var isWatching = false
    /// Counts the steps, so that a time limit finds whether its own is over.
    private var stepCount = 0
    private var deadline: Int64 = 0
    private var isGone: UInt32 = 0

    /// Those under way, for child processes.
    private static let known = Locked<[ObjectIdentifier: Int32]>([:])

    init(_ offer: Offer, _ connection: Int32) {
        self.offer = offer
        self.connection = connection
        var room: Int32 = 1 << 19
        setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        watch = .allocate(capacity: 1)
        watch.initialize(
            to: lamina_watch(
                size: UInt32(MemoryLayout<lamina_watch>.size),
                descriptor: connection,
                function: { watch, _ in
                    guard let context = watch.pointee.context else { return }
                    Unmanaged<Redemption>.fromOpaque(context).takeUnretainedValue().hear()
                },
                context: nil,
                framework: (nil, nil, nil, nil)
            )
        )
        Self.known.withLock { $0[ObjectIdentifier(self)] = connection }
    }

    deinit { watch.deallocate() }

    static func beginChild() {
        known.withLock { known in
            for connection in known.values { close(connection) }
            known = [:]
        }
    }

    private var loop: EngineLoop { offer.loop }
    private var export: LevelExport { offer.export }
    private var state: ColumnState { offer.export.state }

    /// Waits for the target's first word.
    func begin() {
        watch.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        limit(Self.patience)
        _ = Unmanaged.passRetained(self)
        isWatching = loop.add(watch, UInt32(clinux_epoll_in)) == 0
    }

    /// Ends it where it stands, leaving the socket as it was. From any thread, after `begin`.
    func leave() {
        guard clinux_add_u32(&isGone, 1) == 1 else { return }
        if isWatching { loop.remove(watch) }
        Self.known.withLock { $0[ObjectIdentifier(self)] = nil }
        close(connection)
        offer.forget(self)
        if isClaimed { Offers.leave() }
        Unmanaged.passUnretained(self).release()
    }

    // MARK: - Steps

    private func go(to next: Step, within limit: Int64) {
        step = next
        stepCount += 1
        self.limit(limit)
    }

    private func limit(_ time: Int64) {
        deadline = clinux_monotonic() + time
        loop.run(at: deadline) { [weak self, stepCount] in
            guard let self, self.stepCount == stepCount else { return }
            fail(ETIMEDOUT, "the handoff took too long")
        }
    }

    private func say(_ message: HandoffMessage, _ descriptors: [Int32] = []) -> Int32 {
        let bytes = message.bytes
        guard bytes.count <= HandoffMessage.longest else { return -EMSGSIZE }
        return bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return -EFAULT }
            return clinux_packet_send(connection, base, bytes.count, descriptors, Int32(descriptors.count))
        }
    }

    /// Ends it, saying why, and lets the socket go on as it was.
    private func fail(_ errno: Int32, _ reason: String, level: String = "") {
        guard step != .over else { return }
        stepCount += 1
        let wasPreparing = step == .preparing || step == .adopting
        step = .over
        _ = say(.refused(errno: max(errno, 1), reason: reason, level: level))
        if wasPreparing { export.tell(LAMINA_EXPORT_THAW) }
        // A closed socket's column may be another one's by now.
        if isFrozen, lamina_enter(offer.handle) != 0 {
            state.thaw()
            lamina_leave()
        }
        isFrozen = false
        leave()
    }

    /// The target says something, or is gone.
    private func hear() {
        guard clinux_load_u32(&isGone) == 0 else { return }
        var descriptors = [Int32](repeating: -1, count: Int(clinux_most_descriptors))
        var count: Int32 = 0
        var packet = [UInt8](repeating: 0, count: 1024)
        let length = packet.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return -Int(EFAULT) }
            return clinux_packet_receive(connection, base, bytes.count, &descriptors, &count)
        }
        // Nobody sends any to here.
        for index in 0..<Int(count) { close(descriptors[index]) }
        if length == -Int(EAGAIN) { return listenOn() }
        guard length > 0, count == 0, let message = try? HandoffMessage(parsing: Array(packet[..<length])) else {
            return fail(length == 0 ? ECONNRESET : EPROTO, "what came is no message of a handoff")
        }
        switch (step, message) {
        case (.greeting, .redeem(let value)): greet(value)
        case (.making, .ready): prepare()
        case (.adopting, .adopted): commit()
        case (_, .refused(let errno, let reason, let level)): fail(errno, reason, level: level)
        default: fail(EPROTO, "what came is not what comes next")
        }
        listenOn()
    }

    private func listenOn() {
        guard clinux_load_u32(&isGone) == 0 else { return }
        _ = loop.rearm(watch, UInt32(clinux_epoll_in))
    }

    /// The value was shown: all of it must be what was given out.
    private func greet(_ value: [UInt8]) {
        let isSame = value.withUnsafeBytes { one in
            offer.info.bytes.withUnsafeBytes { two -> Bool in
                guard one.count == two.count, let one = one.baseAddress, let two = two.baseAddress else { return false }
                return clinux_is_equal(one, two, ProtocolInfo.size) != 0
            }
        }
        guard isSame else { return fail(EPERM, "the value isn't the one that was given out") }
        guard offer.claim(by: self) else { return fail(ECONNREFUSED, "the value has been used") }
        isClaimed = true
        guard clinux_monotonic() < offer.info.expiry else { return fail(ETIMEDOUT, "the value has expired") }
        go(to: .making, within: 2 * Self.patience)
        let status = say(.chain(ChainDescription(of: state.chain)))
        if status < 0 { fail(-status, "the chain's description can't be sent") }
    }

    private func prepare() {
        go(to: .preparing, within: Self.patience)
        guard export.mode == .move else { return write() }
        guard lamina_enter(offer.handle) != 0 else { return fail(EBADF, "the socket is closed") }
        let isUsed =
            clinux_load_u32(&state.slots[1].enabled) != 0 || clinux_load_u32(&state.base.pointee.enabled) != 0
            || clinux_load_u32(&state.hasPump) != 0
        if !isUsed {
            state.freeze()
            isFrozen = true
        }
        lamina_leave()
        guard !isUsed else { return fail(EBUSY, "the socket has indications enabled, or its descriptor in use") }
        freeze(export.levels)
    }

    /// Waits until nobody is inside, then until each level has come to rest, from the program down.
    private func freeze(_ levels: [Int]) {
        guard step == .preparing else { return }
        guard state.isQuiet else { return later(levels) }
        var levels = levels
        while let level = levels.first {
            switch export.ask(level, LAMINA_EXPORT_FREEZE) {
            case -EBUSY, -EAGAIN:
                guard clinux_monotonic() < deadline - Self.interval else {
                    let label = export.instance(level)?.label ?? ""
                    return fail(EBUSY, "something that had begun didn't end", level: label)
                }
                return later(levels)
            case let status where status < 0:
                return fail(-status, "the socket can't come to rest", level: export.instance(level)?.label ?? "")
            default: levels.removeFirst()
            }
        }
        write()
    }

    private func later(_ levels: [Int]) {
        loop.run(at: clinux_monotonic() + Self.interval) { self.freeze(levels) }
    }

    private func write() {
        StateWriting.begin(export) { [self] writing, status in
            guard step == .preparing else { return }
            guard status >= 0 else {
                return fail(-status, "its state can't be written", level: writing.label)
            }
            guard lamina_enter(offer.handle) != 0 else { return fail(EBADF, "the socket is closed") }
            let content = HandoffState(of: state, mode: export.mode, levels: writing.written)
            lamina_leave()
            go(to: .adopting, within: Self.patience)
            let status = say(.state(content), writing.passed)
            if status < 0 { fail(-status, "its state can't be sent") }
        }
    }

    /// The target has it. From here on it is the target's.
    private func commit() {
        guard lamina_enter(offer.handle) != 0 else { return fail(EBADF, "the socket is closed") }
        let status = say(.commit)
        guard status == 0 else {
            lamina_leave()
            return fail(-status, "the target is gone")
        }
        step = .over
        stepCount += 1
        if export.mode == .move {
            isFrozen = false
            export.tell(LAMINA_EXPORT_COMMIT)
            MovedSocket.end(state)
        } else {
            export.tell(LAMINA_EXPORT_COMMIT)
        }
        lamina_leave()
        leave()
    }
}
