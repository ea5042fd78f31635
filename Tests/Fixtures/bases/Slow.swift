import Glibc
import LaminaProvider
import Synchronization

/// A base that takes its time: it connects later or never, takes and gives a few bytes at once, and sends back what it is
/// sent. It says when a socket's state ends.
struct Slow: Connects, Sends, Receives, Reconfigures {
    static let after = Setting.duration("after", default: "1ms", help: "how long a connect is under way; 0 for ever")
    static let opens = Setting.flag("opens", default: true, live: true, help: "whether sockets open")
    static let about = BaseDescription("slow", families: [.ipv4], settings: [after, opens])

    struct State: ~Copyable, Sendable {
        let waker: SocketWaker
        let level: Level
        let bytes = Mutex(ByteQueue(capacity: 16))
        let isTold = Atomic(false)
        let hasRoom = Atomic(true)

        init(_ waker: SocketWaker, _ level: Level) { (self.waker, self.level) = (waker, level) }
        deinit { level.output("a state has ended") }
    }

    private let level: Level

    init(_ level: Level) { self.level = level }

    func reconfigure(_ setting: String, _ level: Level) { level.output("\(setting) is \(level[Self.opens])") }

    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) throws(Failure) -> State {
        guard level[Self.opens] else { throw Failure(EMFILE, "no sockets are left") }
        return State(waker, level)
    }

    func connect(to address: Address, _ state: borrowing State) throws(Failure) -> Bool {
        if address.port == 1 { throw Failure(ECONNREFUSED) }
        let after = level[Self.after]
        if after > 0, !state.isTold.exchange(true, ordering: .relaxed) {
            let waker = state.waker
            try level.after(nanoseconds: Int64(after)) { waker.outgoing() }
            return false
        }
        return after > 0
    }

    /// Every second time it takes nothing, and says later that there is room.
    func send(_ data: Outgoing, _ state: borrowing State) throws(Failure) -> Int {
        let waker = state.waker
        guard state.hasRoom.exchange(false, ordering: .relaxed) else {
            state.hasRoom.store(true, ordering: .relaxed)
            try level.after(nanoseconds: 10_000) { waker.outgoing() }
            return 0
        }
        let taken = try state.bytes.withLock { bytes throws(Failure) in try bytes.put(data) }
        waker.incoming()
        return taken
    }

    func receive(into room: inout ReceiveRoom, _ state: borrowing State) -> StreamProgress {
        state.bytes.withLock { bytes in _ = bytes.take(into: &room) }
        if room.count > 0 { state.waker.outgoing() }
        return .open
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Slow.self) }
