import CLamina
import CLinux

/// A socket that another process has now: its levels close, without ending the connection, and the handle stays until the
/// program closes it.
final class MovedSocket: @unchecked Sendable {
    // One step at a time.
    private let state: ColumnState
    private let request: Request
    private let deadline: Int64

    static func end(_ state: ColumnState) {
        state.becomeStale()
        // The column stays while its levels close.
        _ = clinux_add_u32(&state.column.pointee.pending, 1)
        MovedSocket(state).wait()
    }

    private init(_ state: ColumnState) {
        self.state = state
        request = .allocate(capacity: 1)
        deadline = clinux_monotonic() + ColumnClosing.patience
    }

    deinit { request.deallocate() }

    /// Waits until calls that don't transfer anything have left.
    private func wait() {
        state.loop.run(at: clinux_monotonic() + Redemption.interval) {
            if self.state.isQuiet || clinux_monotonic() > self.deadline { self.close() } else { self.wait() }
        }
    }

    private func close() {
        lamina_request_prepare(
            request,
            { _, _, context in
                guard let context else { return 0 }
                let moved = Unmanaged<MovedSocket>.fromOpaque(context).takeRetainedValue()
                _ = clinux_add_u32(&moved.state.column.pointee.pending, -1)
                return 0
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        _ = state.closeMoved(request)
    }
}
