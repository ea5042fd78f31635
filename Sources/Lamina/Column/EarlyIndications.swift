import CLamina
import CLinux

/// Indications that were enabled before the conditions of a column let more levels in: the level that serves them clears them,
/// and the new levels see them enabled, as if they had been there.
final class EarlyIndications: @unchecked Sendable {
    // One party at a time: the thread that runs `advance`, or the completion that came after its return.
    private let request: Request
    private var calls: [(Request) -> lamina_status]
    private let done: (lamina_status) -> Void
    private var arrivals: UInt32 = 0

    /// Does so in a column in which `levels` are new and linked, and tells `done` how that ended, here or later.
    static func enable(_ state: ColumnState, through levels: UInt64, done: @escaping (lamina_status) -> Void) {
        let server = (1...max(state.levelCount, 1)).map { state.slots + $0 }.first {
            clinux_load_u32(&$0.pointee.enabled) != 0
        }
        guard let server, state.links.leads(LAMINA_ENTRY_ENABLE_INDICATIONS, to: levels, above: server.pointee.level),
            let serve = state.instance(at: server)?.table?.pointee.enable_indications
        else { return done(0) }
        let (enabled, top) = (clinux_load_u32(&server.pointee.enabled), state.slots)
        EarlyIndications(done, [{ lamina_enable_indications(top, enabled, 0, $0) }, { serve(server, 0, enabled, $0) }])
            .advance()
    }

    /// `calls` are made from the last.
    private init(_ done: @escaping (lamina_status) -> Void, _ calls: [(Request) -> lamina_status]) {
        self.done = done
        self.calls = calls
        request = .allocate(capacity: 1)
    }

    deinit { request.deallocate() }

    private func advance() {
        while let call = calls.popLast() {
            clinux_store_u32(&arrivals, 0)
            lamina_request_prepare(request, Self.ended, Unmanaged.passRetained(self).toOpaque())
            _ = call(request)
            guard clinux_add_u32(&arrivals, 1) == 2 else { return }
            guard request.pointee.status >= 0 else { return done(request.pointee.status) }
        }
        done(0)
    }

    private static let ended: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let own = Unmanaged<EarlyIndications>.fromOpaque(context).takeRetainedValue()
        guard clinux_add_u32(&own.arrivals, 1) == 2 else { return 0 }
        if own.request.pointee.status < 0 { own.done(own.request.pointee.status) } else { own.advance() }
        return 0
    }
}
