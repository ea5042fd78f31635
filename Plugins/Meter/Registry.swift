import LaminaProvider

/// The series of one level: at most so many pairs of program and peer, and what is beyond under other names.
final class Registry: Sendable {
    let label: String
    private let limit: Live<Int>
    private let known = Guarded<[Subject: Series]>([:])
    /// Programs that have a series for the peers that there was no room for, at most.
    private static let programs = 32

    init(_ label: String, limit: Live<Int>) {
        self.label = label
        self.limit = limit
    }

    /// What a program's calls to a peer are counted in. Takes a lock, and may allocate: once for a socket.
    func series(_ program: String, _ peer: String) -> Series {
        known.withLock { known in
            let wanted = Subject(program: program, peer: peer)
            if let series = known[wanted] { return series }
            var subject = wanted
            if known.count >= limit.value {
                subject = Subject(program: program, peer: "other")
                if known[subject] == nil, known.count >= limit.value + Self.programs {
                    subject = Subject(program: "other", peer: "other")
                }
                if let series = known[subject] { return series }
            }
            let series = Series(subject)
            known[subject] = series
            return series
        }
    }

    /// All of them, in an order that stays.
    var all: [Series] {
        known.withLock { Array($0.values) }.sorted {
            ($0.subject.program, $0.subject.peer) < ($1.subject.program, $1.subject.peer)
        }
    }
}
