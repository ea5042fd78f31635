import LaminaProvider

/// What is counted of one entry or event. Each has a cache line to itself, so that a thread that sends and one that
/// receives on a socket don't wait for each other.
struct Tally: ~Copyable, Sendable {
    let calls = Counter()
    let bytes = Counter()
    let failures = Counter()
    private let rest = InlineArray<5, UInt64>(repeating: 0)

    /// Counts one call or event that ended.
    @inline(__always)
    func add(_ status: Int32, bytes count: UInt64) {
        calls.add()
        if count > 0 { bytes.add(count) }
        if status < 0 { failures.add() }
    }

    var count: Counts { Counts(calls: calls.value, failures: failures.value, bytes: bytes.value) }
}

/// The tallies of one socket, or of a level, by entry and then by event.
struct Tallies: ~Copyable, Sendable {
    // As many as `Entry.count`.
    private let all: InlineArray<32, Tally> = InlineArray { _ in Tally() }

    subscript(entry: Entry) -> Tally {
        @inline(__always) _read { yield all[entry.index] }
    }

    /// Adds the counts of `other`.
    func add(_ other: borrowing Tallies) {
        for entry in Entry.all {
            let counts = other[entry].count
            guard counts.calls > 0 else { continue }
            self[entry].calls.add(counts.calls)
            self[entry].failures.add(counts.failures)
            self[entry].bytes.add(counts.bytes)
        }
    }

    /// The sum of the tallies that `isMeant` chooses.
    func sum(_ isMeant: (Entry) -> Bool = { _ in true }) -> Counts {
        var sum = Counts()
        for entry in Entry.all where isMeant(entry) {
            let counts = self[entry].count
            sum.calls += counts.calls
            sum.failures += counts.failures
            sum.bytes += counts.bytes
        }
        return sum
    }
}

/// Counts at one moment.
struct Counts {
    var calls: UInt64 = 0
    var failures: UInt64 = 0
    var bytes: UInt64 = 0
}
