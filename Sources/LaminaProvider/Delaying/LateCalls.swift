import CLamina
import CLinux
import Glibc

/// Where calls wait that a layer lets fail later: of a socket, in its `State`, or of a level's questions, in the layer. What
/// still waits when it goes is cancelled.
public final class LateCalls: @unchecked Sendable {
    private let level: Level
    // It has a lock of its own.
    private let list: UnsafeMutablePointer<WaitingRequests>

    /// A place in which nothing waits. -ENOMEM: there is no memory.
    public init(_ level: Level) throws(Failure) {
        guard let list = UnsafeMutablePointer<WaitingRequests>.make() else { throw Failure(ENOMEM) }
        self.level = level
        self.list = list
    }

    deinit { list.close() }

    fileprivate func add(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ errno: Int32,
        after nanoseconds: Int64
    ) -> lamina_status {
        let now = clinux_monotonic()
        let due = nanoseconds < .max - now ? now + max(nanoseconds, 0) : Int64.max
        if due < .max {
            do throws(Failure) {
                // Once the place has gone, what waited in it has ended.
                try level.after(nanoseconds: due - now) { [weak self] in self?.list.endDue() }
            } catch {
                return lamina_complete(slot, request, -error.errno, 0)
            }
        }
        let status = list.add(slot, request, until: due, as: -Int32(clamping: errno.magnitude))
        // The timer may have come before the call waited.
        if status == LAMINA_PENDING, clinux_monotonic() >= due { list.endDue() }
        return status
    }
}

extension Next where State: ~Copyable {
    /// Ends the call with a positive `errno` after so many nanoseconds, `Int64.max` for never: the levels below don't see it.
    /// A cancel, its deadline or its socket's close end it before. One that only tries fails with `EAGAIN` at once. Allocates
    /// where it waits.
    public consuming func fail(_ errno: Int32, after nanoseconds: Int64, in calls: LateCalls) -> Answer {
        if isTry { return fail(EAGAIN) }
        return Answer(calls.add(slot, request, errno, after: nanoseconds))
    }
}
