import CLamina
import Glibc

/// Something that runs on a socket's engine, asked for any number of times and posted once. It keeps the socket until it
/// has run. Stands in raw memory; guarded by the group's lock.
struct EngineRun {
    fileprivate var isPosted = false
}

extension UnsafeMutablePointer<EngineRun> {
    /// Lets the engine call `function`, which calls `begin` first and releases the group last. Under the lock. A negative errno if it
    /// can't.
    func post(
        _ group: UnsafeMutablePointer<LaneGroup>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ context: UnsafeMutableRawPointer,
        _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
    ) -> Int32 {
        guard !pointee.isPosted else { return 0 }
        guard group.pinLocked() else { return -ECANCELED }
        let status = slot.pointee.column.pointee.upcalls.pointee.post(slot, function, context)
        if status < 0 { group.unpinLocked() } else { pointee.isPosted = true }
        return status
    }

    /// From now on it may be posted again.
    func begin(_ group: UnsafeMutablePointer<LaneGroup>) {
        group.lock()
        pointee.isPosted = false
        group.unlock()
    }
}
