import CLamina
import CLinux
import Glibc

/// A thread of a provider's own that counts as the framework's: its waits fail at once, and work can be queued to it.
final class Worker: @unchecked Sendable {
    private typealias Work = (function: EngineLoop.PostFunction, context: UnsafeMutableRawPointer?)

    // `work` is locked, the rest constant.
    private let work = Locked<[Work]>([])
    private let wakeUp: Int32

    private init?() {
        wakeUp = clinux_eventfd()
        guard wakeUp >= 0 else { return nil }
    }

    deinit { close(wakeUp) }

    private static func of(_ worker: OpaquePointer) -> Worker {
        Unmanaged<Worker>.fromOpaque(UnsafeRawPointer(worker)).takeUnretainedValue()
    }

    /// `attach_thread`.
    static let attach: @convention(c) () -> OpaquePointer? = {
        guard let worker = Worker() else { return nil }
        _ = Threads.start
        lamina_add_engines(1)
        return OpaquePointer(Unmanaged.passRetained(worker).toOpaque())
    }

    /// `detach_thread`.
    static let detach: @convention(c) (OpaquePointer) -> Void = { worker in
        _ = of(worker).run()
        lamina_add_engines(-1)
        Unmanaged<Worker>.fromOpaque(UnsafeRawPointer(worker)).release()
    }

    /// `queue_work`.
    static let queue:
        @convention(c) (
            OpaquePointer, @convention(c) (UnsafeMutableRawPointer?) -> Void, UnsafeMutableRawPointer?
        ) -> lamina_status = { worker, function, context in
            let worker = of(worker)
            worker.work.withLock { $0.append((function, context)) }
            clinux_eventfd_signal(worker.wakeUp)
            return 0
        }

    /// `wait_for_work`.
    static let wait: @convention(c) (OpaquePointer, Int64) -> Int32 = { worker, deadline in
        let worker = of(worker)
        while true {
            let done = worker.run()
            if done > 0 { return done }
            if deadline != 0, clinux_monotonic() >= deadline { return 0 }
            _ = clinux_wait_for(-1, 0, worker.wakeUp, -1, deadline)
        }
    }

    private func run() -> Int32 {
        clinux_eventfd_drain(wakeUp)
        let due = work.withLock { work in
            defer { work = [] }
            return work
        }
        for work in due { work.function(work.context) }
        return Int32(clamping: due.count)
    }
}
