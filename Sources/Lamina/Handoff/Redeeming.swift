import CLamina
import CLinux
import Glibc

/// The target's side of one handoff, on a thread that waits.
struct Redeeming {
    let info: ProtocolInfo
    let catalog: Catalog
    let engine: Engine
    /// In nanoseconds of CLOCK_MONOTONIC.
    let deadline: Int64

    init(_ info: ProtocolInfo, catalog: Catalog, engine: Engine, deadline: Int64) {
        self.info = info
        self.catalog = catalog
        self.engine = engine
        let latest = clinux_monotonic() + 6 * Redemption.patience
        self.deadline = deadline == 0 ? latest : min(deadline, latest)
    }

    private static let subject = "protocol info"

    private static func refused(_ cause: String, _ errno: Int32) -> LaminaError {
        LaminaError(.refused, subject, cause, errno: errno)
    }

    /// Fetches the socket. Whatever fails, nothing is left here, and the source goes on as it was.
    func run() throws(LaminaError) -> Socket {
        try check()
        let rendezvous = try meet()
        try rendezvous.say(.redeem(info.bytes))
        guard case .chain(let description) = try rendezvous.hear(by: deadline).message else {
            throw rendezvous.unexpected
        }
        let chain = try rendezvous.reporting { () throws(LaminaError) in
            try description.chain(catalog: catalog, engine: engine)
        }
        try rendezvous.say(.ready)
        let (message, descriptors) = try rendezvous.hear(by: deadline)
        guard case .state(let content) = message else { throw rendezvous.unexpected }
        let state = try rendezvous.reporting { () throws(LaminaError) in
            try Self.adopt(content, descriptors, on: chain)
        }
        let handle = state.handle
        do throws(LaminaError) {
            try rendezvous.say(.adopted)
            guard case .commit = try rendezvous.hear(by: deadline).message else { throw rendezvous.unexpected }
        } catch {
            ColumnClosing.close(handle) { _ in }
            throw error
        }
        clinux_store_u32(&state.isGivenOut, 1)
        return Socket(handle: handle, chain: chain)
    }

    /// What can be told without asking the source.
    private func check() throws(LaminaError) {
        guard lamina_this_thread().pointee.engine == 0 else {
            throw LaminaError(.refused, Self.subject, "can't be waited for on an engine's thread", errno: EDEADLK)
        }
        guard info.target == .own else {
            throw Self.refused("is for process \(info.target.process), not for this one (\(getpid()))", EPERM)
        }
        guard info.user == geteuid() else { throw Self.refused("is of user \(info.user)", EPERM) }
        guard clinux_monotonic() < info.expiry else {
            throw LaminaError(.timedOut, Self.subject, "has expired", remedy: "duplicate once more", errno: ETIMEDOUT)
        }
    }

    /// Connects to the source, and makes sure that it is the source.
    private func meet() throws(LaminaError) -> Rendezvous {
        var connection = clinux_packet_connect(info.address)
        while connection == -EAGAIN, clinux_monotonic() < deadline {
            _ = clinux_wait_for(-1, 0, -1, -1, clinux_monotonic() + 1_000_000)
            connection = clinux_packet_connect(info.address)
        }
        guard connection >= 0 else {
            throw LaminaError(
                .refused,
                Self.subject,
                "was used, withdrawn or never given out, or its source is gone",
                remedy: "duplicate once more",
                errno: ECONNREFUSED
            )
        }
        let rendezvous = Rendezvous(connection)
        var (process, user, group) = (pid_t(0), uid_t(0), gid_t(0))
        guard clinux_peer(connection, &process, &user, &group) == 0, user == info.user,
            process == info.source.process, ProcessIdentity(of: process) == info.source
        else { throw Self.refused("leads to process \(process), not to its source \(info.source.process)", EPERM) }
        return rendezvous
    }

    /// Makes the socket, bottom-up, each level from what the source had of it.
    private static func adopt(_ content: HandoffState, _ descriptors: DescriptorBag, on chain: Chain)
        throws(LaminaError) -> ColumnState
    {
        func invalid(_ cause: String) -> LaminaError { LaminaError(.invalidArgument, "handoff", cause, errno: EINVAL) }
        let count = chain.levelCount(from: 0)
        let base: UInt64 = 1 << UInt64(count)
        guard content.active & base != 0, content.active & 1 == 0, content.active < base << 1 else {
            throw invalid("links levels that the chain doesn't have")
        }
        guard content.levels.reduce(0, { $0 + $1.descriptorCount }) == descriptors.count else {
            throw invalid("has another number of descriptors than it says")
        }
        let states = LevelStates()
        for level in content.levels {
            let given = descriptors.take(level.descriptorCount)
            states.add(level.place, version: level.version, level.bytes ?? [], given, mode: Int(content.mode.rawValue))
            guard let instance = chain.instance(level.place), instance.label == level.label,
                instance.provider.manifest.uuid == level.uuid, content.active & (1 << UInt64(level.place)) != 0
            else { throw invalid("has a state of level \"\(level.label)\", which the chain doesn't have there") }
        }
        return try Self.open(
            content,
            on: chain,
            origin: .adopting(content.name, isInbound: content.isInbound),
            from: states
        )
    }

    static func open(_ content: HandoffState, on chain: Chain, origin: OriginStorage, from states: LevelStates)
        throws(LaminaError) -> ColumnState
    {
        guard
            let state = ColumnState(
                chain: chain,
                start: 0,
                category: content.category,
                family: content.family,
                type: content.type,
                proto: content.proto,
                origin: origin
            )
        else { throw Outcome.error(-ENOMEM, "handoff") }
        state.waits = content.waits
        state.link(content.active, waits: content.waits)
        let gate = Gate()
        LevelOpening.open(content.active, of: state, adopting: states) { gate.open($0) }
        let status = gate.pass(running: chain.engine)
        guard status < 0 else { return state }
        let label = states.failedLevel.flatMap { chain.instance($0)?.label }
        ColumnClosing.close(state.handle) { _ in }
        throw LaminaError(
            .refused,
            label.map { "layer \"\($0)\"" } ?? "handoff",
            "can't take the socket over: \(String(cString: strerror(-status)))",
            errno: -status,
            level: label
        )
    }
}

/// Descriptors that came, closed unless somebody takes them.
final class DescriptorBag {
    private var descriptors: [Int32]

    init(_ descriptors: [Int32]) { self.descriptors = descriptors }

    var count: Int { descriptors.count }

    /// The next ones, which are the caller's from now on.
    func take(_ count: Int) -> [Int32] {
        defer { descriptors.removeFirst(min(count, descriptors.count)) }
        return Array(descriptors.prefix(count))
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}

/// The target's end of the connection.
final class Rendezvous {
    private let connection: Int32

    init(_ connection: Int32) { self.connection = connection }

    deinit { close(connection) }

    var unexpected: LaminaError { LaminaError(.refused, "handoff", "the source said something else", errno: EPROTO) }

    func say(_ message: HandoffMessage) throws(LaminaError) {
        let bytes = message.bytes
        let status = bytes.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -EFAULT }
            return clinux_packet_send(connection, base, bytes.count, nil, 0)
        }
        // What the source said before it went says more.
        guard status < 0, status != -EPIPE, status != -ECONNRESET else { return }
        throw Outcome.error(status, "handoff")
    }

    /// The source's next word. Throws what it refuses with.
    func hear(by deadline: Int64) throws(LaminaError) -> (message: HandoffMessage, descriptors: DescriptorBag) {
        var packet = [UInt8](repeating: 0, count: HandoffMessage.longest)
        var numbers = [Int32](repeating: -1, count: Int(clinux_most_descriptors))
        while true {
            var count: Int32 = 0
            let length = packet.withUnsafeMutableBytes { bytes -> Int in
                guard let base = bytes.baseAddress else { return -Int(EFAULT) }
                return clinux_packet_receive(connection, base, bytes.count, &numbers, &count)
            }
            if length == -Int(EAGAIN) {
                guard clinux_monotonic() < deadline else { throw Outcome.error(-ETIMEDOUT, "handoff") }
                _ = clinux_wait_for(connection, Int16(POLLIN), -1, -1, deadline)
                continue
            }
            let descriptors = DescriptorBag(Array(numbers.prefix(Int(count))))
            guard length > 0 else {
                throw LaminaError(
                    .refused,
                    "handoff",
                    "the source let go of the connection",
                    remedy: "duplicate once more",
                    errno: length == 0 || length == -Int(ECONNRESET) ? ECONNREFUSED : Int32(-length)
                )
            }
            let message = try HandoffMessage(parsing: Array(packet[..<length]))
            if case .refused(let errno, let reason, let level) = message {
                let subject = level.isEmpty ? "handoff" : "layer \"\(level)\""
                let code: LaminaError.Code = errno == ETIMEDOUT ? .timedOut : .refused
                throw LaminaError(code, subject, reason, errno: errno, level: level.isEmpty ? nil : level)
            }
            return (message, descriptors)
        }
    }

    /// Runs `body`, and tells the source where it fails.
    func reporting<Value>(_ body: () throws(LaminaError) -> Value) throws(LaminaError) -> Value {
        do throws(LaminaError) {
            return try body()
        } catch {
            try? say(.refused(errno: max(error.errno, 1), reason: "the target can't take it", level: error.level ?? ""))
            throw error
        }
    }
}
