import CLinux
import Glibc
import Lamina

/// Checks rules in child processes, several at a time, and hands out the results in the order of the rules.
final class Children: @unchecked Sendable {
    // What was asked is constant, what has come is guarded by the lock; the semaphores guard themselves.

    /// One rule for one provider.
    struct Task: Sendable {
        let provider: String
        let rule: Rule
        /// What the child is told.
        let order: String
    }

    private typealias Outcome = Swift.Result<RuleResult, LaminaError>

    private let tasks: [Task]
    private let helper: [String]
    private let timeout: Int64
    private let next = Locked(0)
    private let outcomes: Locked<[Outcome?]>
    /// One for each task, posted when its outcome has come.
    private let ends: UnsafeMutablePointer<sem_t>

    init(_ tasks: [Task], helper: [String], timeout: Int64) {
        self.tasks = tasks
        self.helper = helper
        self.timeout = timeout
        outcomes = Locked(Array(repeating: nil, count: tasks.count))
        ends = .allocate(capacity: max(tasks.count, 1))
        for index in tasks.indices { sem_init(ends + index, 0, 0) }
    }

    deinit {
        for index in tasks.indices { sem_destroy(ends + index) }
        ends.deallocate()
    }

    /// How many children there are at a time: checks wait more than they compute.
    static var usual: Int { max(2, 2 * sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Runs all, `count` at a time, and hands each result out as soon as the ones before it have come.
    func run(atATime count: Int, each: (RuleResult) -> Void) throws(LaminaError) -> [RuleResult] {
        let workers = (0..<min(max(count, 1), tasks.count)).map { _ in Worker { self.work() } }
        defer {
            next.withLock { $0 = tasks.count }
            for worker in workers { worker.join() }
        }
        var results: [RuleResult] = []
        for index in tasks.indices {
            while sem_wait(ends + index) < 0 && errno == EINTR {}
            guard let outcome = outcomes.withLock({ $0[index] }) else { continue }
            let result = try outcome.get()
            results.append(result)
            each(result)
        }
        return results
    }

    private func work() {
        while true {
            let index = next.withLock { next in
                defer { next += 1 }
                return next
            }
            guard index < tasks.count else { return }
            let outcome = outcome(of: tasks[index])
            outcomes.withLock { $0[index] = outcome }
            sem_post(ends + index)
        }
    }

    private func outcome(of task: Task) -> Outcome {
        do throws(LaminaError) {
            let child = try HelperProcess(helper + [task.order])
            let report = Report(child.collect(until: clinux_monotonic() + timeout))
            if let error = report.error { return .failure(error) }
            if let result = report.result { return .success(result) }
            let verdict = RuleResult.Verdict.failed(
                entry: report.place ?? "process",
                seen: report.cause(timeout),
                remedy: "run it in one process, under a debugger or a sanitizer (LaminaConformance, Conformance.run())"
            )
            return .success(RuleResult(provider: task.provider, rule: task.rule, verdict: verdict))
        } catch {
            return .failure(error)
        }
    }
}
