import Glibc
import LaminaProvider
import Synchronization

/// A base whose datagrams come back from where they were sent to, a little later and a few at a time; whose names are answered
/// now, later or never; and whose streams take everything.
struct Parcel: Connects, Sends, SendsDatagrams, ReceivesDatagrams, Resolves, NamesAddresses, AnswersControls {
    static let about = BaseDescription("parcel", families: [.ipv4], longestDatagram: 100)
    static let connectsAtOnce = true

    struct State: ~Copyable, Sendable {
        let waker: SocketWaker
        let level: Level
        let isDatagram: Bool
        let datagrams = Mutex(DatagramQueue(capacity: 1000))
        let isReady = Atomic(true)
        let hasFailed = Atomic(false)
        let keepsAlive = Atomic<Int32>(0)

        init(_ waker: SocketWaker, _ level: Level, isDatagram: Bool) {
            (self.waker, self.level, self.isDatagram) = (waker, level, isDatagram)
        }
        deinit { level.output("a state of \(isDatagram ? "datagrams" : "a stream") has ended") }
    }

    private let level: Level
    private let asked = Asked()

    final class Asked: Sendable {
        let pending = Mutex<[PendingAnswer<NameAnswer>]>([])
    }

    init(_ level: Level) { self.level = level }

    func makeState(_ socket: borrowing Socket, _ waker: SocketWaker) -> State {
        State(waker, level, isDatagram: socket.category.contains(.datagram))
    }

    // MARK: - Streams

    func connect(to address: Address, _ state: borrowing State) -> Bool { true }
    func send(_ data: Outgoing, _ state: borrowing State) -> Int { data.byteCount }

    // MARK: - Datagrams

    /// Every second time it hesitates. One to port 7 makes the next receive fail.
    func send(_ datagram: Outgoing, to destination: Address, _ state: borrowing State) throws(Failure) -> Bool {
        let waker = state.waker
        guard state.isReady.exchange(false, ordering: .relaxed) else {
            state.isReady.store(true, ordering: .relaxed)
            try level.after(nanoseconds: 10_000) { waker.outgoing() }
            return false
        }
        if destination.port == 7 {
            state.hasFailed.store(true, ordering: .relaxed)
        } else {
            let isIn = try state.datagrams.withLock { queue throws(Failure) in
                try queue.put(datagram, from: destination)
            }
            guard isIn else { return false }
        }
        waker.incoming()
        return true
    }

    func receive(into room: inout DatagramRoom, _ state: borrowing State) throws(Failure) -> Bool {
        guard !state.hasFailed.exchange(false, ordering: .relaxed) else { throw Failure(ECONNREFUSED) }
        let hasCome = state.datagrams.withLock { $0.take(into: &room) }
        if hasCome { state.waker.outgoing() }
        return hasCome
    }

    /// Every name is this machine; port 1 is refused.
    func fixRemote(_ address: Address, _ state: borrowing State) throws(Failure) -> Address {
        if address.port == 1 { throw Failure(ENETUNREACH) }
        return address.name == nil ? address : .loopback(port: Int(address.port))
    }

    // MARK: - Names

    func resolve(_ question: NameQuestion, _ pending: PendingAnswer<NameAnswer>) throws(Failure) -> NameAnswer? {
        let level = level
        let answer = NameAnswer([.loopback(port: 0)], canonicalName: "whole.test")
        switch question.name {
        case "now.test": return answer
        case "inside.test": pending.answer(answer)
        case "late.test": try level.after(nanoseconds: 10_000_000) { pending.answer(answer) }
        case "failing.test": try level.after(nanoseconds: 1_000_000) { pending.fail(Failure(EHOSTUNREACH)) }
        case "dropped.test": break
        case "never.test":
            pending.whenGivenUp { level.output("a question was given up") }
            asked.pending.withLock { $0.append(pending) }
        case "all.test":
            // Those that were given up stay as they are.
            for other in asked.pending.withLock({ $0 }) { other.answer(answer) }
            return answer
        default: throw Failure(ENOENT)
        }
        return nil
    }

    func name(of question: AddressQuestion, _ pending: PendingAnswer<String>) throws(Failure) -> String? {
        switch question.address.bytes?.last {
        case 1: return "one.test"
        case 2: try level.after(nanoseconds: 1_000_000) { pending.answer("two.test") }
        case 3: try level.after(nanoseconds: 1_000_000) { pending.fail(Failure(ENOENT)) }
        default: throw Failure(ENOENT)
        }
        return nil
    }

    // MARK: - Options

    func control(_ operation: ControlOperation, _ state: borrowing State) throws(Failure) -> ControlResult? {
        if operation.sets(SOL_SOCKET, SO_KEEPALIVE) {
            guard let value = operation.integer else { throw Failure(EINVAL) }
            state.keepsAlive.store(value, ordering: .relaxed)
            return .done
        }
        if operation.gets(SOL_SOCKET, SO_KEEPALIVE) { return .integer(state.keepsAlive.load(ordering: .relaxed)) }
        if operation.sets(SOL_SOCKET, SO_PRIORITY) { throw Failure(EPERM, "priorities are the kernel's") }
        return operation.isIoctl(0x8901) ? .bytes([1, 2, 3, 4, 5]) : nil
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Parcel.self) }
