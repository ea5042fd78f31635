import CLinux
import Glibc

/// What time it is, in nanoseconds. Any thread; costs about 25 ns.
public enum Clock {
    /// The time of CLOCK_MONOTONIC, for how long something takes.
    public static var monotonic: Int64 { clinux_monotonic() }

    /// The time since 1970.
    public static var wall: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
