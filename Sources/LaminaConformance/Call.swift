import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One call with a request of its own, and every completion that it got. The memory of the request is the caller's
/// again in the completion routine, which prepares it anew: a second completion is seen, not undefined.
final class Call: @unchecked Sendable {
    // The request is the framework's between the call and its end; the rest is guarded by the lock.

    /// How a completion found the request.
    struct End {
        let status: lamina_status
        let bytes: Int
        let wasMarked: Bool
        /// Completions of all calls, in the order in which they came.
        let sequence: Int
        let socket: lamina_socket?
    }

    private struct State {
        var returned: lamina_status?
        var ends: [End] = []
        /// Keeps what the call was made with, e.g. the memory that it fills.
        var body: ((Request) -> lamina_status)?
    }

    /// What was called, for findings.
    let subject: String
    let request = Request.allocate(capacity: 1)
    private let state = Locked(State())
    private static let sequence = Atomic(0)

    /// The next number in the order of completions and other events.
    static func next() -> Int { sequence.add(1, ordering: .acquiringAndReleasing).newValue }

    /// A call with a deadline, and `LAMINA_REQUEST_…` flags.
    init(_ subject: String, deadline: Int64 = 0, flags: Int = 0) {
        self.subject = subject
        prepare()
        request.pointee.deadline = deadline
        request.pointee.flags = UInt32(flags)
    }

    deinit { request.deallocate() }

    private func prepare() {
        lamina_request_prepare(request, Self.completed, Unmanaged.passUnretained(self).toOpaque())
    }

    private static let completed: lamina_completion = { _, request, context in
        guard let context else { return 0 }
        Unmanaged<Call>.fromOpaque(context).takeUnretainedValue().note(request.pointee)
        return 0
    }

    private func note(_ request: lamina_request) {
        let end = End(
            status: request.status,
            bytes: Int(clamping: request.bytes),
            wasMarked: request.flags & UInt32(LAMINA_REQUEST_PENDED) != 0,
            sequence: Self.next(),
            socket: request.socket.map { lamina_socket(slot: $0, generation: request.socket_generation) }
        )
        prepare()
        // Given back outside the lock.
        var body: ((Request) -> lamina_status)?
        state.withLock { state in
            state.ends.append(end)
            (body, state.body) = (state.body, nil)
        }
        _ = body
    }

    /// Makes the call. What `body` captures lives until its end.
    @discardableResult
    func make(_ body: @escaping (Request) -> lamina_status) -> lamina_status {
        Report.tell(subject)
        state.withLock { $0.body = body }
        let status = body(request)
        state.withLock { $0.returned = status }
        return status
    }

    /// What the call returned; nil before it has.
    var returned: lamina_status? { state.withLock { $0.returned } }
    /// Its completions, of which there should be one.
    var ends: [End] { state.withLock { $0.ends } }
    /// Whether it has completed.
    var hasEnded: Bool { !ends.isEmpty }

    /// The end, once it has come; nil where it doesn't within `patience` milliseconds.
    func end(within patience: Int64 = Patience.call) -> End? {
        _ = Patience.wait(patience) { hasEnded }
        return ends.first
    }

    /// The end; a finding against `rule` where there is none.
    func needEnd(_ place: String, within patience: Int64 = Patience.call) throws -> End {
        if let end = end(within: patience) { return end }
        throw Finding(
            subject,
            "\(place): answered \(returned.map(Status.text) ?? "nothing") and had not completed after \(patience) ms",
            "complete every request, whatever the call returns"
        )
    }
}

/// How long the checks wait.
enum Patience {
    /// Milliseconds in which a call must end that nothing holds up.
    static let call: Int64 = 5_000
    /// Milliseconds in which what must not come would have come.
    static let grace: Int64 = 40

    /// Waits until `condition` holds, at most this many milliseconds. False where it doesn't.
    static func wait(_ milliseconds: Int64, _ condition: () -> Bool) -> Bool {
        let deadline = clinux_monotonic() + milliseconds * 1_000_000
        // What ends at once is seen at once. Yielding instead would cost a turn of everybody else on a busy machine.
        var pause: Int64 = 20_000
        while !condition() {
            let now = clinux_monotonic()
            guard now < deadline else { return condition() }
            _ = clinux_wait_for(-1, 0, -1, -1, min(deadline, now + pause))
            pause = min(2 * pause, 500_000)
        }
        return true
    }

    /// Lets this many milliseconds pass.
    static func pass(_ milliseconds: Int64 = grace) { _ = wait(milliseconds) { false } }
}

/// Statuses in words.
enum Status {
    /// `0`, `LAMINA_PENDING`, `-ECANCELED`.
    static func text(_ status: lamina_status) -> String {
        if status == LAMINA_PENDING { return "LAMINA_PENDING" }
        guard status < 0, let name = clinux_errno_name(-status) else { return "\(status)" }
        return "-\(String(cString: name))"
    }
}

/// Runs `body` on a thread of its own, to its end.
final class Worker: @unchecked Sendable {
    // `thread` is written before the object is given out.
    private var thread = pthread_t()
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
        let context = Unmanaged.passRetained(self).toOpaque()
        let failure = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Worker>.fromOpaque(context).takeRetainedValue().body()
                return nil
            },
            context
        )
        if failure != 0 { Unmanaged<Worker>.fromOpaque(context).takeRetainedValue().body() }
        isStarted = failure == 0
    }

    private var isStarted = false

    /// Lets it run to its end by itself.
    func detach() {
        if isStarted { pthread_detach(thread) }
        isStarted = false
    }

    /// Waits for its end.
    func join() {
        if isStarted { pthread_join(thread, nil) }
        isStarted = false
    }
}
