import CLamina
import CLinux
import Glibc

/// Waits for what would block, watches deadlines, and runs completions (the I/O completion thread of a socket).
///
/// `shared` has a thread of its own, started when it is first needed. A program that has its own event loop makes an
/// engine, polls `descriptor` for reading, and calls `run`; then completions run on its thread and no thread is started.
public final class Engine: @unchecked Sendable {
    // `state` is locked; the descriptors are constant.
    private struct State {
        var posts: [(function: PostFunction, context: UnsafeMutableRawPointer?)] = []
        var watches: [UInt64: UnsafeMutablePointer<lamina_watch>] = [:]
        var nextWatch: UInt64 = 1
        var running: UInt64 = 0
        /// The thread that runs it, by its marks.
        var runner: UnsafeMutablePointer<lamina_thread>?
        var timers = TimerQueue()
        var isThreadStarted = false
        var isRunning = false
        /// What the clock is set to, 0 once it has rung.
        var alarm: Int64 = 0
    }

    typealias PostFunction = @convention(c) (UnsafeMutableRawPointer?) -> Void

    /// The engine of sockets that no program runs itself.
    public static let shared = Engine(ownThread: true)

    /// Becomes readable when `run` has something to do. It stays the engine's.
    public let descriptor: Int32
    private let wakeUp: Int32
    /// Makes the descriptor readable when a timer of an engine that the program runs is due.
    private let clock: Int32
    private let ownThread: Bool
    private let state = Locked(State())

    /// An engine that the program runs itself. Throws where the system gives no more descriptors.
    public convenience init() throws(LaminaError) {
        self.init(ownThread: false)
        guard descriptor >= 0, wakeUp >= 0, clock >= 0 else {
            throw LaminaError(
                .system,
                "engine",
                "no descriptor: \(String(cString: strerror(EMFILE)))",
                remedy: "raise the limit of open files",
                errno: EMFILE
            )
        }
    }

    private init(ownThread: Bool) {
        self.ownThread = ownThread
        descriptor = clinux_epoll_create()
        wakeUp = clinux_eventfd()
        clock = ownThread ? -1 : clinux_timerfd()
        watchOwn()
        Self.all.withLock { $0.append(Unmanaged.passUnretained(self)) }
    }

    private static let clockIdentity = UInt64.max

    /// Every engine of this process, for its children.
    private static let all = Locked<[Unmanaged<Engine>]>([])

    /// In a child process: begins anew, under the same descriptor numbers, so that the parent's stay untouched.
    static func beginChild() {
        for engine in all.withLock({ $0 }) { engine.takeUnretainedValue().beginAnew() }
    }

    private func beginAnew() {
        clinux_replace_descriptor(clinux_epoll_create(), descriptor)
        clinux_replace_descriptor(clinux_eventfd(), wakeUp)
        if clock >= 0 { clinux_replace_descriptor(clinux_timerfd(), clock) }
        state.withLock { $0 = State() }
        watchOwn()
    }

    private func watchOwn() {
        _ = clinux_epoll_add(descriptor, wakeUp, UInt32(clinux_epoll_in), 0)
        if clock >= 0 { _ = clinux_epoll_add(descriptor, clock, UInt32(clinux_epoll_in), Self.clockIdentity) }
    }

    deinit {
        let own = Unmanaged.passUnretained(self).toOpaque()
        Self.all.withLock { $0.removeAll { $0.toOpaque() == own } }
        close(descriptor)
        close(wakeUp)
        if clock >= 0 { close(clock) }
    }

    /// Whether the program runs it.
    var isRunByProgram: Bool { !ownThread }

    // MARK: - Running

    /// Does what is due, waiting up to `timeout` nanoseconds for something, nil for as long as it takes. Answers how
    /// many things it did; 0, at once, while another thread runs it or this one already does. Not for `shared`.
    @discardableResult
    public func run(timeout: Int64? = 0) -> Int {
        let isFree = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFree else { return 0 }
        defer { state.withLock { $0.isRunning = false } }
        lamina_add_engines(1)
        defer { lamina_add_engines(-1) }
        return withUnsafeTemporaryAllocation(of: clinux_epoll_event.self, capacity: 64) { events in
            guard let base = events.baseAddress else { return 0 }
            let wait = milliseconds(until: state.withLock { $0.timers.first }, atMost: timeout)
            let count = Int(clinux_epoll_wait(descriptor, base, 64, wait))
            var done = 0
            for index in 0..<max(count, 0) {
                if base[index].identity == 0 {
                    clinux_eventfd_drain(wakeUp)
                } else if base[index].identity == Self.clockIdentity {
                    clinux_eventfd_drain(clock)
                    state.withLock { $0.alarm = 0 }
                } else {
                    dispatch(base[index].identity, base[index].events)
                    done += 1
                }
            }
            return done + runTimers() + runPosts()
        }
    }

    private func milliseconds(until due: Int64?, atMost timeout: Int64?) -> Int32 {
        var wait = timeout
        if let due {
            let rest = max(due - clinux_monotonic(), 0)
            wait = wait.map { min($0, rest) } ?? rest
        }
        return wait.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
    }

    private func dispatch(_ identity: UInt64, _ events: UInt32) {
        let watch = state.withLock { state -> UnsafeMutablePointer<lamina_watch>? in
            guard let watch = state.watches[identity] else { return nil }
            state.running = identity
            state.runner = lamina_this_thread()
            return watch
        }
        guard let watch else { return }
        watch.pointee.function(watch, events)
        state.withLock { $0.running = 0 }
    }

    private func runTimers() -> Int {
        var done = 0
        while true {
            // A request whose deadline passed is taken under the lock, so that its completion can't be over before.
            enum Due { case call(PostFunction, UnsafeMutableRawPointer?), taken(Request), nothing }
            let due = state.withLock { state -> Due? in
                guard let timer = state.timers.popDue(at: clinux_monotonic) else { return nil }
                switch timer {
                case .call(let function, let context): return .call(function, context)
                case .deadline(let request):
                    return Completion.take(request, because: UInt32(LAMINA_STATE_EXPIRED)) ? .taken(request) : .nothing
                }
            }
            switch due {
            case nil:
                state.withLock { setAlarm(&$0) }
                return done
            case .call(let function, let context): function(context)
            case .taken(let request): _ = Completion.giveToHolder(request)
            case .nothing: break
            }
            done += 1
        }
    }

    private func runPosts() -> Int {
        let posts = state.withLock { state in
            let posts = state.posts
            state.posts = []
            return posts
        }
        for post in posts { post.function(post.context) }
        return posts.count
    }

    private func wake() {
        if ownThread { startThread() }
        clinux_eventfd_signal(wakeUp)
    }

    private func startThread() {
        let isFirst = state.withLock { state in
            defer { state.isThreadStarted = true }
            return !state.isThreadStarted
        }
        guard isFirst else { return }
        var mask = sigset_t()
        var old = sigset_t()
        sigfillset(&mask)
        pthread_sigmask(SIG_SETMASK, &mask, &old)
        var thread = pthread_t()
        let engine = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                let engine = Unmanaged<Engine>.fromOpaque(context).takeUnretainedValue()
                clinux_enter_own_code()
                while true { engine.run(timeout: nil) }
            },
            engine
        )
        pthread_sigmask(SIG_SETMASK, &old, nil)
        if status == 0 {
            pthread_detach(thread)
        } else {
            state.withLock { $0.isThreadStarted = false }
            Unmanaged<Engine>.fromOpaque(engine).release()
            Output.log(.error, "engine", "no thread can be started: \(String(cString: strerror(status)))")
        }
    }

    // MARK: - For the framework and, by upcalls, for providers

    /// Runs `function` soon, in the order of the posts.
    func post(_ function: @escaping PostFunction, _ context: UnsafeMutableRawPointer?) -> lamina_status {
        let isFirst = state.withLock { state in
            state.posts.append((function, context))
            return state.posts.count == 1
        }
        if isFirst { wake() }
        return 0
    }

    /// Runs `function` at a time.
    func post(at when: Int64, _ function: @escaping PostFunction, _ context: UnsafeMutableRawPointer?) {
        insert(when) { state in
            state.timers.insert(.call(function, context), at: when)
        }
    }

    func watchDeadline(of request: Request) {
        let when = request.pointee.deadline
        insert(when) { state in
            let identity = state.timers.insert(.deadline(request), at: when)
            request.pointee.framework.3 = UnsafeMutableRawPointer(bitPattern: UInt(identity))
            return identity
        }
    }

    private func insert(_ when: Int64, _ body: (inout State) -> UInt64) {
        let isFirst = state.withLock { state in
            _ = body(&state)
            setAlarm(&state)
            return state.timers.first == when
        }
        if isFirst, ownThread { wake() }
    }

    /// Sets the clock to the first timer.
    private func setAlarm(_ state: inout State) {
        guard clock >= 0, let first = state.timers.first, first != state.alarm else { return }
        state.alarm = first
        clinux_timerfd_set(clock, first)
    }

    func forgetDeadline(of request: Request) {
        state.withLock { $0.timers.remove(UInt64(UInt(bitPattern: request.pointee.framework.3))) }
    }

    func add(_ watch: UnsafeMutablePointer<lamina_watch>, _ events: UInt32) -> lamina_status {
        let identity = state.withLock { state in
            defer { state.nextWatch += 1 }
            state.watches[state.nextWatch] = watch
            return state.nextWatch
        }
        watch.pointee.framework.0 = UnsafeMutableRawPointer(bitPattern: UInt(identity))
        let oneShot = events | UInt32(clinux_epoll_one_shot)
        let status = clinux_epoll_add(descriptor, watch.pointee.descriptor, oneShot, identity)
        if status < 0 { state.withLock { $0.watches[identity] = nil } }
        if status == 0, ownThread { startThread() }
        return status
    }

    func rearm(_ watch: UnsafeMutablePointer<lamina_watch>, _ events: UInt32) -> lamina_status {
        clinux_epoll_change(
            descriptor,
            watch.pointee.descriptor,
            events | UInt32(clinux_epoll_one_shot),
            UInt64(UInt(bitPattern: watch.pointee.framework.0))
        )
    }

    func remove(_ watch: UnsafeMutablePointer<lamina_watch>) {
        let identity = UInt64(UInt(bitPattern: watch.pointee.framework.0))
        guard identity != 0 else { return }
        clinux_epoll_remove(descriptor, watch.pointee.descriptor)
        let thread = lamina_this_thread()
        while true {
            let isRunningElsewhere = state.withLock { state in
                state.watches[identity] = nil
                return state.running == identity && state.runner != thread
            }
            guard isRunningElsewhere else { return }
            sched_yield()
        }
    }
}
