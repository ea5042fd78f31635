import CLamina
import CLinux
import Glibc

/// The threads on which the system's resolver runs: started when there is work, gone when there has been none for a
/// while.
///
/// A thread whose question nobody wants any more can't be stopped. It is abandoned, and another takes its place, so that
/// questions which never end don't stop the others.
enum ResolverPool {
    /// How many threads ask questions that somebody wants.
    private static let mostThreads = 8
    /// How many may be abandoned at a time.
    private static let mostAbandoned = 32
    /// How many questions may wait for a thread.
    private static let mostQueued = 1024
    private static let idleSeconds = 10

    private struct State {
        var first: UnsafeMutablePointer<ResolveJob>?
        var last: UnsafeMutablePointer<ResolveJob>?
        var queued = 0
        /// All threads, those that wait for work, and those that were abandoned.
        var threads = 0
        var idle = 0
        var abandoned = 0
        /// Which process the threads belong to: a child of fork has none of its parent's.
        var epoch: UInt32 = 0
        /// Posted once for each question; where an idle thread waits.
        var work = sem_t()
    }

    // Guarded by the lock.
    nonisolated(unsafe) private static let pool: UnsafeMutablePointer<State> = {
        let pool = UnsafeMutablePointer<State>.allocate(capacity: 1)
        pool.initialize(to: State())
        sem_init(&pool.pointee.work, 0, 0)
        return pool
    }()

    private static let lock = PluginLock {
        let epoch = pool.pointee.epoch
        pool.pointee = State()
        pool.pointee.epoch = epoch + 1
        sem_init(&pool.pointee.work, 0, 0)
    }

    /// Queues a job. 0, or a negative errno if no thread can be had for it, or too many wait.
    static func submit(_ job: UnsafeMutablePointer<ResolveJob>) -> Int32 {
        lock.locked {
            guard pool.pointee.queued < mostQueued else { return -EAGAIN }
            if pool.pointee.idle <= pool.pointee.queued, !startThread(), pool.pointee.threads == 0 { return -EAGAIN }
            job.pointee.epoch = pool.pointee.epoch
            job.pointee.isQueued = true
            job.pointee.next = nil
            if let last = pool.pointee.last { last.pointee.next = job } else { pool.pointee.first = job }
            pool.pointee.last = job
            pool.pointee.queued += 1
            sem_post(&pool.pointee.work)
            return 0
        }
    }

    /// Starts one, where another may run, with every signal blocked: the program's handlers run on its own threads.
    private static func startThread() -> Bool {
        let abandoned = min(pool.pointee.abandoned, mostAbandoned)
        guard pool.pointee.threads - abandoned < mostThreads else { return false }
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        guard pthread_create(&thread, nil, main, nil) == 0 else { return false }
        pthread_detach(thread)
        pool.pointee.threads += 1
        return true
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
        while let job = next() {
            job.run()
            deliver(job)
        }
        return nil
    }

    /// The next question; waits for one. Nil: there was none for long.
    private static func next() -> UnsafeMutablePointer<ResolveJob>? {
        lock.locked { pool.pointee.idle += 1 }
        while true {
            let hasCome = waitForWork()
            let (job, goesOn) = lock.locked { () -> (UnsafeMutablePointer<ResolveJob>?, Bool) in
                if let job = pool.pointee.first {
                    _ = remove(job)
                    job.pointee.isRunning = true
                    pool.pointee.idle -= 1
                    return (job, false)
                }
                // What it was woken for has been taken back.
                guard !hasCome else { return (nil, true) }
                pool.pointee.idle -= 1
                pool.pointee.threads -= 1
                return (nil, false)
            }
            if !goesOn { return job }
        }
    }

    private static func waitForWork() -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += idleSeconds
        while sem_timedwait(&pool.pointee.work, &until) < 0 {
            if errno != EINTR { return false }
        }
        return true
    }

    /// Takes a job back that no thread has begun; under the lock. False: one has.
    private static func remove(_ job: UnsafeMutablePointer<ResolveJob>) -> Bool {
        guard job.pointee.isQueued else { return false }
        var before: UnsafeMutablePointer<ResolveJob>?
        var current = pool.pointee.first
        while let candidate = current, candidate != job {
            before = candidate
            current = candidate.pointee.next
        }
        let next = job.pointee.next
        if let before { before.pointee.next = next } else { pool.pointee.first = next }
        if pool.pointee.last == job { pool.pointee.last = before }
        job.pointee.isQueued = false
        pool.pointee.queued -= 1
        return true
    }

    /// The answer to a job isn't wanted any more. True: the job is the caller's; else it goes when its thread has done
    /// with it.
    fileprivate static func abandon(_ job: UnsafeMutablePointer<ResolveJob>) -> Bool {
        lock.locked {
            // No thread of this process has what the parent asked.
            guard job.pointee.epoch == pool.pointee.epoch else { return true }
            if job.hasFinished || remove(job) || !job.pointee.isRunning { return true }
            job.pointee.isAbandoned = true
            pool.pointee.abandoned += 1
            // Those that wait behind it need not wait for it.
            if pool.pointee.queued > pool.pointee.idle { _ = startThread() }
            return false
        }
    }

    /// Whom to tell of an answer.
    private enum Delivery {
        case nobody
        case discard
        case wake(UnsafeMutablePointer<Lane>)
        case complete(UnsafeMutablePointer<lamina_slot>, UnsafeMutablePointer<lamina_request>)
    }

    private static func deliver(_ job: UnsafeMutablePointer<ResolveJob>) {
        let delivery = lock.locked { () -> Delivery in
            if job.pointee.isAbandoned {
                pool.pointee.abandoned -= 1
                return .discard
            }
            clinux_store_u32(job.field(\.isFinished), 1)
            switch job.pointee.waiter {
            case .nobody: return .nobody
            case .lane(let lane):
                // Under the lock the operation can't have given the job back, so its lane is still there.
                return lane.pointee.group.pin() ? .wake(lane) : .nobody
            case .request(let slot, let request):
                // Where a cancel has the request, it gives the job back.
                return lamina_request_claim(request) != 0 ? .complete(slot, request) : .nobody
            }
        }
        switch delivery {
        case .nobody: break
        case .discard: job.discard()
        case .wake(let lane):
            let group = lane.pointee.group
            lane.wake()
            group.release()
        case .complete(let slot, let request): SystemResolver.complete(job, slot, request)
        }
    }
}

extension UnsafeMutablePointer<ResolveJob> {
    /// Runs for an operation, whose lane it wakes.
    public func start(waking lane: UnsafeMutablePointer<Lane>) {
        pointee.waiter = .lane(lane)
        let status = ResolverPool.submit(self)
        guard status < 0 else { return }
        pointee.status = status
        clinux_store_u32(field(\.isFinished), 1)
    }

    /// The answer isn't wanted any more; afterwards the job is gone, or goes when its thread has done with it.
    public func abandon() {
        if ResolverPool.abandon(self) { discard() }
    }
}
