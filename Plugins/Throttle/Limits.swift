import LaminaProvider

/// What the user asks for, as it is at each moment.
struct Limits: Sendable {
    /// What a rate is shared by.
    enum Scope: String, CaseIterable { case socket, total }

    /// One direction's part.
    struct Direction: Sendable {
        private let rate: Live<Int>
        private let both: Live<Int>
        private let burst: Live<Int>
        private let latency: Live<Int>
        private let more: Live<Int>
        private let jitter: Live<Int>

        fileprivate init(_ level: Level, rate: Setting<Int>, more: Setting<Int>) {
            self.rate = level.live(rate)
            both = level.live(Limits.rate)
            burst = level.live(Limits.burst)
            latency = level.live(Limits.latency)
            self.more = level.live(more)
            jitter = level.live(Limits.jitter)
        }

        /// Nil: there is no limit.
        var limit: Bucket.Limit? {
            let rate = rate.value > 0 ? rate.value : both.value
            guard rate > 0 else { return nil }
            // Without a burst of the user's: what goes in a fiftieth of a second.
            return Bucket.Limit(rate: rate, burst: burst.value > 0 ? burst.value : max(1, rate / 400))
        }

        /// How much later what comes at this time is: the latency, and up to the jitter more or less, always the same for
        /// one time.
        func latency(at time: @autoclosure () -> Int64) -> Int64 {
            let (latency, jitter) = (Int64(latency.value + more.value), Int64(jitter.value))
            guard jitter > 0 else { return latency }
            var random = UInt64(bitPattern: time()) &+ 0x9E37_79B9_7F4A_7C15
            random = (random ^ random >> 30) &* 0xBF58_476D_1CE4_E5B9
            random = (random ^ random >> 27) &* 0x94D0_49BB_1331_11EB
            return max(0, latency - jitter + Int64((random ^ random >> 31) % UInt64(2 * jitter + 1)))
        }
    }

    static let rate = Setting.rate("rate", default: "0bit", live: true, help: "each way; 0bit: no limit")
    static let rateUp = Setting.rate("up", default: "0bit", live: true, help: "what is sent; 0bit: rate")
    static let rateDown = Setting.rate("down", default: "0bit", live: true, help: "what is received; 0bit: rate")
    static let burst = Setting.size(
        "burst",
        default: "0",
        live: true,
        help: "what may go at once after a pause, each way; 0: what the rate has in 20 ms"
    )
    static let latency = time("latency", "how much later what is sent leaves, and what comes is received")
    static let latencyUp = time("latency-up", "how much later still what is sent leaves")
    static let latencyDown = time("latency-down", "how much later still what comes is received")
    static let jitter = time("jitter", "by how much a latency varies, more or less")
    static let scope = Setting<Scope>.choice(
        "scope",
        default: "socket",
        help: "whether each socket has the rate, or all of them together"
    )
    static let settings: [any DeclaredSetting] = [
        rate, rateUp, rateDown, burst, latency, latencyUp, latencyDown, jitter, scope,
    ]

    private static func time(_ name: StaticString, _ help: StaticString) -> Setting<Int> {
        .duration(name, in: 0...3_600_000_000_000, default: "0ms", live: true, help: help)
    }

    let up: Direction
    let down: Direction
    let scope: Scope

    init(_ level: Level) {
        up = Direction(level, rate: Self.rateUp, more: Self.latencyUp)
        down = Direction(level, rate: Self.rateDown, more: Self.latencyDown)
        scope = level[Self.scope]
    }
}
