import Glibc

/// What time it is, in nanoseconds. Any thread; costs about 25 ns.
public enum Clock {
    /// The time of CLOCK_MONOTONIC, for how long something takes.
    public static var monotonic: Int64 { now(CLOCK_MONOTONIC) }

    /// The time since 1970.
    public static var wall: Int64 { now(CLOCK_REALTIME) }

    private static func now(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
