import CLamina
import CLinux
import Glibc

extension Socket {
    /// Lets one other process of the same user have this socket, once (WSADuplicateSocket): what it needs for `init(from:)`,
    /// which any means of communication carries there.
    ///
    /// `mode` nil: as the levels say; `.move` is possible wherever `.share` is. The value expires after `milliseconds`, 1
    /// to 600,000. Throws `refused` with the level that can't hand the socket over, for a process that isn't there or has
    /// another user, or where 64 values are outstanding already; `closed`. Reads files of `/proc`; doesn't wait for the other
    /// process, which the socket's engine serves.
    public func duplicate(
        for process: Int32,
        mode: HandoffMode? = nil,
        validFor milliseconds: Int64 = 30_000
    ) throws(LaminaError) -> ProtocolInfo {
        guard (1...600_000).contains(milliseconds) else {
            throw LaminaError(
                .invalidArgument,
                "protocol info",
                "can't be valid for \(milliseconds) ms",
                remedy: "give 1 to 600000",
                errno: EINVAL
            )
        }
        guard lamina_enter(handle) != 0 else { throw Outcome.error(-EBADF, "duplicate") }
        defer { lamina_leave() }
        let state = ColumnState.of(handle.slot)
        guard !state.isStale else { throw Outcome.error(-ESTALE, "duplicate") }
        let target = ProcessIdentity(of: process)
        guard target.startTime != 0, process > 0 else {
            throw LaminaError(.refused, "process \(process)", "is not there", errno: ESRCH)
        }
        guard target.user == geteuid() else {
            throw LaminaError(
                .refused,
                "process \(process)",
                "has another user",
                remedy: "a socket goes to processes of the same user",
                errno: EPERM
            )
        }
        let mode = mode ?? (state.isMoveNeeded ? .move : .share)
        let export = LevelExport(handle: handle, state: state, mode: mode)
        try export.check()
        let expiry = clinux_monotonic() + milliseconds * 1_000_000
        let info = try ProtocolInfo(state: state, mode: mode, target: target, expiry: expiry)
        _ = try Offer(export, info)
        return info
    }

    /// The socket that another process let this one have (WSASocket with FROM_PROTOCOL_INFO), on a chain of the same
    /// levels: the providers as this process's catalog names them, their libraries checked as always.
    ///
    /// Waits for the source, 5 seconds a step, until `deadline` in nanoseconds of CLOCK_MONOTONIC at most, 0 for none; loads
    /// libraries. Throws `refused` where the value isn't for this process or can't be used any more, where the source
    /// refuses or a level can't take the socket over, naming it; `timedOut`; or what is wrong with the chain. Then nothing is
    /// left here, and the source has the socket as before.
    public init(
        from info: ProtocolInfo,
        catalog: Catalog = Catalog(),
        engine: Engine = .shared,
        deadline: Int64 = 0
    ) throws(LaminaError) {
        self = try Redeeming(info, catalog: catalog, engine: engine, deadline: deadline).run()
    }

    /// The same for a task: suspends while a thread of its own waits.
    public static func redeeming(
        _ info: ProtocolInfo,
        catalog: Catalog = Catalog(),
        engine: Engine = .shared,
        deadline: Int64 = 0
    ) async throws(LaminaError) -> Socket {
        let redeeming = Redeeming(info, catalog: catalog, engine: engine, deadline: deadline)
        let result: Result<Socket, LaminaError> = await withUnsafeContinuation { continuation in
            let status = OwnThread.run {
                let result: Result<Socket, LaminaError>
                do throws(LaminaError) { result = .success(try redeeming.run()) } catch { result = .failure(error) }
                continuation.resume(returning: result)
            }
            if status != 0 { continuation.resume(returning: .failure(Outcome.error(-status, "thread"))) }
        }
        return try result.get()
    }

    /// Takes over a descriptor that was inherited or passed, with fresh state in each level: a connection, a listening or a
    /// datagram socket of the kernel's, or what else the chain's base takes. On success it is the socket's; where this throws
    /// it stays the caller's.
    ///
    /// `category` nil: by what it is. It is made non-blocking, for all that share it. Throws `refused` with the level that
    /// says move or none, or that can't take it; `invalidArgument` for a category that it can't be of.
    public init(
        adopting descriptor: Int32,
        on chain: Chain,
        category: SocketCategories? = nil
    ) throws(LaminaError) {
        var kind: [Int32] = [0, 0, 0, 0]
        let status = clinux_socket_kind(descriptor, &kind)
        guard status == 0 else { throw Outcome.error(status, "descriptor \(descriptor)") }
        for instance in chain.instances where instance.provider.manifest.handoff != .share {
            throw LaminaError(
                .refused,
                "layer \"\(instance.label)\"",
                "keeps state of a connection, which a descriptor alone doesn't have",
                remedy: "hand the socket over by a protocol info",
                errno: EOPNOTSUPP,
                level: instance.label
            )
        }
        let origin = OriginStorage.adopting(nil, isInbound: false)
        let content = HandoffState(adopting: descriptor, kind, on: chain, for: origin, category: category)
        guard content.suits(kind) else {
            throw LaminaError(
                .invalidArgument,
                "descriptor \(descriptor)",
                "is no socket of the category that was asked for",
                remedy: "leave the category out",
                errno: EINVAL
            )
        }
        // The levels may close what they got before the last one has agreed.
        let copy = clinux_duplicate_descriptor(descriptor)
        guard copy >= 0 else { throw Outcome.error(copy, "descriptor \(descriptor)") }
        let states = LevelStates()
        states.add(chain.levelCount(from: 0), version: 0, [], [copy], mode: LAMINA_HANDOFF_FRESH)
        let state = try Redeeming.open(content, on: chain, origin: origin, from: states)
        Glibc.close(descriptor)
        clinux_store_u32(&state.isGivenOut, 1)
        self = Socket(handle: state.handle, chain: chain)
    }
}

extension ProtocolInfo {
    /// Takes back a value that this process gave out. False: it was used, has expired, or was withdrawn already.
    @discardableResult
    public func withdraw() -> Bool {
        Offers.offer { $0.info == self }?.withdraw() ?? false
    }
}

extension HandoffState {
    /// A socket of which there is a descriptor alone.
    fileprivate init(
        adopting descriptor: Int32,
        _ kind: [Int32],
        on chain: Chain,
        for origin: OriginStorage,
        category: SocketCategories?
    ) {
        (family, type, proto) = (kind[0], kind[1], kind[2])
        let isStream = kind[1] == Int32(SOCK_STREAM.rawValue)
        let isListening = kind[3] != 0
        let category = category ?? (isListening ? .listen : isStream ? .connection : .datagram)
        self.category = category.rawValue
        var remote = lamina_address()
        var length = socklen_t(MemoryLayout.size(ofValue: remote.storage))
        let status = withUnsafeMutablePointer(to: &remote.storage.socket) {
            clinux_raw_remote_name(descriptor, $0, &length)
        }
        if status == 0 {
            remote.form = UInt16(LAMINA_ADDRESS_SOCKET)
            remote.length = min(length, socklen_t(MemoryLayout.size(ofValue: remote.storage)))
        }
        let peer = status == 0 ? Address(remote) : nil
        // A destination that is known decides the conditions, as it does at connect.
        waits = peer == nil && !isListening && chain.hasConditions(from: 0)
        let subject = ConditionSubject(
            address: peer?.network,
            port: peer?.port,
            program: origin.executable,
            direction: isListening ? .in : .out
        )
        active =
            waits
            ? chain.unconditional(from: 0, in: category.rawValue)
            : chain.active(from: 0, in: category.rawValue, for: subject)
        mode = .share
        isInbound = false
        name = nil
        levels = []
    }

    /// Whether a socket of this kind, as `clinux_socket_kind` tells it, can be of the category.
    fileprivate func suits(_ kind: [Int32]) -> Bool {
        switch SocketCategories(rawValue: category) {
        case .datagram: kind[1] == Int32(SOCK_DGRAM.rawValue) || kind[1] == Int32(SOCK_RAW.rawValue)
        case .listen: kind[1] == Int32(SOCK_STREAM.rawValue) && kind[3] != 0
        case .connection: kind[1] == Int32(SOCK_STREAM.rawValue) && kind[3] == 0
        case .stream: kind[1] == Int32(SOCK_STREAM.rawValue)
        default: false
        }
    }
}

extension ColumnState {
    /// Whether a level of this socket says move.
    fileprivate var isMoveNeeded: Bool {
        (1...levelCount).contains {
            active & (1 << UInt64($0)) != 0 && chain.instance(start + $0)?.provider.manifest.handoff == .move
        }
    }
}

/// A thread for one thing that waits.
enum OwnThread {
    private final class Work {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a thread of its own. 0 or an errno value.
    static func run(_ body: @escaping @Sendable () -> Void) -> Int32 {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            work
        )
        if status == 0 { pthread_detach(thread) } else { Unmanaged<Work>.fromOpaque(work).release() }
        return status
    }
}
