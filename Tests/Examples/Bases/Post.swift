import Glibc
import LaminaProvider
import Synchronization

/// Datagrams inside the process: each socket has a box at its address, and names that end in `.post` are loopback.
struct Post: SendsDatagrams, ReceivesDatagrams, Binds, KnowsAddresses, Resolves {
    static let about = BaseDescription(
        "post",
        summary: "datagrams inside the process",
        families: [.ipv4],
        longestDatagram: 1500
    )

    final class Box: Sendable {
        let waker: SocketWaker
        let datagrams = Mutex(DatagramQueue(capacity: 65_536))
        let address = Mutex<Address?>(nil)
        init(_ waker: SocketWaker) { self.waker = waker }
    }

    struct State: ~Copyable, Sendable {
        let box: Box
        deinit { if let address = box.address.withLock({ $0 }) { Post.boxes.withLock { $0[address] = nil } } }
    }

    static let boxes = Mutex<[Address: Box]>([:])

    init(_ level: Level) {}
    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) -> State { State(box: Box(waker)) }
    func localAddress(_ state: borrowing State) -> Address? { state.box.address.withLock { $0 } }
    func remoteAddress(_ state: borrowing State) -> Address? { nil }

    func bind(_ address: Address, _ state: borrowing State) throws(Failure) {
        let box = state.box
        try Post.boxes.withLock { boxes throws(Failure) in
            guard box.address.withLock({ $0 == nil }) else { throw Failure(EINVAL) }
            let ports = address.port == 0 ? 49_152...65_535 : address.port...address.port
            let places = ports.lazy.map { port in
                var place = address
                place.port = port
                return place
            }
            guard let place = places.first(where: { boxes[$0] == nil }) else { throw Failure(EADDRINUSE) }
            boxes[place] = box
            box.address.withLock { $0 = place }
        }
    }

    func send(_ datagram: Outgoing, to destination: Address, _ state: borrowing State) throws(Failure) -> Bool {
        if localAddress(state) == nil { try bind(.loopback(port: 0), state) }
        let sender = localAddress(state)
        guard let box = Post.boxes.withLock({ $0[destination] }) else { return true }
        // What finds no room is lost, as datagrams are.
        if try box.datagrams.withLock({ box throws(Failure) in try box.put(datagram, from: sender) }) {
            box.waker.incoming()
        }
        return true
    }

    func receive(into room: inout DatagramRoom, _ state: borrowing State) -> Bool {
        state.box.datagrams.withLock { $0.take(into: &room) }
    }

    func resolve(_ question: NameQuestion, _ pending: PendingAnswer<NameAnswer>) throws(Failure) -> NameAnswer? {
        guard question.name.hasSuffix(".post") else { throw Failure(ENOENT) }
        return NameAnswer([.loopback(port: 0)], canonicalName: question.name)
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Post.self) }
