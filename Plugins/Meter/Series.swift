import LaminaProvider

/// Whom numbers are about.
struct Subject: Hashable, Sendable {
    let program: String
    let peer: String
}

/// The calls whose number and time are told apart.
enum Call: String, CaseIterable {
    case connect, send, receive, accept
}

/// What is counted of one program and peer. Adding takes no lock.
final class Series: Sendable {
    let subject: Subject
    /// Sockets that were opened, and accepted; those that have closed.
    let opened = Counter()
    let accepted = Counter()
    let closed = Counter()
    /// Bytes.
    let sent = Counter()
    let received = Counter()
    /// Calls that ended, whatever came of them, by `Call`.
    let calls: InlineArray<4, Counter> = InlineArray { _ in Counter() }
    /// How long they took, for those that have times.
    let connects = Histogram()
    let sends = Histogram()
    let receives = Histogram()
    /// Calls that failed, by errno; what is beyond the last is counted in the first.
    let errors: InlineArray<160, Counter> = InlineArray { _ in Counter() }

    init(_ subject: Subject) { self.subject = subject }

    /// Counts a call that has ended.
    @inline(__always)
    func end(_ call: Call, status: Int32) {
        calls[index(call)].add()
        // What only tried and couldn't has not failed.
        if status < 0, status != -11 { errors[Int(status.magnitude) < errors.count ? Int(status.magnitude) : 0].add() }
    }

    func count(of call: Call) -> UInt64 { calls[index(call)].value }

    private func index(_ call: Call) -> Int {
        switch call {
        case .connect: 0
        case .send: 1
        case .receive: 2
        case .accept: 3
        }
    }
}

/// How many of something took how long, in steps that grow fourfold.
struct Histogram: ~Copyable, Sendable {
    /// The steps' upper ends: from 1 microsecond to 67 seconds. The last counter has what is beyond.
    static let steps = 14
    private let counters: InlineArray<15, Counter> = InlineArray { _ in Counter() }
    private let total = Counter()

    /// Adds one that took so many nanoseconds.
    @inline(__always)
    func add(_ nanoseconds: Int64) {
        let time = UInt64(clamping: nanoseconds)
        total.add(time)
        // 1 us is 4^5 ns, nearly: a step is two bits.
        let above = time <= 1000 ? 0 : (64 - ((time - 1) / 1000).leadingZeroBitCount + 1) / 2
        counters[min(above, Self.steps)].add()
    }

    /// The upper end of a step, in nanoseconds.
    static func end(of step: Int) -> UInt64 { 1000 << (2 * UInt64(step)) }

    /// How many there were up to each step's end and in all, and their sum in nanoseconds.
    var values: (upTo: [UInt64], sum: UInt64) {
        var (upTo, count) = ([UInt64](), UInt64(0))
        for index in 0...Self.steps {
            count += counters[index].value
            upTo.append(count)
        }
        return (upTo, total.value)
    }
}
