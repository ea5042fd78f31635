import CLamina
import CLinux
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
            label: { ColumnState.label(of: $0) },
            create_descriptor: BoundDescriptors.create,
            claim_descriptor: BoundDescriptors.claim,
            descriptor_context: BoundDescriptors.find,
            close_descriptor: BoundDescriptors.close,
            create_event: { clinux_eventfd() },
            set_event: { event in
                clinux_eventfd_signal(event)
                return 0
            },
            reset_event: { event in
                clinux_eventfd_drain(event)
                return 0
            },
            close_event: { Glibc.close($0) == 0 ? 0 : -errno },
            attach_thread: Worker.attach,
            detach_thread: Worker.detach,
            queue_work: Worker.queue,
            wait_for_work: Worker.wait
        )
        table.initialize(to: upcalls)
        return table
    }()
}
