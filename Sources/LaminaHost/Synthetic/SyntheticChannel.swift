import CLaminaRun
import CLinux
import Glibc

/// What a worker asks its supervisor about synthetic addresses, and what it is answered: one packet each way.
struct SyntheticMessage {
    enum Kind: UInt32 {
        /// An address for `asked` and `target`.
        case give
        /// What `index` stands for.
        case name
        /// The same for the socket `cookie`, which is to be connected to `address`.
        case begin
        /// How the socket's connect went: `index` is 1 where it is connected.
        case settle
        /// The address that the socket was connected to.
        case peer
    }

    private struct Head {
        var kind: UInt32 = 0
        /// Of an answer: 0 or an errno.
        var error: Int32 = 0
        var index: UInt32 = 0
        var reserved: UInt32 = 0
        var cookie: UInt64 = 0
        var address = lamina_run_address()
    }

    private static let capacity = 2048
    private var head = Head()
    var asked = ""
    var target = ""

    var kind: Kind? { Kind(rawValue: head.kind) }
    var error: Int32 {
        get { head.error }
        set { head.error = newValue }
    }
    var index: Int {
        get { Int(head.index) }
        set { head.index = UInt32(clamping: newValue) }
    }
    var cookie: UInt64 {
        get { head.cookie }
        set { head.cookie = newValue }
    }
    var address: Endpoint {
        get { Endpoint(head.address) }
        set { head.address = newValue.raw }
    }

    init(_ kind: Kind) {
        head.kind = kind.rawValue
    }

    /// Reads a packet; nil where none waits, or it is none of these.
    init?(from descriptor: Int32) {
        var bytes = [UInt8](repeating: 0, count: Self.capacity)
        let count = clinux_receive(descriptor, &bytes, bytes.count)
        let size = MemoryLayout<Head>.size
        guard count >= size else { return nil }
        bytes.withUnsafeBytes { head = $0.loadUnaligned(as: Head.self) }
        let names = bytes[size..<count].split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        guard names.count == 2 else { return nil }
        asked = String(decoding: names[0], as: UTF8.self)
        target = String(decoding: names[1], as: UTF8.self)
    }

    /// False: the other side has gone.
    func send(to descriptor: Int32) -> Bool {
        var bytes = withUnsafeBytes(of: head) { Array($0) }
        bytes += asked.utf8
        bytes.append(0)
        bytes += target.utf8
        return clinux_send(descriptor, bytes, bytes.count) == bytes.count
    }
}

extension SyntheticPool {
    /// Answers one question of a worker's; false where no more come.
    mutating func serve(_ descriptor: Int32) -> Bool {
        guard var message = SyntheticMessage(from: descriptor) else { return false }
        switch message.kind {
        case .give:
            if let index = give(asked: message.asked, target: message.target) {
                message.index = index
            } else {
                message.error = EAGAIN
                if saysExhausted() { say(exhausted(message.asked)) }
            }
        case .name: answer(&message, lease(message.index))
        case .begin: answer(&message, begin(message.cookie, message.index, peer: message.address))
        case .settle: settle(message.cookie, isUsed: message.index != 0)
        case .peer:
            if let peer = peer(of: message.cookie) { message.address = peer } else { message.error = ENOTCONN }
        case nil: message.error = EINVAL
        }
        return message.send(to: descriptor)
    }

    private func answer(_ message: inout SyntheticMessage, _ lease: Lease?) {
        guard let lease else { return message.error = ENOENT }
        message.asked = lease.asked
        message.target = lease.target
    }

    private func exhausted(_ name: String) -> String {
        "no synthetic address is free for \(name): all \(range.count) stand for names that are in use or were asked for "
            + "lately; its look-up fails for now (--synthetic-names takes more)"
    }
}

/// A worker's side of it. Each call waits for the supervisor's answer, which comes at once.
final class SyntheticClient {
    private let descriptor: Int32
    private let range: SyntheticRange
    private var isUsed: Bool

    /// Over a connection to the supervisor; `isUsed` says whether any address stands for a name already.
    init(_ descriptor: Int32, _ range: SyntheticRange, isUsed: Bool) {
        self.descriptor = descriptor
        self.range = range
        self.isUsed = isUsed
    }

    private func ask(_ message: SyntheticMessage) -> SyntheticMessage? {
        guard message.send(to: descriptor) else { return nil }
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&waited, 1, -1) < 0 && errno == EINTR {}
        return SyntheticMessage(from: descriptor)
    }

    /// Whether an address is one of those that stand for names.
    func owns(_ address: Endpoint) -> Bool { range.contains(address) }

    /// An address that stands for a name. Nil: none is free.
    func give(asked: String, target: String, family: Int32) -> Endpoint? {
        var question = SyntheticMessage(.give)
        question.asked = asked
        question.target = target
        guard let answer = ask(question), answer.error == 0 else { return nil }
        isUsed = true
        return range.address(answer.index, family: family)
    }

    /// The name that the program asked for when it got this address. Nil: the address stands for none.
    func name(of address: Endpoint) -> String? {
        guard let index = range.index(of: address) else { return nil }
        var question = SyntheticMessage(.name)
        question.index = index
        guard let answer = ask(question), answer.error == 0 else { return nil }
        return answer.asked
    }

    /// Notes that a socket is to be connected to this address. Answers the name that was asked for, and the one to
    /// connect to. Nil: the address stands for none.
    func begin(_ cookie: UInt64, to address: Endpoint) -> (asked: String, target: String)? {
        guard let index = range.index(of: address) else { return nil }
        var question = SyntheticMessage(.begin)
        question.index = index
        question.cookie = cookie
        question.address = address
        guard let answer = ask(question), answer.error == 0 else { return nil }
        isUsed = true
        return (answer.asked, answer.target)
    }

    /// Notes how that went.
    func settle(_ cookie: UInt64, isUsed: Bool) {
        var question = SyntheticMessage(.settle)
        question.cookie = cookie
        question.index = isUsed ? 1 : 0
        _ = ask(question)
    }

    /// The synthetic address that a socket was connected to, which this worker may not have seen.
    func peer(of cookie: UInt64) -> Endpoint? {
        guard isUsed else { return nil }
        var question = SyntheticMessage(.peer)
        question.cookie = cookie
        guard let answer = ask(question), answer.error == 0 else { return nil }
        return answer.address
    }
}
