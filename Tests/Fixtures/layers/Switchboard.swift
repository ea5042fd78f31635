import LaminaProvider
import Synchronization

/// Opens as many columns as it is told to, and does with a connect what its port says: for tests of terminating layers.
struct Switchboard: TerminatingLayer, OpenCalls, ConnectCalls, SendCalls, SendEnds {
    static let count = Setting.integer("columns", in: 0...10, default: "1", help: "how many columns a socket opens")
    static let refuses = Setting.flag("refuse", default: false, help: "whether the last open counts as refused")
    static let greeting = Setting.text("greeting", help: "what a column of its own carries there and back at a connect")
    static let about = LayerDescription(
        "switchboard",
        effect: .transform,
        categories: [.connection, .stream],
        settings: [count, refuses, greeting]
    )
    struct State: ~Copyable, KeepsColumns { let columns = LowerColumns(), sent = Counter() }
    private let level: Level
    private let kept = Kept()

    init(_ level: Level) { self.level = level }
    func makeState(_ socket: borrowing Socket) -> State { State() }

    func open(_ opening: Opening, next: consuming Next<State>) -> Answer {
        switch level[Self.count] {
        case 0: next.end()
        case 1: next.open(opening)
        case let count: next.later { open(count, for: $0) }
        }
    }

    private func open(_ count: Int, for call: PendingCall) {
        guard count > 0 else { return call.end() }
        if count == 1, level[Self.refuses] { return call.fail(13) }
        call.columns.open(for: call) { opened in
            guard case .success(let column) = opened else { return call.fail(5) }
            if call.columns.primary == nil { column.makePrimary() }
            open(count - 1, for: call)
        }
    }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        switch address.port {
        // Forgets the call.
        case 2: next.later { _ in }
        // Keeps it until it is cancelled, or another one comes.
        case 3: next.later { kept.call = $0 }
        // Another column becomes the primary, and the one that was is closed.
        case 4: next.later { replace(for: $0) { _ in true } }
        default: level.has(Self.greeting) ? next.later { greet(for: $0) } : next.connect(address, flags: flags)
        }
    }

    private func replace(for call: PendingCall, then: @escaping @Sendable (LowerColumn) -> Bool) {
        call.columns.open(for: call) { opened in
            guard case .success(let fresh) = opened else { return call.fail(5) }
            fresh.connect(to: .loopback(port: 1), for: call) { connected in
                guard case .success = connected else { return call.fail(5) }
                let former = call.columns.primary
                fresh.makePrimary()
                former?.close()
                if then(fresh) { call.end() }
            }
        }
    }

    private func greet(for call: PendingCall) {
        let greeting = Array(level[Self.greeting].utf8)
        replace(for: call) { column in
            column.send(greeting, for: call) { sent in
                guard case .success = sent else { return call.fail(5) }
                column.receive(upTo: 100, for: call) { received in
                    guard case .success(greeting) = received else { return call.fail(5) }
                    call.end()
                }
            }
            return false
        }
    }

    func send(_ data: Outgoing, next: consuming Next<State>) -> Answer { next.send(data) }
    func sendEnded(_ ending: borrowing Ending<State>) { ending.state.sent.add(ending.moved) }
    func ended(_ state: consuming State, _ socket: borrowing Socket) { socket.output("\(state.sent.value) bytes out") }
}

/// A call that stays until another one comes.
final class Kept: Sendable {
    private let place = Mutex<PendingCall?>(nil)
    var call: PendingCall? {
        get { place.withLock { $0 } }
        set {
            let former = place.withLock { place in
                defer { place = newValue }
                return place
            }
            _ = former
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Switchboard.self) }
