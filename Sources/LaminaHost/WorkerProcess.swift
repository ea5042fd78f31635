import CLinux
import Glibc
import Lamina

/// A worker, seen from its supervisor.
struct WorkerProcess {
    /// Its process.
    let process: pid_t
    /// Carries reports and commands. Closing it tells the worker to finish.
    let control: Int32
    /// Where it asks about synthetic addresses.
    let names: Int32

    /// What a worker reports when its chain is loaded, or isn't.
    enum Report {
        /// With the connections that its levels may have to do with, as `Coverage.asked` has them.
        case ready([Condition]?)
        case failed(String)
        /// It has crashed.
        case crashed(Crash)
        /// It has gone without a word.
        case silent
    }

    /// Forks a worker that loads the run's chain and serves what comes in front. For a process with one thread.
    init(
        _ run: Run,
        changes: RunChanges,
        front: Front,
        output: Int32?,
        synthetics: SyntheticPool
    ) throws(Errno) {
        var ends: [Int32] = [-1, -1]
        var nameEnds: [Int32] = [-1, -1]
        let paired = clinux_socket_pair(&ends)
        if paired < 0 { throw Errno(-paired) }
        let pairedNames = clinux_socket_pair(&nameEnds)
        if pairedNames < 0 {
            ends.forEach { close($0) }
            throw Errno(-pairedNames)
        }
        let supervisor = getpid()
        let process = clinux_fork()
        if process == 0 {
            let names = SyntheticClient(nameEnds[1], synthetics.range, isUsed: synthetics.isUsed)
            let kept = [ends[1], nameEnds[1]] + [output].compactMap { $0 }
            WorkerProcess.live(
                run,
                changes,
                front,
                names,
                control: ends[1],
                output: output,
                keeping: kept,
                supervisor
            )
        }
        close(ends[1])
        close(nameEnds[1])
        if process < 0 {
            close(ends[0])
            close(nameEnds[0])
            throw Errno(-process)
        }
        self.process = process
        control = ends[0]
        names = nameEnds[0]
    }

    /// Closes what connects it.
    func disconnect() {
        close(control)
        close(names)
    }

    /// Reads the report; call it when `control` is readable.
    func report() -> Report {
        while case .bytes(let message) = WorkerCommands.receive(control) {
            if let report = WorkerProcess.report(message) { return report }
        }
        return .silent
    }

    /// What a message of the worker's reports; nil where it answers a command.
    static func report(_ message: ArraySlice<UInt8>) -> Report? {
        if message.first == 1 { return .ready(asked(message.dropFirst())) }
        if message.first == WorkerCommands.reply { return nil }
        if let crash = Crash(message) { return .crashed(crash) }
        return .failed(String(decoding: message.dropFirst(), as: UTF8.self))
    }

    /// What is asked about: nothing for everything, else a line for each condition.
    private static func asked(_ text: ArraySlice<UInt8>) -> [Condition]? {
        if text.isEmpty { return nil }
        let lines = text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        return try? lines.map { try Condition(parsing: $0) }
    }

    private static func send(_ bytes: [UInt8], to control: Int32) {
        _ = clinux_send(control, bytes, min(bytes.count, 4096))
    }

    /// The worker's life: from the fork to its end.
    private static func live(
        _ run: Run,
        _ changes: RunChanges,
        _ front: Front,
        _ names: SyntheticClient,
        control: Int32,
        output: Int32?,
        keeping: [Int32],
        _ supervisor: pid_t
    ) -> Never {
        if clinux_die_with(supervisor) < 0 { clinux_leave(125) }
        // What the terminal or a shell sends to the whole job is the program's.
        for number in [SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE] {
            clinux_ignore_signal(number, 1)
        }
        // Whatever handlers the language run time has.
        clinux_report_crashes(control)
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        detachStreams()
        // A pumped connection takes two, whatever the program's own limit is.
        Process.allowDescriptors()
        let kept = (front.descriptors + keeping).sorted()
        clinux_close_except(kept, Int32(kept.count))
        if let output { Output.redirect(to: output) }
        Output.show(run.verbosity.level)
        do {
            try serve(run, changes, front, names, control: control)
        } catch {
            send([0] + Array("\(error)".utf8), to: control)
            clinux_leave(125)
        }
        clinux_leave(0)
    }

    /// Loads the chain and serves until the supervisor closes `control`. When it returns, the chain is gone, and its
    /// levels have said what they had to say.
    private static func serve(
        _ run: Run,
        _ changes: RunChanges,
        _ front: Front,
        _ names: SyntheticClient,
        control: Int32
    ) throws {
        let loop = try EventLoop()
        let runner = try ChainRunner(layers: run.layers, base: run.base, catalog: run.catalog, loop: loop)
        for warning in runner.warnings { Output.log(.warning, "", warning) }
        for command in changes.commands {
            do throws(LaminaError) {
                _ = try runner.carryOut(command)
            } catch {
                Output.log(.warning, "", "what was changed at run time is not any more: \(error)")
            }
        }
        let server: AnyObject
        switch front {
        case .program(let rendezvous):
            // Names that are none of the run's are resolved by the base alone.
            let bare =
                run.coverage.hasRules
                ? try ChainRunner(layers: [], base: run.base, catalog: run.catalog, loop: loop) : nil
            server = try Worker(
                loop: loop,
                rendezvous: rendezvous,
                control: control,
                runner: runner,
                coverage: run.coverage,
                bare: bare,
                synthetics: names
            )
        case .listener(let listener):
            guard let plan = run.forward else { return }
            server = try Forwarder(
                plan,
                loop: loop,
                listener: listener.descriptor,
                control: control,
                runner: runner
            )
        }
        let asked = runner.asked.map { conditions in conditions.flatMap { "\($0)\n".utf8 } }
        send([1] + (asked ?? []), to: control)
        withExtendedLifetime(server) { loop.run() }
    }

    /// Fills the places of standard streams that this process was started without, so that no other descriptor lands
    /// there. The program does not inherit them.
    static func reserveStreams() {
        while case let null = open("/dev/null", O_RDWR | O_CLOEXEC), null >= 0 {
            if null > STDERR_FILENO {
                close(null)
                return
            }
        }
    }

    /// The program's input and output are nobody else's.
    static func detachStreams() {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        if null < 0 { return }
        dup2(null, STDIN_FILENO)
        dup2(null, STDOUT_FILENO)
        if null > STDERR_FILENO { close(null) }
    }
}
