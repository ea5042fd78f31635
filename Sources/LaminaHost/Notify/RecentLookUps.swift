import CLinux
import Glibc

/// The processes that have lately asked a name server.
struct RecentLookUps {
    /// How long that is, in nanoseconds: an answer takes no longer, as a rule.
    private static let span: Int64 = 5_000_000_000
    private static let capacity = 1024

    private var times: [pid_t: Int64] = [:]

    func isRecent(_ process: pid_t) -> Bool {
        times[process].map { clinux_monotonic() - $0 < Self.span } ?? false
    }

    mutating func note(_ process: pid_t) {
        let now = clinux_monotonic()
        if times.count >= Self.capacity { times = times.filter { now - $0.value < Self.span } }
        times[process] = now
    }
}
