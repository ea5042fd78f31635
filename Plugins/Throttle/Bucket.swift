import Synchronization

/// A rate that calls keep to, without a lock, a timer or a thread: one number says when the next byte may go.
struct Bucket: ~Copyable, Sendable {
    /// In nanoseconds of CLOCK_MONOTONIC. What lies in the past is what may go at once, as far as the burst reaches.
    private let next = Atomic<Int64>(0)

    /// What a rate allows.
    struct Limit {
        /// In bits a second, more than 0.
        let rate: Int
        /// In bytes.
        let burst: Int

        /// How long so many bytes take.
        func time(of bytes: Int) -> Int64 { Int64(min(Double(bytes) * 8e9 / Double(rate), 1e18)) }

        /// How many bytes so much time is.
        func bytes(in time: Int64) -> Int { Int(min(Double(time) * Double(rate) / 8e9, 1e18)) }

        /// How far back unused time counts.
        var memory: Int64 { time(of: burst) }
    }

    /// The time that goes at once, of which there is a call each: short enough to be smooth, long enough to be few.
    private static let turn: Int64 = 10_000_000
    /// How late those may be who carry the bytes without the rate's getting lower.
    private static let lateness: Int64 = 200_000_000

    /// How many bytes may go now, of a call that could go since then; 0: none, before `time`.
    func allowance(_ limit: Limit, since: Int64, now: Int64) -> (bytes: Int, time: Int64) {
        let time = next.load(ordering: .relaxed)
        guard time <= now else { return (0, time) }
        return (max(1, limit.bytes(in: now - Self.begin(time, limit, since) + Self.turn)), time)
    }

    /// So many bytes have gone, of a call that could go since then.
    func take(_ bytes: Int, _ limit: Limit, since: Int64) {
        var before = next.load(ordering: .relaxed)
        while true {
            let after = Self.begin(before, limit, since) + limit.time(of: bytes)
            let (isTaken, other) = next.compareExchange(expected: before, desired: after, ordering: .relaxed)
            if isTaken { return }
            before = other
        }
    }

    /// From when on the time counts: all of it after a moment's delay, and as much as the burst has after a pause.
    private static func begin(_ time: Int64, _ limit: Limit, _ since: Int64) -> Int64 {
        time >= since - lateness ? time : max(time, since - limit.memory)
    }
}
