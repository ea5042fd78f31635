import CLamina
import CLinux
import Glibc

/// One thread's part of an engine: the descriptors, timers and posts of its sockets.
final class EngineLoop: @unchecked Sendable {
    // `state` is locked; `words` are read and written by atomic operations; the rest is constant.
    private struct State {
        var posts: [Work] = []
        var timers = TimerQueue()
        var watches: WatchTable
        var isThreadStarted = false
        var isRunning = false
        /// What the clock is set to, 0 once it has rung.
        var alarm: Int64 = 0
    }

    private struct Words {
        /// The identity of the watch whose function runs.
        var running: UInt64 = 0
        /// The thread that runs it, by its marks.
        var runner: UnsafeMutablePointer<lamina_thread>?
        /// Whether the thread waits, or is about to: then a post must wake it.
        var isAsleep: UInt32 = 1
        /// How often the process has forked: a thread of an earlier epoch serves no more.
        var epoch: UInt32 = 0
        var sockets: UInt32 = 0
    }

    typealias PostFunction = @convention(c) (UnsafeMutableRawPointer?) -> Void

    /// What is run once. A closure goes with the loop if its time never comes.
    enum Work {
        case call(PostFunction, UnsafeMutableRawPointer?)
        case closure(() -> Void)

        func run() {
            switch self {
            case .call(let function, let context): function(context)
            case .closure(let body): body()
            }
        }
    }

    /// Becomes readable when `run` has something to do.
    let descriptor: Int32
    private let wakeUp: Int32
    /// Makes the descriptor readable when a timer of a loop that the program runs is due.
    private let clock: Int32
    private let ownThread: Bool
    private let state: Locked<State>
    private let watches: WatchTable.Look
    private let words: UnsafeMutablePointer<Words>
    /// Held by the thread that runs the loop while it does anything but wait, so that a fork finds it at rest.
    private let activity: UnsafeMutablePointer<clinux_fork_lock>

    init(ownThread: Bool) {
        self.ownThread = ownThread
        descriptor = clinux_epoll_create()
        wakeUp = clinux_eventfd()
        clock = ownThread ? -1 : clinux_timerfd()
        words = .allocate(capacity: 1)
        words.initialize(to: Words())
        let table = WatchTable()
        watches = table.look
        state = Locked(State(watches: table))
        activity = .allocate(capacity: 1)
        clinux_fork_lock_begin(activity, nil, nil)
        watchOwn()
    }

    deinit {
        close(descriptor)
        close(wakeUp)
        if clock >= 0 { close(clock) }
        state.withLock { $0.watches.destroy() }
        words.deallocate()
        clinux_fork_lock_end(activity)
        activity.deallocate()
    }

    /// Whether the system gave all descriptors.
    var isWhole: Bool { descriptor >= 0 && wakeUp >= 0 && (ownThread || clock >= 0) }

    /// What stands for the loop's own descriptors.
    private static let wakeUpIdentity: UInt64 = 0
    private static let clockIdentity = UInt64.max

    /// Both tell each edge, so that nobody has to read them.
    private func watchOwn() {
        let events = UInt32(clinux_epoll_in) | clinux_epoll_edge
        _ = clinux_epoll_add(descriptor, wakeUp, events, Self.wakeUpIdentity)
        if clock >= 0 { _ = clinux_epoll_add(descriptor, clock, events, Self.clockIdentity) }
    }

    /// In a child process: begins anew, with a thread of its own. One that forked while it served the loop is none of
    /// the engine's any more.
    func beginChild() {
        if ownThread, isOnOwnThread { lamina_add_engines(-1) }
        _ = clinux_add_u32(&words.pointee.epoch, 1)
        clinux_replace_descriptor(clinux_epoll_create(), descriptor)
        clinux_replace_descriptor(clinux_eventfd(), wakeUp)
        if clock >= 0 { clinux_replace_descriptor(clinux_timerfd(), clock) }
        state.withLock { state in
            state.watches.endAll()
            state = State(watches: state.watches)
        }
        clinux_store_u64(&words.pointee.running, 0)
        clinux_store_u32(&words.pointee.isAsleep, 1)
        clinux_store_pointer(&words.pointee.runner, nil)
        watchOwn()
    }

    // MARK: - Sockets

    var socketCount: UInt32 { clinux_load_u32(&words.pointee.sockets) }

    func addSocket() { _ = clinux_add_u32(&words.pointee.sockets, 1) }

    func removeSocket() { _ = clinux_add_u32(&words.pointee.sockets, -1) }

    // MARK: - Running

    /// `Engine.run`, of a loop that the program runs.
    func run(timeout: Int64?) -> Int {
        let wait = state.withLock { state -> Int32? in
            guard !state.isRunning else { return nil }
            state.isRunning = true
            clinux_store_pointer(&words.pointee.runner, lamina_this_thread())
            return settle(&state, atMost: timeout) ?? 0
        }
        guard let wait else { return 0 }
        lamina_add_engines(1)
        clinux_fork_lock_take(activity)
        var done = poll(wait)
        if !stop(isLast: false) {
            done += runDue()
            _ = stop(isLast: true)
        }
        clinux_fork_lock_give(activity)
        lamina_add_engines(-1)
        return done
    }

    /// Ends a run, unless something is due and it isn't the last time to ask.
    private func stop(isLast: Bool) -> Bool {
        state.withLock { state in
            let hasSettled = settle(&state, atMost: nil) != nil
            guard hasSettled || isLast else { return false }
            state.isRunning = false
            clinux_store_pointer(&words.pointee.runner, nil)
            clinux_store_u32(&words.pointee.isAsleep, 1)
            // For the next run.
            if !hasSettled { clinux_eventfd_signal(wakeUp) }
            return true
        }
    }

    /// Serves, on a thread of the loop's own.
    private func serve() {
        clinux_fork_lock_take(activity)
        clinux_enter_own_code()
        lamina_add_engines(1)
        clinux_store_pointer(&words.pointee.runner, lamina_this_thread())
        state.withLock { $0.isRunning = true }
        let epoch = clinux_load_u32(&words.pointee.epoch)
        while clinux_load_u32(&words.pointee.epoch) == epoch {
            var wait = state.withLock { settle(&$0, atMost: nil) }
            if wait == nil {
                _ = runDue()
                wait = state.withLock { settle(&$0, atMost: nil) }
            }
            _ = poll(wait ?? 0)
        }
    }

    /// How long to wait for events, in milliseconds, -1 for good; from now on a post wakes the loop. Nil: something is
    /// due.
    private func settle(_ state: inout State, atMost timeout: Int64?) -> Int32? {
        guard state.posts.isEmpty else { return nil }
        var wait = timeout
        if let due = state.timers.first {
            let rest = due - clinux_monotonic()
            guard rest > 0 else { return nil }
            wait = wait.map { min($0, rest) } ?? rest
            setAlarm(&state)
        }
        clinux_store_u32(&words.pointee.isAsleep, 1)
        return wait.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
    }

    /// Waits for events and hands them out.
    private func poll(_ wait: Int32) -> Int {
        withUnsafeTemporaryAllocation(of: clinux_epoll_event.self, capacity: 64) { events in
            guard let base = events.baseAddress else { return 0 }
            clinux_fork_lock_give(activity)
            let count = Int(clinux_epoll_wait(descriptor, base, 64, wait))
            clinux_fork_lock_take(activity)
            clinux_store_u32(&words.pointee.isAsleep, 0)
            var done = 0
            for index in 0..<max(count, 0) {
                switch base[index].identity {
                case Self.wakeUpIdentity: break
                case Self.clockIdentity: state.withLock { $0.alarm = 0 }
                default:
                    dispatch(base[index].identity, base[index].events)
                    done += 1
                }
            }
            return done
        }
    }

    /// Whoever ends an identity sees that its function runs, or the function isn't called: each writes before it reads.
    private func dispatch(_ identity: UInt64, _ events: UInt32) {
        clinux_store_u64(&words.pointee.running, identity)
        if let watch = watches.watch(identity) { watch.pointee.function(watch, events) }
        // In a child process another thread may serve by now.
        _ = clinux_replace_u64(&words.pointee.running, identity, 0)
    }

    private func runDue() -> Int {
        runTimers() + runPosts()
    }

    private func runTimers() -> Int {
        var done = 0
        while true {
            // A request whose deadline passed is taken under the lock, so that its completion can't be over before.
            enum Due { case work(Work), taken(Request), nothing }
            let due = state.withLock { state -> Due? in
                guard let timer = state.timers.popDue(at: clinux_monotonic) else {
                    setAlarm(&state)
                    return nil
                }
                switch timer {
                case .work(let work): return .work(work)
                case .deadline(let request):
                    return Completion.take(request, because: UInt32(LAMINA_STATE_EXPIRED)) ? .taken(request) : .nothing
                }
            }
            switch due {
            case nil: return done
            case .work(let work): work.run()
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
        for post in posts { post.run() }
        return posts.count
    }

    /// Whether this is the thread that runs the loop now.
    private var isOnOwnThread: Bool {
        clinux_load_pointer(&words.pointee.runner) == UnsafeMutableRawPointer(lamina_this_thread())
    }

    /// Sees to it that the loop looks for what is due.
    private func wake() {
        if ownThread { startThread() }
        if clinux_load_u32(&words.pointee.isAsleep) != 0 { clinux_eventfd_signal(wakeUp) }
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
        let loop = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<EngineLoop>.fromOpaque(context).takeUnretainedValue().serve()
                return nil
            },
            loop
        )
        pthread_sigmask(SIG_SETMASK, &old, nil)
        if status == 0 {
            pthread_detach(thread)
        } else {
            state.withLock { $0.isThreadStarted = false }
            Unmanaged<EngineLoop>.fromOpaque(loop).release()
            Output.log(.error, "engine", "no thread can be started: \(String(cString: strerror(status)))")
        }
    }

    // MARK: - For the framework and, by upcalls, for providers

    /// Runs `function` soon, in the order of the posts.
    func post(_ function: @escaping PostFunction, _ context: UnsafeMutableRawPointer?) -> lamina_status {
        post(.call(function, context))
        return 0
    }

    /// Runs `function` at a time.
    func post(at when: Int64, _ function: @escaping PostFunction, _ context: UnsafeMutableRawPointer?) {
        post(.call(function, context), at: when)
    }

    /// Runs `body` soon, or at a time. For what is seldom: it allocates.
    func run(at when: Int64? = nil, _ body: @escaping () -> Void) {
        if let when { post(.closure(body), at: when) } else { post(.closure(body)) }
    }

    private func post(_ work: Work) {
        let isFirst = state.withLock { state in
            state.posts.append(work)
            return state.posts.count == 1
        }
        if isFirst { wake() }
    }

    private func post(_ work: Work, at when: Int64) {
        insert(when) { state in _ = state.timers.insert(.work(work), at: when) }
    }

    func watchDeadline(of request: Request) {
        let when = request.pointee.deadline
        insert(when) { state in
            let identity = state.timers.insert(.deadline(request), at: when)
            request.pointee.framework.3 = UnsafeMutableRawPointer(bitPattern: UInt(identity))
        }
    }

    private func insert(_ when: Int64, _ body: (inout State) -> Void) {
        let isFirst = state.withLock { state in
            body(&state)
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

    /// Events that come once, unless each edge is asked for.
    private static func events(_ asked: UInt32) -> UInt32 {
        asked & clinux_epoll_edge != 0 ? asked : asked | UInt32(clinux_epoll_one_shot)
    }

    func add(_ watch: UnsafeMutablePointer<lamina_watch>, _ events: UInt32) -> lamina_status {
        guard let identity = state.withLock({ $0.watches.add(watch) }) else { return -ENOMEM }
        watch.pointee.framework.0 = UnsafeMutableRawPointer(bitPattern: UInt(identity))
        let status = clinux_epoll_add(descriptor, watch.pointee.descriptor, Self.events(events), identity)
        if status < 0 { end(identity) }
        if status == 0, ownThread { startThread() }
        return status
    }

    func rearm(_ watch: UnsafeMutablePointer<lamina_watch>, _ events: UInt32) -> lamina_status {
        let identity = UInt64(UInt(bitPattern: watch.pointee.framework.0))
        return clinux_epoll_change(descriptor, watch.pointee.descriptor, Self.events(events), identity)
    }

    func remove(_ watch: UnsafeMutablePointer<lamina_watch>) {
        let identity = UInt64(UInt(bitPattern: watch.pointee.framework.0))
        guard identity != 0 else { return }
        clinux_epoll_remove(descriptor, watch.pointee.descriptor)
        end(identity)
    }

    /// Ends a watch; waits while its function runs on another thread.
    private func end(_ identity: UInt64) {
        let isFirst = watches.end(identity)
        while clinux_load_u64(&words.pointee.running) == identity, !isOnOwnThread { sched_yield() }
        if isFirst { state.withLock { $0.watches.giveBack(identity) } }
    }
}
