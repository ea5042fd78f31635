import CLinux
import Glibc
import Lamina

/// Serves a run's control socket, on its supervisor's one thread: requests go to the worker, and what it answers goes
/// back. Nothing here waits.
final class ControlServer {
    /// How many connections are served at once; others wait.
    private static let most = 64
    /// How long a worker may take to answer, in milliseconds.
    private static let patience: Int64 = 5000

    /// Where the run is controlled.
    let socket: ControlSocket
    /// What was changed so far.
    private(set) var changes = RunChanges()
    /// The program; this process where there is none.
    var process = getpid()
    private let subject: JSON.Object
    private let loop: EventLoop
    private let begin = clinux_monotonic()
    private var worker: WorkerProcess?
    private var peers: [Int32: ControlPeer] = [:]
    private var questions: [Int64: Question] = [:]
    private var number: Int64 = 0

    /// What the worker has been asked.
    private struct Question {
        let peer: ControlPeer
        let request: ControlRequest
        let isEvent: Bool
        let patience: UInt64
    }

    /// Serves on a socket for a run, on the supervisor's loop. `subject` says what a list has beside the worker's part.
    init(_ socket: ControlSocket, subject: JSON.Object, _ loop: EventLoop) throws(Errno) {
        self.socket = socket
        self.subject = subject
        self.loop = loop
        try loop.watch(socket.descriptor, EventLoop.readable) { [unowned self] _ in admit() }
    }

    /// Binds the control socket of a run, and serves there. Nil where that can't be: the run goes on without, which is said.
    convenience init?(for run: Run, _ loop: EventLoop) {
        do {
            let socket = try ControlSocket(wanting: run.name ?? ControlSocket.name(for: run.program))
            if let name = run.name, name != socket.name, run.verbosity >= .normal {
                say("another run is called \(name) already; this one is \(socket.name)")
            }
            var subject = JSON.Object()
            subject["name"] = .string(socket.name)
            subject["kind"] = run.forward == nil ? "run" : "forward"
            subject["program"] = .string(run.program)
            subject["arguments"] = .array(run.arguments.map { .string($0) })
            subject["supervisor"] = .integer(Int64(getpid()))
            do {
                try self.init(socket, subject: subject, loop)
            } catch {
                socket.close()
                throw error
            }
        } catch {
            let reason = (error as? Errno)?.text ?? "\(error)"
            say("the run can't be controlled: \(reason)")
            return nil
        }
    }

    /// Ends all connections and takes the socket's file away.
    func close() {
        detach()
        loop.forget(socket.descriptor)
        socket.close()
        for peer in peers.values { drop(peer) }
    }

    // MARK: - The worker's part

    /// Passes commands to this worker from now on.
    func attach(_ worker: WorkerProcess) {
        self.worker = worker
        do throws(Errno) {
            try loop.watch(worker.control, EventLoop.readable) { [unowned self] _ in hear(worker) }
        } catch {
            detach()
        }
    }

    /// The worker is gone; what it was asked it will not answer.
    func detach() {
        guard let worker else { return }
        loop.forget(worker.control)
        self.worker = nil
        let lost = questions.values
        questions = [:]
        for question in lost {
            loop.cancel(timer: question.patience)
            fail(question, "has died; ask again")
        }
    }

    // MARK: - Peers

    private func admit() {
        while peers.count < ControlServer.most {
            let descriptor = clinux_accept(socket.descriptor, nil)
            if descriptor < 0 { return }
            var process: pid_t = 0
            var user: uid_t = 0
            var group: gid_t = 0
            guard clinux_peer(descriptor, &process, &user, &group) == 0, user == geteuid() else {
                Glibc.close(descriptor)
                continue
            }
            let peer = ControlPeer(descriptor)
            peers[descriptor] = peer
            watch(peer)
        }
        // Who is accepted no more waits until somebody has gone.
        if peers.count == ControlServer.most { loop.forget(socket.descriptor) }
    }

    private func watch(_ peer: ControlPeer) {
        do throws(Errno) {
            peer.watched = peer.events
            try loop.watch(peer.descriptor, peer.watched) { [unowned self] events in serve(peer, events) }
        } catch {
            drop(peer)
        }
    }

    private func drop(_ peer: ControlPeer) {
        guard peers[peer.descriptor] === peer else { return }
        peers[peer.descriptor] = nil
        loop.forget(peer.descriptor)
        if let timer = peer.timer { loop.cancel(timer: timer) }
        for (number, question) in questions where question.peer === peer {
            loop.cancel(timer: question.patience)
            questions[number] = nil
        }
        Glibc.close(peer.descriptor)
        if peers.count == ControlServer.most - 1 {
            try? loop.watch(socket.descriptor, EventLoop.readable) { [unowned self] _ in admit() }
        }
    }

    private func serve(_ peer: ControlPeer, _ events: UInt32) {
        if events & EventLoop.failed != 0 { return drop(peer) }
        if events & EventLoop.writable != 0, !peer.flush() { return drop(peer) }
        if events & EventLoop.readable != 0 {
            guard let lines = peer.read() else { return drop(peer) }
            for line in lines { take(line, from: peer) }
        }
        settle(peer, isGone: events & EventLoop.hungUp != 0)
    }

    /// Goes on after something was read or sent: who has finished and got everything is done.
    private func settle(_ peer: ControlPeer, isGone: Bool = false) {
        guard peers[peer.descriptor] === peer else { return }
        let isWaiting = peer.timer != nil || questions.values.contains { $0.peer === peer }
        if isGone || peer.hasFinished && peer.isFlushed && !isWaiting { return drop(peer) }
        if peer.watched != peer.events { watch(peer) }
    }

    private func reply(_ peer: ControlPeer, _ object: JSON.Object) {
        guard peers[peer.descriptor] === peer else { return }
        if peer.send(object) { settle(peer) } else { drop(peer) }
    }

    private func take(_ line: [UInt8], from peer: ControlPeer) {
        if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }) { return }
        var id: JSON?
        do throws(LaminaError) {
            let json = try JSON(parsing: line, named: "request", limit: ControlRequest.longest)
            guard let object = json.objectValue else {
                throw LaminaError(.invalidArgument, "request", "is \(json.kind)", remedy: "send one object a line")
            }
            id = object["id"]
            let request = try ControlRequest(object)
            if case .watch(let interval) = request.command {
                reply(peer, ControlReply.success(id: id))
                return tell(peer, every: interval, id)
            }
            ask(request, for: peer, isEvent: false)
        } catch {
            reply(peer, ControlReply.failure(error, id: id))
        }
    }

    /// Sends an event to who watches, now and after each interval.
    private func tell(_ peer: ControlPeer, every interval: Int64, _ id: JSON?) {
        guard peers[peer.descriptor] === peer else { return }
        if let timer = peer.timer { loop.cancel(timer: timer) }
        peer.timer = loop.after(milliseconds: interval) { [unowned self] in tell(peer, every: interval, id) }
        // One at a time: a worker that is slow gets no more of them.
        if questions.values.contains(where: { $0.peer === peer && $0.isEvent }) { return }
        var object = JSON.Object()
        object["command"] = "list"
        object["id"] = id
        if let request = try? ControlRequest(object) { ask(request, for: peer, isEvent: true) }
    }

    // MARK: - The worker

    private func ask(_ request: ControlRequest, for peer: ControlPeer, isEvent: Bool) {
        number += 1
        let number = number
        let timer = loop.after(milliseconds: ControlServer.patience) { [unowned self] in
            guard let question = questions.removeValue(forKey: number) else { return }
            fail(question, "has not answered for \(ControlServer.patience / 1000) s: a layer may hold it up")
        }
        let question = Question(peer: peer, request: request, isEvent: isEvent, patience: timer)
        if let worker, WorkerCommands.send(request.object, number: number, to: worker.control) {
            questions[number] = question
        } else {
            loop.cancel(timer: timer)
            fail(question, worker == nil ? "is gone" : "takes no more commands: a layer may hold it up")
        }
    }

    private func hear(_ worker: WorkerProcess) {
        // A report of its end stays for whoever waits for that.
        while WorkerCommands.next(worker.control) == .reply,
            case .bytes(let message) = WorkerCommands.receive(worker.control)
        {
            guard let (number, object) = WorkerCommands.reply(in: message),
                let question = questions.removeValue(forKey: number)
            else { continue }
            loop.cancel(timer: question.patience)
            finish(question, object, worker)
        }
        if WorkerCommands.next(worker.control) == .ending { detach() }
    }

    private func finish(_ question: Question, _ object: JSON.Object, _ worker: WorkerProcess) {
        guard object["ok"] == true else {
            var failure = object
            failure["id"] = question.request.id
            return reply(question.peer, failure)
        }
        changes.note(question.request.command)
        var answer = object
        if case .list = question.request.command {
            var run = self.run
            run["worker"] = .integer(Int64(worker.process))
            for (key, value) in object.members where key != "ok" && key != "version" { run[key] = value }
            return list(run, for: question)
        }
        if let id = question.request.id { answer["id"] = id }
        reply(question.peer, answer)
    }

    /// What can be said without the worker.
    private var run: JSON.Object {
        var run = subject
        run["pid"] = .integer(Int64(process))
        run["elapsed"] = .integer(clinux_monotonic() - begin)
        return run
    }

    private func list(_ run: JSON.Object, for question: Question) {
        var answer = ControlReply.success(id: question.request.id)
        if question.isEvent { answer["event"] = "list" }
        answer["run"] = .object(run)
        reply(question.peer, answer)
    }

    private func fail(_ question: Question, _ cause: String) {
        if case .list = question.request.command {
            var run = self.run
            run["problem"] = .string("the worker \(cause)")
            return list(run, for: question)
        }
        let error = LaminaError(.system, "the worker", cause)
        reply(question.peer, ControlReply.failure(error, id: question.request.id))
    }
}
