import CLinux

/// Figures of one thing, from many short runs.
struct Samples {
    private var values: [Double]

    init(_ values: [Double] = []) {
        self.values = values
    }

    mutating func add(_ value: Double) {
        values.append(value)
    }

    /// The middle one.
    var median: Double { quantile(0.5) }

    /// The value that this part of the others is below.
    func quantile(_ part: Double) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[min(Int(Double(sorted.count) * part), sorted.count - 1)]
    }

    /// Each of these in proportion to the one that was measured in the same round.
    func ratios(to base: Samples) -> Samples {
        Samples(zip(values, base.values).map { $0 / $1 })
    }
}

extension Samples {
    /// Runs each of these `rounds` times, taking turns, so that what disturbs the machine disturbs all of them alike.
    /// Answers what each answered, round by round.
    static func rounds(of runs: [() throws -> Double], count: Int) throws -> [Samples] {
        var samples = [Samples](repeating: Samples(), count: runs.count)
        for round in 0..<count {
            // Each round begins elsewhere: nothing is always measured behind the same neighbour.
            for offset in 0..<runs.count {
                let index = (offset + round) % runs.count
                samples[index].add(try runs[index]())
            }
        }
        return samples
    }

    /// The median of what each of these answered, `rounds` times.
    static func medians(of runs: [() throws -> Double], rounds count: Int) throws -> [Double] {
        try rounds(of: runs, count: count).map(\.median)
    }
}

/// Which processors a thread runs on.
enum Processors {
    /// Those that this process may use.
    static let allowed: [Int32] = (0..<1024).filter { clinux_may_run_on($0) }

    /// Keeps the calling thread on one of them; a number past the last one begins anew.
    static func pin(to number: Int) {
        guard !allowed.isEmpty else { return }
        _ = clinux_run_on(allowed[number % allowed.count])
    }

    /// Undoes `pin`: what is started next runs wherever there is room.
    static func unpin() {
        _ = clinux_run_on(-1)
    }
}
