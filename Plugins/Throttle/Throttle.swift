import LaminaProvider
import Synchronization

/// Holds calls back, so that bytes keep to a rate and come later.
struct Throttle: DelaysCalls, ConnectCalls, SendCalls, ReceiveCalls, DisconnectCalls, SendToCalls, ReceiveFromCalls {
    static let about = LayerDescription(
        "throttle",
        effect: .observe,
        summary: "a rate, a burst, latency and jitter, each way, for each socket or in total",
        uuid: "a3f0e6d4-6b0b-4a6e-9d0c-1f5f5a1c7b52",
        settings: Limits.settings
    )

    /// What is kept of a socket.
    struct State: ~Copyable, KeepsCalls {
        let calls = CallLanes()
        let buckets = Buckets()
        /// When it sent the last time, and whether it has received since.
        let sent = Atomic<Int64>(.min)
        let hasReceived = Atomic(false)
    }

    /// What goes each way is counted in these. A socket has them in its state, so that a call finds them without a reference.
    struct Buckets: ~Copyable, Sendable {
        let up = Bucket()
        let down = Bucket()
    }

    /// Those of all sockets together.
    private final class Total: Sendable { let buckets = Buckets() }

    private let limits: Limits
    private let total = Total()

    init(_ level: Level) { limits = Limits(level) }

    func makeState(_ socket: borrowing Socket) -> State { State() }

    /// Runs `body` with the buckets that the calls of a socket are counted in.
    @inline(__always)
    private func withBuckets<Result>(of state: borrowing State, _ body: (borrowing Buckets) -> Result) -> Result {
        switch limits.scope {
        case .socket: body(state.buckets)
        case .total: body(total.buckets)
        }
    }

    func turn(_ call: borrowing CallInTurn<State>) -> Turn {
        switch call.kind {
        case .connect: return wait(limits.up.latency(at: call.since) + limits.down.latency(at: call.since), call)
        case .receive, .receiveFrom: return come(call)
        case .send, .sendTo, .disconnect: return go(call)
        }
    }

    func passed(_ call: borrowing PassedCall<State>) -> Delivery {
        guard call.kind == .receive || call.kind == .receiveFrom, call.status >= 0 else { return .now }
        call.state.hasReceived.store(true, ordering: .relaxed)
        if let limit = limits.down.limit {
            withBuckets(of: call.state) { $0.down.take(Int(clamping: call.bytes), limit, since: call.now) }
        }
        guard call.hasWaited else { return .now }
        let now = call.now
        let latency = limits.down.latency(at: now)
        return latency > 0 ? .later(now + latency) : .now
    }

    private func wait(_ time: Int64, _ call: borrowing CallInTurn<State>) -> Turn {
        call.now < call.since + time ? .wait(until: call.since + time) : .pass
    }

    /// Receives as much as the rate has for it.
    private func come(_ call: borrowing CallInTurn<State>) -> Turn {
        guard let limit = limits.down.limit else { return .pass }
        let (bytes, time) = withBuckets(of: call.state) {
            $0.down.allowance(limit, since: call.since, now: call.now)
        }
        return bytes > 0 ? .passUpTo(bytes) : .wait(until: time)
    }

    /// Sends as much as the rate has for it, once the latency is over.
    private func go(_ call: borrowing CallInTurn<State>) -> Turn {
        let latency = limits.up.latency(at: call.since)
        if latency > 0, call.moved == 0, call.now < call.since + latency, beginsAnew(call, latency) {
            return .wait(until: call.since + latency)
        }
        guard let limit = limits.up.limit, call.bytes > 0 else {
            note(call)
            return .pass
        }
        // The line has no use for the time of the latency.
        let since = min(call.now, call.since + latency)
        let (bytes, time) = withBuckets(of: call.state) { $0.up.allowance(limit, since: since, now: call.now) }
        guard bytes > 0 else { return .wait(until: time) }
        let count = call.kind == .sendTo ? call.bytes : min(bytes, call.bytes)
        withBuckets(of: call.state) { $0.up.take(count, limit, since: since) }
        note(call)
        return .passUpTo(count)
    }

    /// Whether what is sent is later by the latency: a datagram, an answer, or the first after a pause. What follows it goes
    /// at its own speed, as on a line.
    private func beginsAnew(_ call: borrowing CallInTurn<State>, _ latency: Int64) -> Bool {
        if call.kind == .sendTo || call.state.hasReceived.load(ordering: .relaxed) { return true }
        let (pause, isNever) = call.since.subtractingReportingOverflow(call.state.sent.load(ordering: .relaxed))
        return isNever || pause >= latency
    }

    private func note(_ call: borrowing CallInTurn<State>) {
        call.state.sent.store(call.now, ordering: .relaxed)
        call.state.hasReceived.store(false, ordering: .relaxed)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Throttle.self) }
