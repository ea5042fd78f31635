import CLamina
import CLinux
import Glibc

/// What an operation gave.
struct Outcome: Sendable {
    var status: lamina_status
    var bytes: UInt64
    var socket: lamina_socket?
    var failedLevel: String?

    init(_ request: Request) {
        // Whatever a level says, it can be negated.
        status = max(request.pointee.status, -.max)
        bytes = request.pointee.bytes
        socket = request.pointee.socket.map {
            lamina_socket(slot: $0, generation: request.pointee.socket_generation)
        }
        if status < 0 { failedLevel = request.pointee.failed_level.map { String(cString: $0) } }
    }

    /// How many bytes were moved, at most as many as there was room for: a level may claim more.
    func count(in room: Int) -> Int { min(Int(clamping: bytes), room) }

    /// Throws what the status says about `subject`.
    func check(_ subject: @autoclosure () -> String) throws(LaminaError) {
        guard status < 0 else { return }
        throw Self.error(status, subject(), level: failedLevel)
    }

    static func error(_ status: lamina_status, _ subject: String, level: String? = nil) -> LaminaError {
        let code: LaminaError.Code =
            switch -status {
            case EBADF: .closed
            case EOPNOTSUPP: .notSupported
            case ECANCELED: .cancelled
            case ETIMEDOUT: .timedOut
            case EINVAL: .invalidArgument
            default: .system
            }
        let cause = -status == EBADF ? "the socket is closed" : String(cString: strerror(-status))
        let place = level.map { " (at level \"\($0)\")" } ?? ""
        return LaminaError(code, subject, cause + place, errno: -status, level: level)
    }
}

/// Makes one call and waits for its request on this thread, the socket beside a wake-up.
enum WaitingOperation {
    /// Runs `call`. Fails with EDEADLK on an engine's thread, which would wait for itself; `deadline` is in nanoseconds
    /// of CLOCK_MONOTONIC, 0 for none.
    static func run(
        _ handle: lamina_socket?,
        engine: Engine,
        deadline: Int64 = 0,
        _ call: (Request) -> lamina_status
    ) -> Outcome {
        let waiter = Waiter.take()
        defer { waiter.give() }
        let request = waiter.request
        let isEngine = lamina_this_thread().pointee.engine > 0
        lamina_request_prepare(request, Waiter.completed, Unmanaged.passUnretained(waiter).toOpaque())
        request.pointee.flags = UInt32(isEngine ? LAMINA_REQUEST_TRY : LAMINA_REQUEST_WAITED)
        request.pointee.deadline = deadline
        waiter.begin()
        if call(request) == LAMINA_PENDING { waiter.wait(for: handle, engine: engine, until: deadline) }
        var outcome = Outcome(request)
        if isEngine, outcome.status == -EAGAIN { outcome.status = -EDEADLK }
        return outcome
    }
}

/// A thread that waits: a request and a descriptor that wakes it. Kept for the next one.
final class Waiter: @unchecked Sendable {
    // One thread uses a waiter at a time; `isDone` is changed by whoever completes as well, by atomic operations.
    let request: Request
    private let wakeUp: Int32
    private let isDone: UnsafeMutablePointer<UInt32>

    private static let free = Locked<[Waiter]>([])
    /// One of the free ones, which is taken and given back without the lock; 0 for none.
    nonisolated(unsafe) private static let spare: UnsafeMutablePointer<UInt64> = {
        let place = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        place.initialize(to: 0)
        return place
    }()

    private init() {
        request = .allocate(capacity: 1)
        isDone = .allocate(capacity: 1)
        wakeUp = clinux_eventfd()
    }

    deinit {
        request.deallocate()
        isDone.deallocate()
        close(wakeUp)
    }

    /// The parent's waiters would be woken by either process.
    static func beginChild() {
        _ = takeSpare()
        free.withLock { $0 = [] }
    }

    static func take() -> Waiter {
        takeSpare() ?? free.withLock { $0.popLast() } ?? Waiter()
    }

    private static func takeSpare() -> Waiter? {
        let word = clinux_load_u64(spare)
        guard let address = UnsafeRawPointer(bitPattern: UInt(word)), clinux_replace_u64(spare, word, 0) != 0 else {
            return nil
        }
        return Unmanaged<Waiter>.fromOpaque(address).takeRetainedValue()
    }

    func give() {
        let own = Unmanaged.passRetained(self)
        guard clinux_replace_u64(Self.spare, 0, UInt64(UInt(bitPattern: own.toOpaque()))) == 0 else { return }
        own.release()
        Self.free.withLock { $0.append(self) }
    }

    func begin() {
        clinux_store_u32(isDone, 0)
    }

    static let completed: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let waiter = Unmanaged<Waiter>.fromOpaque(context).takeUnretainedValue()
        // Once it is done, the waiter may serve another thread: nothing but the descriptor is touched afterwards.
        let wakeUp = waiter.wakeUp
        if clinux_set_bits_u32(waiter.isDone, 1) & 2 != 0 { clinux_eventfd_signal(wakeUp) }
        return 0
    }

    /// Waits for the completion, driving the socket's lane when its descriptor is ready. An engine that the program
    /// runs is run from here, since nobody else would.
    func wait(for handle: lamina_socket?, engine: Engine, until deadline: Int64) {
        let own = engine.isRunByProgram ? engine.descriptor : -1
        var isExpired = false
        // Bit 1: done; bit 2: the thread sleeps, and wants to be woken.
        while clinux_set_bits_u32(isDone, 2) & 1 == 0 {
            let wait = request.pointee.wait
            let events = Int16(truncatingIfNeeded: wait.events)
            let ready = clinux_wait_for(wait.descriptor, events, wakeUp, own, isExpired ? 0 : deadline)
            if ready & 2 != 0 { clinux_eventfd_drain(wakeUp) }
            if clinux_clear_bits_u32(isDone, 2) & 1 != 0 { break }
            if ready & 1 != 0 {
                if let drive = wait.drive, let slot = wait.slot, let handle, lamina_enter(handle) != 0 {
                    drive(slot)
                    lamina_leave()
                } else {
                    request.pointee.wait.descriptor = -1
                }
            }
            if deadline != 0, !isExpired, clinux_monotonic() >= deadline {
                isExpired = true
                if Completion.take(request, because: UInt32(LAMINA_STATE_EXPIRED)) {
                    _ = Completion.giveToHolder(request)
                }
            }
            if ready & 4 != 0, engine.run() == 0 { sched_yield() }
        }
    }
}
