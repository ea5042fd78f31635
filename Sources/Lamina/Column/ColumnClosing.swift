import CLamina
import CLinux
import Glibc

/// How a column ends: no call enters it any more, those inside leave, its levels close, what pends completes, and only
/// then its memory may become another socket.
///
/// A level that isn't done in time is named; its column is left behind on purpose, and the close ends with -ETIMEDOUT.
final class ColumnClosing: @unchecked Sendable {
    // One step at a time: each is started by the end of the one before.
    private let state: ColumnState
    private let done: (lamina_status) -> Void
    private let request: Request
    private let deadline: Int64
    private var status: lamina_status = 0
    /// 0 while the close goes on, 1 once somebody has ended it.
    private var end: UInt32 = 0

    /// How long a level may take to let go of a socket.
    static let patience: Int64 = 5_000_000_000
    private static let interval: Int64 = 1_000_000

    /// Closes the socket that `handle` names, and tells `done` how it ended, here or later. -EBADF: it is closed.
    static func close(_ handle: lamina_socket, done: @escaping (lamina_status) -> Void) {
        let column = UnsafeMutableRawPointer(handle.slot).assumingMemoryBound(to: lamina_column.self) - 1
        guard handle.generation % 2 == 1,
            clinux_replace_u64(&column.pointee.generation, handle.generation, handle.generation + 1) != 0
        else { return done(-EBADF) }
        _ = clinux_barrier()
        Offers.withdraw(of: handle)
        let state = ColumnState.of(handle.slot)
        if clinux_load_u32(&state.hasPump) != 0 { state.chain.binding.withLock { _ in state.pump }?.stop() }
        ColumnClosing(state, done).waitForCalls()
    }

    /// Ends a column whose open failed: no handle of it was ever given out. The levels that refused may still look at
    /// their slots on their way out, so its memory goes later.
    static func discard(_ state: ColumnState) {
        clinux_store_u64(&state.column.pointee.generation, state.handle.generation + 1)
        ColumnClosing(state) { _ in }.later { $0.drain() }
    }

    private init(_ state: ColumnState, _ done: @escaping (lamina_status) -> Void) {
        self.state = state
        self.done = done
        request = .allocate(capacity: 1)
        deadline = clinux_monotonic() + Self.patience
    }

    deinit {
        request.deallocate()
    }

    /// Goes on when nobody is inside. Where this thread is, its way out leads through the caller, so the engine goes on.
    private func waitForCalls() {
        for _ in 0..<100 {
            let presence = presence
            guard presence.isSelfInside || presence.areOthersInside else { return closeLevels() }
            if presence.isSelfInside { break }
            sched_yield()
        }
        guard clinux_monotonic() < deadline else {
            return giveUp("a call that has not returned", as: -ETIMEDOUT)
        }
        later { $0.waitForCalls() }
    }

    /// Who is inside the socket. A lower column is entered by those who are inside the socket that it belongs to: they may
    /// have found it primary.
    private var presence: Threads.Presence {
        var presence = Threads.presence(in: state.slots)
        var opener = state.opener
        while let upper = opener {
            let there = Threads.presence(in: upper.slots)
            presence.isSelfInside = presence.isSelfInside || there.isSelfInside
            presence.areOthersInside = presence.areOthersInside || there.areOthersInside
            opener = upper.opener
        }
        return presence
    }

    private func later(_ step: @escaping (ColumnClosing) -> Void) {
        state.loop.run(at: clinux_monotonic() + Self.interval) { step(self) }
    }

    private func closeLevels() {
        // The levels' state is a copy of the parent's, with locks that nobody gives back.
        guard !state.isStale else { return drain() }
        state.gate?.end(-ECANCELED)
        if state.opened != state.active { state.relink(state.opened, waits: false) }
        lamina_request_prepare(request, Self.closed, Unmanaged.passRetained(self).toOpaque())
        if lamina_close(state.slots, request) == LAMINA_PENDING { watchLater() }
    }

    private static let closed: lamina_completion = { _, request, context in
        guard let context else { return 0 }
        let closing = Unmanaged<ColumnClosing>.fromOpaque(context).takeRetainedValue()
        closing.status = request.pointee.status
        closing.drain()
        return 0
    }

    /// Gives up where the levels' close doesn't end.
    private func watch() {
        guard clinux_load_u32(&end) == 0 else { return }
        guard clinux_monotonic() < deadline else {
            return giveUp("layer \"\(holder)\", which has not closed", as: -ETIMEDOUT)
        }
        watchLater()
    }

    /// What has ended meanwhile isn't kept for it: the chain may be about to go, and its engine not run any more.
    private func watchLater() {
        state.loop.run(at: clinux_monotonic() + Self.interval) { [weak self] in self?.watch() }
    }

    /// Ends the close when no request pends and no completion waits.
    private func drain() {
        guard clinux_load_u32(&end) == 0 else { return }
        let column = state.column
        if clinux_load_u32(&column.pointee.pending) == 0, clinux_load_u32(&column.pointee.deferred) == 0 {
            guard clinux_add_u32(&end, 1) == 1 else { return }
            let status = min(status, 0)
            state.free()
            return done(status)
        }
        guard clinux_monotonic() < deadline else {
            return giveUp("layer \"\(holder)\", which has not completed a request", as: -ETIMEDOUT)
        }
        later { $0.drain() }
    }

    private var holder: String {
        guard let label = clinux_load_pointer(&state.column.pointee.framework.1) else { return "unknown" }
        return String(cString: label.assumingMemoryBound(to: CChar.self))
    }

    private func giveUp(_ reason: String, as status: lamina_status) {
        guard clinux_add_u32(&end, 1) == 1 else { return }
        Output.log(.error, "socket #\(state.column.pointee.serial)", "can't be closed because of \(reason)")
        done(status)
    }
}
