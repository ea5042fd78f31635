import CLamina

/// The same operation again and again, each on the request of the last: what ends at once is handled in a loop, what
/// pends in its completion. All on the engine's thread.
class RequestLoop {
    let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private var isIssuing = false
    private var hasEnded = false

    /// Makes the call.
    func issue() {}

    /// Handles what the request ended with; false: no further one.
    func handle() -> Bool { false }

    /// Issues until one pends, or `handle` ends the loop.
    final func run() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        repeat {
            lamina_request_prepare(request, Self.completed, context)
            hasEnded = false
            isIssuing = true
            issue()
            isIssuing = false
        } while hasEnded && handle()
    }

    private static let completed: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let loop = Unmanaged<RequestLoop>.fromOpaque(context).takeUnretainedValue()
        loop.hasEnded = true
        if !loop.isIssuing, loop.handle() { loop.run() }
        return 0
    }

    deinit {
        request.deallocate()
    }
}
