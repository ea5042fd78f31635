import Glibc

/// A thread that stays on one processor.
final class PinnedThread: @unchecked Sendable {
    // Written before the thread's owner knows it, and by `join`.
    private var thread = pthread_t()
    private var isJoined = false

    private final class Start {
        let processor: Int
        let body: () -> Void

        init(_ processor: Int, _ body: @escaping () -> Void) {
            self.processor = processor
            self.body = body
        }
    }

    /// Runs `body` on the processor of this number; see `Processors.pin`.
    init(on processor: Int, _ body: @escaping @Sendable () -> Void) throws {
        let start = Unmanaged.passRetained(Start(processor, body))
        let failure = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                Processors.pin(to: start.processor)
                start.body()
                return nil
            },
            start.toOpaque()
        )
        guard failure == 0 else {
            start.release()
            isJoined = true
            throw BenchmarkError("no thread: \(String(cString: strerror(failure)))")
        }
    }

    /// Waits until it has ended.
    func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(thread, nil)
    }

    deinit {
        if !isJoined { pthread_detach(thread) }
    }
}
