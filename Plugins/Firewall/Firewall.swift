import Glibc
import LaminaFirewallRules
import LaminaProvider

/// A firewall: calls that carry addresses, and questions for names, go on or don't, by rules.
struct Firewall: Layer, HasRules, Reconfigures, OpenCalls, BindCalls, ListenCalls, ConnectCalls, SendToCalls,
    ResolveCalls
{
    enum Default: String, CaseIterable { case allow, deny, reject, blackhole }

    static let rules = Setting<String>.text(
        "rules",
        live: true,
        help: "what is allowed, denied, rejected or swallowed, with commas between rules: deny out tcp *.ads.test:443"
    )
    static let files = Setting.paths("file", live: true, help: "files with a rule a line, after those of rules")
    static let otherwise = Setting<Default>.choice(
        "default",
        default: "allow",
        live: true,
        help: "what becomes of what no rule is about"
    )
    static let timeout = Setting<Int>.duration(
        "timeout",
        in: 0...86_400_000_000_000,
        default: "127s",
        live: true,
        help: "when what is swallowed ends with ETIMEDOUT"
    )
    static let show = Setting<Bool>.flag("show", help: "print the table of rules at the start, and when it has changed")
    static let log = Setting<Bool>.flag("log", live: true, help: "print a line for each call that a rule ends")
    static let about = LayerDescription(
        "firewall",
        effect: .observe,
        summary: "allows, denies, rejects or swallows calls by rule",
        uuid: "8e3f6d7a-0c5d-4a55-9d3c-3f0c6c1b7a11",
        phase: .firewall,
        settings: [rules, files, otherwise, timeout, show, log]
    )

    /// What a socket's calls wait in that are swallowed.
    struct State: ~Copyable, Sendable {
        let swallowed: LateCalls
    }

    private let level: Level
    private let sources: RuleSources
    private let timeout: Live<Int>
    private let isLogged: Live<Bool>
    private let questions: LateCalls

    init(_ level: Level) throws(Failure) {
        self.level = level
        timeout = level.live(Self.timeout)
        questions = try LateCalls(level)
        isLogged = level.live(Self.log)
        sources = try RuleSources(
            level,
            rules: level[Self.rules],
            files: level[Self.files],
            otherwise: Self.action(level[Self.otherwise])
        )
        tell(sources.now)
    }

    func makeState(_ socket: borrowing Socket) throws(Failure) -> State { State(swallowed: try LateCalls(level)) }

    func reconfigure(_ setting: String, _ level: Level) throws(Failure) {
        guard ["rules", "file", "default"].contains(setting) else { return }
        try sources.change(
            rules: level[Self.rules],
            files: level[Self.files],
            otherwise: Self.action(level[Self.otherwise])
        )
        tell(sources.now)
    }

    var ruleLines: [String] { sources.now.lines }

    private func tell(_ table: RuleTable) {
        for warning in table.warnings { level.log(.warning, warning) }
        if level[Self.show] { level.output(table.lines.joined(separator: "\n")) }
    }

    private static func action(_ choice: Default) -> Action {
        switch choice {
        case .allow: .allow
        case .deny: .deny(EACCES)
        case .reject: .reject(ECONNREFUSED)
        case .blackhole: .blackhole(nil)
        }
    }

    // MARK: - Calls

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        let subject = subject(.out, next.socket, to: address)
        guard let end = ending(subject, of: next.socket.process) else { return next.connect(address, flags: flags) }
        return finish(end, next.state.swallowed, next)
    }

    func sendTo(_ datagram: OutgoingDatagram, next: consuming Next<State>) -> Answer {
        // Where it names no destination, that of the connect was decided on.
        guard let address = datagram.address,
            let end = ending(subject(.out, next.socket, to: address), of: next.socket.process)
        else { return next.sendTo(datagram) }
        return finish(end, next.state.swallowed, next)
    }

    func bind(_ address: Address, flags: UInt32, next: consuming Next<State>) -> Answer {
        // Others bind where they connect from, or say by `listen` that they serve.
        let serves =
            next.socket.category == .listen
            || next.socket.category == .datagram && (address.port != 0 || address.path != nil)
        guard serves, let end = serving(address, next.socket) else { return next.bind(address, flags: flags) }
        return finish(end, next.state.swallowed, next)
    }

    func listen(backlog: UInt32, next: consuming Next<State>) -> Answer {
        guard let end = serving(next.socket.localAddress, next.socket) else { return next.listen(backlog: backlog) }
        return finish(end, next.state.swallowed, next)
    }

    func open(_ opening: Opening, next: consuming Next<State>) -> Answer {
        guard opening.isFromBelow, next.socket.isInbound else { return next.open(opening) }
        var subject = subject(.in, next.socket, to: next.socket.localAddress)
        subject.peer = next.socket.remoteAddress.flatMap { End($0) }
        guard let end = ending(subject, of: next.socket.process) else { return next.open(opening) }
        // Its connection stands already, so that nothing can wait.
        return next.fail(end.errno)
    }

    func resolve(_ question: NameQuestion, next: consuming Next<NoState>) -> Answer {
        // What is an address already is decided on when it is used.
        guard Address(question.name, port: 0) == nil else { return next.resolve(question) }
        let end = End(name: question.name, port: question.port == 0 ? nil : question.port)
        var subject = Subject(.out, to: end, isBefore: true)
        subject.program = question.executable ?? OwnProcess.executable
        subject.user = question.user ?? OwnProcess.user
        guard var ending = ending(subject, of: question.process) else { return next.resolve(question) }
        // Who rejects says that there is no such name.
        if ending.isRejected { ending.errno = ENOENT }
        return finish(ending, questions, next)
    }

    // MARK: - What becomes of them

    /// How a call ends that doesn't go on.
    private struct Ending {
        var errno: Int32
        /// Nanoseconds; nil: at once.
        var after: Int64?
        var isRejected = false
    }

    private func finish<S: ~Copyable>(_ ending: Ending, _ calls: LateCalls, _ next: consuming Next<S>) -> Answer {
        guard let time = ending.after else { return next.fail(ending.errno) }
        return next.fail(ending.errno, after: time, in: calls)
    }

    private func serving(_ address: Address?, _ socket: borrowing Socket) -> Ending? {
        var subject = subject(.in, socket, to: address)
        subject.isBefore = true
        guard var ending = ending(subject, of: socket.process) else { return nil }
        // Nobody waits for what doesn't serve.
        ending.after = nil
        if ending.errno == ETIMEDOUT || ending.errno == ECONNREFUSED { ending.errno = EACCES }
        return ending
    }

    /// Nil: it goes on.
    private func ending(_ subject: Subject, of process: Int32) -> Ending? {
        let (action, entry) = sources.now.decide(subject)
        let ending: Ending
        switch action {
        case .allow: return nil
        case .deny(let errno): ending = Ending(errno: errno)
        case .reject(let errno): ending = Ending(errno: errno, isRejected: true)
        case .blackhole(let time): ending = Ending(errno: ETIMEDOUT, after: time ?? Int64(timeout.value))
        }
        if isLogged.value {
            let rule = entry.map { "rule \($0.number) (\($0.place)): \($0.rule.text)" } ?? "default: \(action.text)"
            level.output("\(subject)\(process > 0 ? " of process \(process)" : ""): \(rule)")
        }
        return ending
    }

    private func subject(_ direction: Direction, _ socket: borrowing Socket, to address: Address?) -> Subject {
        var transport = socket.category == .datagram ? Transport.udp : .tcp
        if address?.path != nil { transport = .unix }
        return Subject(
            direction,
            transport,
            to: address.flatMap { End($0, asked: direction == .out ? socket.askedName : nil) },
            program: socket.executable ?? OwnProcess.executable,
            user: socket.user ?? OwnProcess.user
        )
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Firewall.self) }
