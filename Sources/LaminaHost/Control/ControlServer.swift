import CLinux
import Glibc
import Lamina

/// Serves a run's control socket, on its supervisor's one thread: requests go to the worker, and what it answers goes
/// back. Nothing here waits.
final class ControlServer {
    /// How many connections are served at once; others wait.
    private static let most = 64
    /// How long a worker may take to answer, in nanoseconds.
    private static let patience: Int64 = 5_000_000_000

    /// Where the run is controlled.
    let socket: ControlSocket
    /// What was changed so far.
    private(set) var changes = RunChanges()
    /// The program; this process where there is none.
    var process = getpid()
    private let subject: JSON.Object
    private let begin = clinux_monotonic()
    private var peers: [Int32: ControlPeer] = [:]
    private var questions: [Int64: Question] = [:]
    private var number: Int64 = 0

    /// What the worker has been asked.
    private struct Question {
        let peer: ControlPeer
        let request: ControlRequest
        let isEvent: Bool
        let deadline: Int64
    }

    /// Serves on a socket for a run, of which `subject` says what a list has beside the worker's part.
    init(_ socket: ControlSocket, subject: JSON.Object) {
        self.socket = socket
        self.subject = subject
    }

    /// Binds the control socket of a run, and serves there. Nil where that can't be: the run goes on without, which is said.
    convenience init?(for run: Run) {
        do throws(LaminaError) {
            let socket = try ControlSocket(wanting: run.name ?? ControlSocket.name(for: run.program))
            if let name = run.name, name != socket.name, run.verbosity >= .normal {
                say("another run is called \(name) already; this one is \(socket.name)")
            }
            var subject = JSON.Object()
            subject["name"] = .string(socket.name)
            subject["kind"] = "run"
            subject["program"] = .string(run.program)
            subject["arguments"] = .array(run.arguments.map { .string($0) })
            subject["supervisor"] = .integer(Int64(getpid()))
            self.init(socket, subject: subject)
        } catch {
            say("the run can't be controlled: \(error)")
            return nil
        }
    }

    /// Ends all connections and takes the socket's file away.
    func close() {
        socket.close()
        for peer in peers.values { Glibc.close(peer.descriptor) }
        peers = [:]
    }

    // MARK: - In the supervisor's poll

    /// What to wait for; the worker's connection last.
    func waiting(for worker: WorkerProcess?) -> [pollfd] {
        let listener = peers.count < ControlServer.most ? socket.descriptor : -1
        var all = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for peer in peers.values { all.append(pollfd(fd: peer.descriptor, events: peer.events, revents: 0)) }
        all.append(pollfd(fd: questions.isEmpty ? -1 : worker?.control ?? -1, events: Int16(POLLIN), revents: 0))
        return all
    }

    /// How long a poll may take until something is due, in milliseconds; -1 for ever.
    var timeout: Int32 {
        var due = questions.values.map(\.deadline)
        due += peers.values.compactMap { $0.watch?.next }
        guard let next = due.min() else { return -1 }
        return Int32(clamping: max(0, (next - clinux_monotonic() + 999_999) / 1_000_000))
    }

    /// Goes on after a poll of what `waiting` named.
    func serve(_ polled: ArraySlice<pollfd>, _ worker: WorkerProcess?) {
        for entry in polled where entry.revents != 0 {
            if entry.fd == socket.descriptor {
                admit()
            } else if let peer = peers[entry.fd] {
                serve(peer, entry.revents, worker)
            } else if let worker, entry.fd == worker.control {
                hear(worker)
            }
        }
        let now = clinux_monotonic()
        for (number, question) in questions where question.deadline <= now {
            questions[number] = nil
            fail(question, "has not answered for \(ControlServer.patience / 1_000_000_000) s: a layer may hold it up")
        }
        for peer in peers.values {
            guard var watch = peer.watch, watch.next <= now else { continue }
            watch.next = max(watch.next + watch.interval, now)
            peer.watch = watch
            tell(peer, watch.id, worker)
        }
    }

    /// The worker has died; what it was asked it will not answer.
    func workerEnded() {
        let lost = questions.values
        questions = [:]
        for question in lost { fail(question, "has died; ask again") }
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
            peers[descriptor] = ControlPeer(descriptor)
        }
    }

    private func drop(_ peer: ControlPeer) {
        guard peers[peer.descriptor] === peer else { return }
        peers[peer.descriptor] = nil
        questions = questions.filter { $0.value.peer !== peer }
        Glibc.close(peer.descriptor)
    }

    private func serve(_ peer: ControlPeer, _ events: Int16, _ worker: WorkerProcess?) {
        if events & Int16(POLLERR | POLLNVAL) != 0 { return drop(peer) }
        if events & Int16(POLLOUT) != 0, !peer.flush() { return drop(peer) }
        if events & Int16(POLLIN) != 0 {
            guard let lines = peer.read() else { return drop(peer) }
            for line in lines { take(line, from: peer, worker) }
        }
        let isGone = events & Int16(POLLHUP) != 0
        let isDone = peer.hasFinished && peer.isFlushed && !questions.values.contains { $0.peer === peer }
        if isGone || isDone && peer.watch == nil { drop(peer) }
    }

    private func reply(_ peer: ControlPeer, _ object: JSON.Object) {
        if !peer.send(object) { drop(peer) }
    }

    private func take(_ line: [UInt8], from peer: ControlPeer, _ worker: WorkerProcess?) {
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
                peer.watch = (interval * 1_000_000, clinux_monotonic(), id)
                return reply(peer, ControlReply.success(id: id))
            }
            ask(request, for: peer, isEvent: false, worker)
        } catch {
            reply(peer, ControlReply.failure(error, id: id))
        }
    }

    /// Sends an event to who watches.
    private func tell(_ peer: ControlPeer, _ id: JSON?, _ worker: WorkerProcess?) {
        // One at a time: a worker that is slow gets no more of them.
        if questions.values.contains(where: { $0.peer === peer && $0.isEvent }) { return }
        var object = JSON.Object()
        object["command"] = "list"
        object["id"] = id
        if let request = try? ControlRequest(object) { ask(request, for: peer, isEvent: true, worker) }
    }

    // MARK: - The worker

    private func ask(_ request: ControlRequest, for peer: ControlPeer, isEvent: Bool, _ worker: WorkerProcess?) {
        number += 1
        let deadline = clinux_monotonic() + ControlServer.patience
        let question = Question(peer: peer, request: request, isEvent: isEvent, deadline: deadline)
        guard let worker else { return fail(question, "has crashed, and is not replaced") }
        guard WorkerCommands.send(request.object, number: number, to: worker.control) else {
            return fail(question, "takes no more commands: a layer may hold it up")
        }
        questions[number] = question
    }

    private func hear(_ worker: WorkerProcess) {
        // A report of its end stays for whoever waits for that.
        while WorkerCommands.next(worker.control) == .reply,
            case .bytes(let message) = WorkerCommands.receive(worker.control)
        {
            guard let (number, object) = WorkerCommands.reply(in: message),
                let question = questions.removeValue(forKey: number)
            else { continue }
            finish(question, object, worker)
        }
        if WorkerCommands.next(worker.control) == .ending { workerEnded() }
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
            var run = subject
            run["pid"] = .integer(Int64(process))
            run["worker"] = .integer(Int64(worker.process))
            run["elapsed"] = .integer(clinux_monotonic() - begin)
            for (key, value) in object.members where key != "ok" && key != "version" { run[key] = value }
            answer = ControlReply.success()
            if question.isEvent { answer["event"] = "list" }
            answer["run"] = .object(run)
        }
        if let id = question.request.id { answer["id"] = id }
        reply(question.peer, answer)
    }

    private func fail(_ question: Question, _ cause: String) {
        let error = LaminaError(.system, "the worker of run \"\(socket.name)\"", cause)
        var failure = ControlReply.failure(error, id: question.request.id)
        if question.isEvent { failure["event"] = "list" }
        reply(question.peer, failure)
    }
}
