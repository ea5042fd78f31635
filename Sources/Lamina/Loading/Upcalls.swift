import CLamina
import Glibc

/// What the framework offers providers.
enum Upcalls {
    /// The table, which lives for good.
    static var table: UnsafePointer<lamina_upcalls> { UnsafePointer(storage) }

    // Written once, before anybody sees it.
    nonisolated(unsafe) private static let storage: UnsafeMutablePointer<lamina_upcalls> = {
        let table = UnsafeMutablePointer<lamina_upcalls>.allocate(capacity: 1)
        let upcalls = lamina_upcalls(
            size: UInt32(MemoryLayout<lamina_upcalls>.size),
            version: LAMINA_ABI_VERSION,
            complete: Completion.complete,
            hold: Completion.holdUpcall,
            cancel: Completion.cancelUpcall,
            grow: Completion.grow,
            mark_pending: Completion.markPending,
            accept_column: ColumnAccepting.column,
            accept_ready: ColumnAccepting.ready,
            refuse_accepted: ColumnAccepting.refuse,
            open_below: ColumnAccepting.openBelow,
            close_below: ColumnAccepting.closeBelow,
            watch: { slot, watch, events in ColumnState.loop(of: slot).add(watch, events) },
            rearm: { slot, watch, events in ColumnState.loop(of: slot).rearm(watch, events) },
            unwatch: { slot, watch in ColumnState.loop(of: slot).remove(watch) },
            post: { slot, function, context in ColumnState.loop(of: slot).post(function, context) },
            post_at: { slot, when, function, context in
                ColumnState.loop(of: slot).post(at: when, function, context)
                return 0
            },
            log: { slot, level, text, length in
                let label = slot.map { String(cString: ColumnState.label(of: $0)) } ?? ""
                let line = String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
                Output.log(Output.Level(rawValue: level) ?? .debug, label, line)
            },
            output: { _, text, length in Output.write(UnsafeRawBufferPointer(start: text, count: length)) },
            label: { ColumnState.label(of: $0) }
        )
        table.initialize(to: upcalls)
        return table
    }()
}
