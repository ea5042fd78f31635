import CLamina
import CLinux
import Glibc
import LaminaProvider

/// The threads on which the system's resolver runs: started when there is work, gone when there has been none for a
/// while.
enum ResolverPool {
    private static let mostThreads = 8
    private static let idleSeconds = 10

    private struct State {
        var mutex = pthread_mutex_t()
        var work = pthread_cond_t()
        var first: UnsafeMutablePointer<ResolveJob>?
        var last: UnsafeMutablePointer<ResolveJob>?
        var threads = 0
        var idle = 0
        /// Whose threads they are: a child of fork has none of its parent's.
        var process: pid_t = 0
    }

    // Guarded by its own mutex.
    nonisolated(unsafe) private static let pool: UnsafeMutablePointer<State> = {
        let pool = UnsafeMutablePointer<State>.allocate(capacity: 1)
        pool.initialize(to: State())
        begin(pool)
        return pool
    }()

    private static func begin(_ pool: UnsafeMutablePointer<State>) {
        pool.pointee = State()
        pool.pointee.process = getpid()
        pthread_mutex_init(&pool.pointee.mutex, nil)
        pthread_cond_init(&pool.pointee.work, nil)
    }

    static func lock() { pthread_mutex_lock(&pool.pointee.mutex) }

    static func unlock() { pthread_mutex_unlock(&pool.pointee.mutex) }

    /// Queues a job. 0, or a negative errno if no thread can be had for it.
    static func submit(_ job: UnsafeMutablePointer<ResolveJob>) -> Int32 {
        if pool.pointee.process != getpid() { begin(pool) }
        lock()
        defer { unlock() }
        if pool.pointee.idle == 0, pool.pointee.threads < mostThreads {
            let started = startThread()
            guard started || pool.pointee.threads > 0 else { return -EAGAIN }
        }
        job.pointee.isQueued = true
        job.pointee.next = nil
        if let last = pool.pointee.last { last.pointee.next = job } else { pool.pointee.first = job }
        pool.pointee.last = job
        pthread_cond_signal(&pool.pointee.work)
        return 0
    }

    /// Starts one with every signal blocked: the program's handlers run on its own threads.
    private static func startThread() -> Bool {
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
        work()
        return nil
    }

    /// Takes a job back that no thread has begun; under the lock. False: one has.
    static func remove(_ job: UnsafeMutablePointer<ResolveJob>) -> Bool {
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
        return true
    }

    private static func work() {
        lock()
        while true {
            if let job = pool.pointee.first {
                _ = remove(job)
                unlock()
                job.run()
                job.deliver()
                lock()
            } else if !waitForWork() {
                break
            }
        }
        pool.pointee.threads -= 1
        unlock()
    }

    /// Under the lock. False: there was nothing for long.
    private static func waitForWork() -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += idleSeconds
        pool.pointee.idle += 1
        let result = pthread_cond_timedwait(&pool.pointee.work, &pool.pointee.mutex, &until)
        pool.pointee.idle -= 1
        return result != ETIMEDOUT || pool.pointee.first != nil
    }
}

extension UnsafeMutablePointer<ResolveJob> {
    /// Runs for a connect, whose lane it wakes.
    func start(waking lane: UnsafeMutablePointer<Lane>) {
        pointee.waiter = .lane(lane)
        let status = ResolverPool.submit(self)
        guard status < 0 else { return }
        pointee.status = status
        clinux_store_u32(field(\.isFinished), 1)
    }

    /// The answer isn't wanted any more; afterwards the job is gone, or goes when its thread has done with it.
    func abandon() {
        ResolverPool.lock()
        let isMine = hasFinished || ResolverPool.remove(self)
        pointee.isAbandoned = true
        ResolverPool.unlock()
        if isMine { discard() }
    }

    /// Tells whoever waits; on the pool's thread.
    fileprivate func deliver() {
        ResolverPool.lock()
        guard !pointee.isAbandoned else {
            ResolverPool.unlock()
            return discard()
        }
        clinux_store_u32(field(\.isFinished), 1)
        switch pointee.waiter {
        case .nobody:
            ResolverPool.unlock()
        case .lane(let lane):
            // Under the lock the connect can't have given the job back, so its lane is still there.
            let group = lane.pointee.group
            let isOpen = group.pin()
            ResolverPool.unlock()
            guard isOpen else { return }
            lane.wake()
            group.release()
        case .request(let slot, let request):
            // Where a cancel has the request, it gives the job back.
            let isOurs = lamina_request_claim(request) != 0
            ResolverPool.unlock()
            if isOurs { Resolve.complete(self, slot, request) }
        }
    }
}
