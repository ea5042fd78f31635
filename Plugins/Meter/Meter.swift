import LaminaProvider

/// Counts sockets, bytes, calls and errors by program and peer, times calls, and serves the numbers as Prometheus reads them.
struct Meter: Layer, TimedEnds, OpenEnds, ConnectCalls, ConnectEnds, ConnectWithDataCalls, DataOutEnds, DataInEnds,
    ReceiveEvents, ReceiveFromEvents
{
    static let listen = Setting<String>.text(
        "listen",
        help: "where the numbers are served by HTTP: unix:PATH, PORT or ADDRESS:PORT; port 0 is any that is free"
    )
    static let file = Setting<String>.path("file", help: "where the numbers are written when the chain ends")
    static let peers = Setting<Int>.integer(
        "peers",
        in: 1...100_000,
        default: "200",
        live: true,
        help: "how many pairs of program and peer have numbers of their own; others are counted as \"other\""
    )
    static let about = LayerDescription(
        "meter",
        effect: .observe,
        summary: "counters and times by program and peer, as Prometheus reads them",
        uuid: "4f0b7f0e-93c4-4d0f-8f3e-6a2a2c1b5d21",
        phase: .inspector,
        settings: [listen, file, peers]
    )

    /// What a socket is counted in: decided when it has a peer.
    struct State: ~Copyable, Sendable {
        let program: String
        let isInbound: Bool
        let series = KeptOnce<Series>()
    }

    private let registry: Registry
    private let results: Results

    init(_ level: Level) throws(Failure) {
        registry = Registry(level.label, limit: level.live(Self.peers))
        results = try Results(registry, level, listen: level[Self.listen], file: level[Self.file])
    }

    // MARK: - Sockets

    func makeState(_ socket: borrowing Socket) -> State {
        let path = socket.executable ?? OwnProcess.executable
        let program = path?.split(separator: "/").last.map(String.init) ?? "unknown"
        return State(program: program, isInbound: socket.isInbound)
    }

    func openEnded(_ ending: borrowing Ending<State>) {
        guard ending.state.isInbound, !ending.hasFailed else { return }
        count(in: ending.state, peer: Self.caller(ending.socket.remoteAddress)) { $0.end(.accept, status: 0) }
    }

    /// Who connected. Those who come have any port: their address alone is told apart.
    private static func caller(_ address: Address?) -> String {
        guard var address else { return "unknown" }
        if address.path != nil { return "\(address)" }
        address.port = 0
        return String("\(address)".dropLast(2))
    }

    func ended(_ state: consuming State, _ socket: borrowing Socket) { state.series.object?.closed.add() }

    /// Runs `body` with what a socket is counted in, from now on if there was nothing before.
    @inline(__always)
    private func count(
        in state: borrowing State,
        peer: @autoclosure () -> String = "none",
        _ body: (Series) -> Void
    ) {
        if state.series.read(body) == nil { body(begin(state, peer())) }
    }

    @inline(never)
    private func begin(_ state: borrowing State, _ peer: String) -> Series {
        let series = state.series.keep(registry.series(state.program, peer))
        if state.isInbound { series.accepted.add() } else { series.opened.add() }
        return series
    }

    private static func peer(_ address: Address, _ socket: borrowing Socket) -> String {
        guard address.path == nil, let name = socket.askedName else { return "\(address)" }
        return "\(name):\(address.port)"
    }

    // MARK: - Calls

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        count(in: next.state, peer: Self.peer(address, next.socket)) { _ in }
        return next.connect(address, flags: flags)
    }

    func connectWithData(_ address: Address, _ data: Outgoing, next: consuming Next<State>) -> Answer {
        count(in: next.state, peer: Self.peer(address, next.socket)) { _ in }
        return next.connectWithData(address, data)
    }

    func connectEnded(_ ending: borrowing Ending<State>) {
        let (status, elapsed) = (ending.status, ending.elapsed)
        count(in: ending.state) { series in
            series.end(.connect, status: status)
            series.connects.add(elapsed)
        }
    }

    func connectWithDataEnded(_ ending: borrowing Ending<State>) {
        let status = ending.status
        count(in: ending.state) { $0.end(.connect, status: status) }
        dataOutEnded(ending)
    }

    func sendEnded(_ ending: borrowing Ending<State>) {
        let elapsed = ending.elapsed
        countSent(ending) { $0.sends.add(elapsed) }
    }

    func receiveEnded(_ ending: borrowing Ending<State>) {
        let elapsed = ending.elapsed
        countReceived(ending) { $0.receives.add(elapsed) }
    }

    func disconnectEnded(_ ending: borrowing Ending<State>) {
        let moved = ending.moved
        count(in: ending.state) { $0.sent.add(moved) }
    }

    func dataOutEnded(_ ending: borrowing Ending<State>) { countSent(ending) { _ in } }

    func dataInEnded(_ ending: borrowing Ending<State>) { countReceived(ending) { _ in } }

    @inline(__always)
    private func countSent(_ ending: borrowing Ending<State>, _ time: (Series) -> Void) {
        let (moved, status) = (ending.moved, ending.status)
        count(in: ending.state) { series in
            series.sent.add(moved)
            series.end(.send, status: status)
            time(series)
        }
    }

    @inline(__always)
    private func countReceived(_ ending: borrowing Ending<State>, _ time: (Series) -> Void) {
        let (moved, status) = (ending.moved, ending.status)
        count(in: ending.state) { series in
            series.received.add(moved)
            series.end(.receive, status: status)
            time(series)
        }
    }

    // MARK: - Events

    func receiveIndicated(_ event: ReceiveEvent, up: borrowing Up<State>) -> EventAnswer {
        let answer = up.receive(event)
        let bytes = event.bytesTaken(answer)
        count(in: up.state) { $0.received.add(bytes) }
        return answer
    }

    func receiveFromIndicated(_ event: ReceiveFromEvent, up: borrowing Up<State>) -> EventAnswer {
        let bytes = UInt64(event.data.byteCount)
        let answer = up.receiveFrom(event)
        if answer.isTaken { count(in: up.state) { $0.received.add(bytes) } }
        return answer
    }
}

/// What becomes of the numbers: served while the level lives, and written when it ends.
private final class Results: Sendable {
    private let registry: Registry
    private let level: Level
    private let file: String
    private let server: TextServer?

    init(_ registry: Registry, _ level: Level, listen: String, file: String) throws(Failure) {
        self.registry = registry
        self.level = level
        self.file = file
        // What an hour has gathered isn't lost for a mistake that can be seen now.
        if !file.isEmpty { try WholeFile.check(file) }
        guard !listen.isEmpty else {
            server = nil
            return
        }
        let server = try TextServer(listen, Exposition.type) { Exposition.text(of: registry) }
        level.output("serves \(server.place)")
        self.server = server
    }

    deinit {
        server?.stop()
        guard !file.isEmpty else { return }
        do throws(Failure) {
            try WholeFile.write(Exposition.text(of: registry), to: file)
        } catch {
            level.log(.error, error.description)
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Meter.self) }
