import LaminaProvider
import Synchronization

/// A base whose peer sends back what it is sent.
struct Echo: Connects, Sends, Receives, Disconnects {
    static let about = BaseDescription("echo", summary: "sends back what it is sent")
    static let connectsAtOnce = true

    struct Line: ~Copyable { var bytes = ByteQueue(capacity: 65_536), isEnded = false }
    struct State: ~Copyable, Sendable {
        let waker: SocketWaker
        let line = Mutex(Line())
    }

    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) -> State { State(waker: waker) }
    func connect(to address: Address, _ state: borrowing State) -> Bool { true }

    func send(_ data: Outgoing, _ state: borrowing State) throws(Failure) -> Int {
        let taken = try state.line.withLock { line throws(Failure) in try line.bytes.put(data) }
        if taken > 0 { state.waker.incoming() }
        return taken
    }

    func receive(into room: inout ReceiveRoom, _ state: borrowing State) -> StreamProgress {
        let isEnded = state.line.withLock { line in
            line.bytes.take(into: &room)
            return line.isEnded && line.bytes.isEmpty
        }
        if room.count > 0 { state.waker.outgoing() }
        return isEnded ? .ended : .open
    }

    func disconnect(_ directions: StreamDirections, _ state: borrowing State) {
        guard directions.contains(.sending) else { return }
        state.line.withLock { $0.isEnded = true }
        state.waker.incoming()
    }

    func reset(_ state: borrowing State) { state.line.withLock { $0.bytes.discard() } }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Echo.self) }
