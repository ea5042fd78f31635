import CLinux
import Glibc

/// One program socket's way through the worker, from the verdict on its connect to the end of its connection.
final class Passage {
    /// How far the chain has come.
    enum Far {
        case dialing(ChainDial?)
        case connected(ChainConnection)
        case pumped(Pump)
        case failed(Int32)
        case ended
    }

    /// What becomes of the program's socket.
    enum Way {
        /// The chain decides, and the program's own socket is connected.
        case own
        /// The same, and the chain speaks on it before the program does.
        case lent
        /// It is connected to the worker.
        case pumped
    }

    /// SO_COOKIE of the program's socket.
    let cookie: UInt64
    /// What the program asked for.
    let destination: Endpoint
    /// What the chain connected from, in the family of the program's socket.
    var local: Endpoint?
    var far = Far.dialing(nil)
    /// The loopback connection's accepted end, once it has come and until a pump has it.
    var near: Int32?
    /// Where the program's socket is to be connected, if it is pumped.
    var meeting: Endpoint?
    /// It was expected at the last sweep already.
    var isOverdue = false
    var way = Way.pumped
    /// The supervisor counts its socket as one that is about to use a synthetic address.
    var isHeld = false
    /// What the chain was asked, for a program that waits.
    var question: ConnectRequest?
    /// The caller that waits for the verdict.
    var caller: Caller?
    /// The errno that its connection ended with.
    var error: Int32 = 0

    init(cookie: UInt64, destination: Endpoint) {
        self.cookie = cookie
        self.destination = destination
    }

    /// Whether the loopback connection is still to come.
    var isExpected: Bool {
        if near != nil { return false }
        switch far {
        case .dialing, .connected, .failed: return true
        case .pumped, .ended: return false
        }
    }
}

/// The passages of a worker, by the cookies of the program's sockets. Those that have ended are kept for a while, so
/// that a program that asks for the error gets it.
struct Passages {
    private var byCookie: [UInt64: Passage] = [:]
    private var ended = RecentKeys<UInt64>(capacity: 4096)

    /// The passage of a socket.
    subscript(cookie: UInt64) -> Passage? { byCookie[cookie] }

    /// All that have not ended.
    var active: [Passage] {
        byCookie.values.filter {
            if case .ended = $0.far { return false }
            return true
        }
    }

    mutating func insert(_ passage: Passage) {
        byCookie[passage.cookie] = passage
    }

    mutating func remove(_ passage: Passage) {
        if byCookie[passage.cookie] === passage { byCookie[passage.cookie] = nil }
    }

    /// Notes the end of a passage with an errno, 0 for none.
    mutating func end(_ passage: Passage, error: Int32) {
        passage.far = .ended
        passage.error = error
        guard byCookie[passage.cookie] === passage else { return }
        for cookie in ended.note(passage.cookie) {
            if let old = byCookie[cookie], case .ended = old.far { byCookie[cookie] = nil }
        }
    }
}
