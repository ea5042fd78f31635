import CLinux
import Glibc
import Lamina

/// The process behind `lamina run`: starts worker and program, serves the guard, and ends as the program ended. It
/// loads no plug-in and has one thread.
final class Supervisor {
    /// How many workers in a row may be ended from outside before new connections are refused.
    private static let workers = 5
    /// How long a worker may take to finish, in milliseconds.
    private var grace: Int32 { Int32(clamping: (run.forward?.drainTime ?? Worker.drainTime) + 2000) }

    /// What is run; layers that crashed and aren't required are gone from it.
    private var run: Run
    /// Nil where no program is run.
    private let launch: Launch?
    private let signals: Signals
    private let front: Front
    private var isOpen = true
    private let output: Int32?
    private let loop: EventLoop
    private var synthetics: SyntheticPool
    private var control: ControlServer?
    private var worker: WorkerProcess?
    private var workersLeft = Supervisor.workers
    private var program: pid_t = -1
    private var status: ExitStatus?
    private var isGuarding = true

    /// Checks everything that can be checked before anything starts.
    init(_ run: Run) throws {
        if clinux_thread_count() > 1 {
            throw LaunchFailure.refused("a run starts from a process with one thread, and this one has more")
        }
        if Process.isUnderRun {
            throw LaunchFailure.refusedProgram("this process is in a run already; one run can't stand inside another")
        }
        WorkerProcess.reserveStreams()
        self.run = run
        self.run.coverage.always = run.synthetics.networks
        synthetics = SyntheticPool(run.synthetics)
        launch = run.forward == nil ? try Launch(run) : nil
        output = try run.output.map(Supervisor.openOutput)
        do throws(Errno) {
            signals = try Signals()
            loop = try EventLoop()
        } catch {
            throw LaunchFailure.refused("a run needs an epoll and a signal descriptor: \(error.text)")
        }
        if let plan = run.forward {
            front = .listener(try ForwardListener(plan.listen))
            return
        }
        do throws(Errno) {
            front = .program(try Rendezvous())
        } catch {
            throw LaunchFailure.refused("a run needs loopback sockets: \(error.text)")
        }
    }

    private static func openOutput(_ path: String) throws(LaunchFailure) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o666)
        if descriptor < 0 { throw .refused("\(path): it can't be written (\(Errno.last.text)); name another file") }
        return descriptor
    }

    /// Runs the program to its end, or forwards until a signal.
    func serve() throws -> ExitStatus {
        defer { closeFront() }
        try startWorker()
        // Nobody but the program needs a worker.
        defer { endWorker() }
        control = ControlServer(for: run, loop)
        defer { control?.close() }
        switch (front, launch) {
        case (.program(let rendezvous), let launch?):
            let spawned = try launch.start(
                rendezvous,
                run.coverage,
                control: control?.socket.path,
                signals: signals
            )
            program = spawned.process
            control?.process = program
            // The program has its own limit by now; each call that the guard carries takes a few.
            Process.allowDescriptors()
            WorkerProcess.detachStreams()
            try supervise(spawned.listener, rendezvous)
        case (.listener(let listener), _):
            guard listener.announce() else { throw LaunchFailure.refused("standard output can't be written to") }
            WorkerProcess.detachStreams()
            try forward()
        case (.program, nil): break
        }
        return status ?? .exited(125)
    }

    /// Forwards until a signal asks for the end.
    private func forward() throws(Errno) {
        try loop.watch(signals.descriptor, EventLoop.readable) { [unowned self] _ in takeSignals() }
        try watchWorker()
        loop.run()
        // Nobody else is to connect while the worker finishes.
        closeFront()
    }

    private func closeFront() {
        if isOpen { front.close() }
        isOpen = false
    }

    /// Takes no more connections: no worker can carry them.
    private func refuseConnections() {
        closeFront()
        if launch == nil {
            status = .exited(125)
            loop.stop()
        }
    }

    // MARK: - The worker

    /// Starts a worker and waits until its chain is loaded; one after another, while layers crash that aren't required.
    private func startWorker() throws {
        do {
            var isReady = false
            while !isReady {
                let worker = try WorkerProcess(
                    run,
                    changes: control?.changes ?? RunChanges(),
                    front: front,
                    output: output,
                    synthetics: synthetics
                )
                self.worker = worker
                isReady = try awaitReport(worker)
            }
        } catch let error as Errno {
            throw LaunchFailure.refused("no worker process could be started: \(error.text)")
        }
    }

    /// Quarantines the library that crashed, where the catalog named it; what is to be said of that.
    private func quarantine(_ crash: Crash) -> String {
        do throws(LaminaError) {
            guard let name = try crash.quarantine(in: run).first else { return "" }
            return "; \(name) is quarantined until its file changes or lamina clear \(name)"
        } catch {
            return "; it could not be quarantined (\(error))"
        }
    }

    /// What follows from a crash: the library is quarantined, and its layers are left out where none of them is required.
    private func handle(_ crash: Crash) -> (remark: String, isLeftOut: Bool) {
        let remark = quarantine(crash)
        let layers = crash.layers(in: run)
        guard !layers.isEmpty, layers.allSatisfy({ $0.required == false }) else { return (remark, false) }
        run.layers.removeAll { layer in layers.contains(layer) }
        return ("; the run goes on without \(layers.map(\.label).joined(separator: ", "))\(remark)", true)
    }

    /// Whether the chain is loaded; if not, another worker is to be started without a layer.
    private func awaitReport(_ worker: WorkerProcess) throws -> Bool {
        while true {
            var descriptors = [
                pollfd(fd: worker.control, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            poll(&descriptors, 2, -1)
            if descriptors[0].revents != 0 { break }
            while let signal = signals.next() {
                guard [SIGINT, SIGQUIT, SIGTERM, SIGHUP].contains(signal.number), program < 0 else { continue }
                discardWorker()
                ExitStatus.killed(signal.number).leave()
            }
        }
        switch worker.report() {
        case .ready(let asked):
            // A program that runs knows what its first worker said; another one has the same levels, or fewer.
            if program < 0 { run.coverage.asked = asked }
            return true
        case .failed(let message):
            discardWorker()
            throw LaunchFailure.refused(message)
        case .crashed(let crash):
            discardWorker()
            let message = "the worker \(crash.description(in: run)) while it loaded \(run.labels)"
            let (remark, isLeftOut) = handle(crash)
            guard isLeftOut else { throw LaunchFailure.refused(message + remark) }
            say(message + remark)
            return false
        case .silent:
            let ending = WorkerProcess.ending(discardWorker())
            throw LaunchFailure.refused("the worker \(ending) while it loaded \(run.labels)")
        }
    }

    /// Ends the worker at once; its wait status.
    @discardableResult
    private func discardWorker() -> Int32 {
        guard let worker else { return 0 }
        self.worker = nil
        worker.disconnect()
        kill(worker.process, SIGKILL)
        var status: Int32 = 0
        while waitpid(worker.process, &status, 0) < 0 && errno == EINTR {}
        return status
    }

    /// Lets the worker deliver what the program has sent, and waits for its end.
    private func endWorker() {
        guard let worker else { return }
        shutdown(worker.control, Int32(SHUT_WR))
        // Nobody answers it any more.
        shutdown(worker.names, Int32(SHUT_RDWR))
        defer { worker.disconnect() }
        self.worker = nil
        var isKilled = false
        while true {
            var status: Int32 = 0
            let ended = waitpid(worker.process, &status, WNOHANG)
            if ended == worker.process && status != 0 && !isKilled {
                let report = worker.report()
                let cause = cause(of: status, report)
                var remark = ""
                if case .crashed(let crash) = report { remark = quarantine(crash) }
                say("the worker \(cause): its connections were reset\(remark)")
            }
            if ended == worker.process || ended < 0 && errno != EINTR { return }
            var descriptor = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
            let isLate = poll(&descriptor, 1, grace) == 0
            var isUnwanted = false
            while let signal = signals.next() {
                isUnwanted = isUnwanted || [SIGINT, SIGQUIT, SIGTERM, SIGHUP].contains(signal.number)
            }
            if isLate || isUnwanted {
                isKilled = true
                kill(worker.process, SIGKILL)
            }
        }
    }

    /// How a worker ended, and in what, as the end of a sentence.
    private func cause(of status: Int32, _ report: WorkerProcess.Report) -> String {
        if case .crashed(let crash) = report { return crash.description(in: run) }
        return "\(WorkerProcess.ending(status)) in \(run.labels)"
    }

    /// The worker has died. What its layers had open is reset with it; another one takes its place, unless a layer
    /// brought it down that is required.
    private func replaceWorker(_ status: Int32) {
        guard let dead = worker else { return }
        let report = dead.report()
        loop.forget(dead.names)
        control?.detach()
        dead.disconnect()
        worker = nil
        synthetics.workerEnded()
        workersLeft -= 1
        let ending = WorkerProcess.ending(status)
        var isCrash = Signals.crashes.contains(clinux_kill_signal(status)) || clinux_exit_code(status) >= 0
        let cause = cause(of: status, report)
        var remark = ""
        if case .crashed(let crash) = report {
            let (said, isLeftOut) = handle(crash)
            remark = said
            if isLeftOut { isCrash = false }
        }
        if isCrash || workersLeft == 0 {
            refuseConnections()
            say("the worker \(cause): its connections were reset, and new ones are refused\(remark)")
            return
        }
        do {
            try startWorker()
            try watchWorker()
            let said = remark.isEmpty ? ending : cause
            say("the worker \(said): its connections were reset, and another has taken its place\(remark)")
        } catch {
            refuseConnections()
            let reason = (error as? LaunchFailure)?.message ?? "\(error)"
            say("the worker \(ending), and no other could start (\(reason)): new connections are refused")
        }
    }

    // MARK: - The program

    /// Serves until the program has ended, and with it every process that the filter is on.
    private func supervise(_ listener: Int32, _ rendezvous: Rendezvous) throws(Errno) {
        let guardian = Guard(rendezvous, loop, run.coverage, allowsUncovered: run.allowsUncovered)
        try loop.watch(listener, EventLoop.readable) { [unowned self] events in
            if events & EventLoop.readable != 0 { guardian.serve(listener) }
            if events & (EventLoop.hungUp | EventLoop.failed) != 0 {
                loop.forget(listener)
                isGuarding = false
                stopIfOver()
            }
        }
        try loop.watch(signals.descriptor, EventLoop.readable) { [unowned self] _ in takeSignals() }
        try watchWorker()
        loop.run()
        close(listener)
    }

    /// Answers the worker's questions from now on.
    private func watchWorker() throws(Errno) {
        guard let worker else { return }
        control?.attach(worker)
        try loop.watch(worker.names, EventLoop.readable) { [unowned self] _ in
            if !synthetics.serve(worker.names) { loop.forget(worker.names) }
        }
    }

    private func stopIfOver() {
        if !isGuarding && status != nil { loop.stop() }
    }

    private func takeSignals() {
        while let signal = signals.next() {
            switch signal.number {
            case SIGCHLD: reap()
            case _ where launch == nil: takeForwardsSignal(signal.number)
            case SIGCONT: if status == nil && Process.isStopped(program) { kill(program, SIGCONT) }
            default: if signal.isForwarded && status == nil { kill(program, signal.number) }
            }
        }
    }

    /// What a signal does where no program gets it.
    private func takeForwardsSignal(_ number: Int32) {
        switch number {
        case SIGINT, SIGQUIT, SIGTERM, SIGHUP:
            status = .exited(0)
            loop.stop()
        case SIGTSTP: clinux_stop_by_signal(SIGTSTP)
        default: break
        }
    }

    private func reap() {
        while true {
            var ended: Int32 = 0
            let process = waitpid(-1, &ended, WNOHANG | WUNTRACED)
            if process <= 0 { return }
            if process == program {
                note(ended)
            } else if let worker, process == worker.process, clinux_stop_signal(ended) < 0 {
                replaceWorker(ended)
            }
        }
    }

    /// A program that stops stops this process too, so that its shell gets the terminal back.
    private func note(_ ended: Int32) {
        if clinux_stop_signal(ended) >= 0 {
            clinux_stop_by_signal(clinux_stop_signal(ended))
        } else if clinux_exit_code(ended) >= 0 {
            status = .exited(clinux_exit_code(ended))
        } else if clinux_kill_signal(ended) >= 0 {
            status = .killed(clinux_kill_signal(ended))
        }
        stopIfOver()
    }
}

extension WorkerProcess {
    /// What a wait status says, as the end of a sentence.
    static func ending(_ status: Int32) -> String {
        let signal = clinux_kill_signal(status)
        return signal >= 0
            ? "died by \(CrashRecord.name(ofSignal: signal))" : "ended with code \(clinux_exit_code(status))"
    }
}

extension Run {
    /// The layers, as a part of a sentence.
    var labels: String {
        layers.isEmpty ? "a chain without layers" : layers.map(\.label).joined(separator: ", ")
    }
}
