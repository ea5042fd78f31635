import LaminaProvider

/// A base that reaches nothing: every send is taken.
struct Null: Connects, Sends, Receives {
    struct State: ~Copyable, Sendable {}
    static let about = BaseDescription("sdk-null")
    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) -> State { State() }
    func connect(to address: Address, _ state: borrowing State) -> Bool { true }
    func send(_ data: Outgoing, _ state: borrowing State) -> Int { data.byteCount }
    func receive(into room: inout ReceiveRoom, _ state: borrowing State) -> StreamProgress { .open }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Null.self) }
