import CLamina
import Glibc

/// The upcalls of a framework that has no sockets, for looking at a plug-in: whatever needs one is answered with
/// `-ENOTSUP`, and nothing is written.
enum StandbyUpcalls {
    /// The table, which lives for good.
    static var table: UnsafePointer<lamina_upcalls> { UnsafePointer(storage) }

    // Written once, before anybody sees it.
    nonisolated(unsafe) private static let storage: UnsafeMutablePointer<lamina_upcalls> = {
        let table = UnsafeMutablePointer<lamina_upcalls>.allocate(capacity: 1)
        let upcalls = lamina_upcalls(
            size: UInt32(MemoryLayout<lamina_upcalls>.size),
            version: LAMINA_ABI_VERSION,
            complete: { _, request in request.pointee.status },
            hold: { _, _, _ in -ENOTSUP },
            cancel: { _ in 0 },
            grow: { _ in -ENOMEM },
            mark_pending: { _, _ in },
            accept_column: { _, _, _, _, _ in -ENOTSUP },
            accept_ready: { _, _, _, _, _ in },
            open_below: { _, _, _, _, _, _ in -ENOTSUP },
            close_below: { _, _ in -ENOTSUP },
            watch: { _, _, _ in -ENOTSUP },
            rearm: { _, _, _ in -ENOTSUP },
            unwatch: { _, _ in },
            post: { _, _, _ in -ENOTSUP },
            post_at: { _, _, _, _ in -ENOTSUP },
            log: { _, _, _, _ in },
            output: { _, _, _ in },
            label: { _ in UnsafePointer(StandbyUpcalls.label) }
        )
        table.initialize(to: upcalls)
        return table
    }()

    nonisolated(unsafe) private static let label: UnsafeMutablePointer<CChar> = {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        text.initialize(to: 0)
        return text
    }()
}
