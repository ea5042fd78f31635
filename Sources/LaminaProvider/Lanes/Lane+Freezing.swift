import CLinux

extension UnsafeMutablePointer<LaneGroup> {
    /// Lets nothing begin any more until `thaw` or `close`; what waits stays where it is. False, and nothing has changed:
    /// a thread is inside a lane, something waits in `sending`, or a receive has filled a part of its room.
    public func freeze(receiving: UnsafeMutablePointer<Lane>, sending: UnsafeMutablePointer<Lane>) -> Bool {
        lock()
        defer { unlock() }
        if pointee.isFrozen { return true }
        guard receiving.isAtRest, sending.isAtRest, sending.first == nil else { return false }
        guard (receiving.first?.pointee.moved ?? 0) == 0 else { return false }
        guard receiving.block(), sending.block() else {
            receiving.unblock()
            return false
        }
        pointee.isFrozen = true
        return true
    }

    /// Ends `freeze`, and tries what waits.
    public func thaw(_ first: UnsafeMutablePointer<Lane>, _ second: UnsafeMutablePointer<Lane>) {
        lock()
        guard pointee.isFrozen else { return unlock() }
        pointee.isFrozen = false
        let lanes = [first, second].filter { $0.enterBlocked() }
        pointee.busy += UInt32(lanes.count)
        unlock()
        for lane in lanes { lane.drain() }
    }
}

extension UnsafeMutablePointer<Lane> {
    /// Whether nobody is inside. Under the lock, which doesn't keep anybody from entering a free lane.
    fileprivate var isAtRest: Bool {
        let state = clinux_load_u32(field(\.state))
        return state == Lane.free || state == Lane.blocked
    }

    /// Keeps a lane that nobody is inside of from being entered. Under the lock.
    fileprivate func block() -> Bool {
        clinux_load_u32(field(\.state)) == Lane.blocked
            || clinux_replace_u32(field(\.state), Lane.free, Lane.blocked) != 0
    }

    /// Undoes `block` where nothing waits. Under the lock.
    fileprivate func unblock() {
        if first == nil { _ = clinux_replace_u32(field(\.state), Lane.blocked, Lane.free) }
    }

    /// Takes a blocked lane. Under the lock.
    fileprivate func enterBlocked() -> Bool {
        clinux_replace_u32(field(\.state), Lane.blocked, Lane.contended) != 0
    }
}
