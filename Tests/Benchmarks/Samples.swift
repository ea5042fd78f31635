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
    var median: Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }
}

extension Samples {
    /// Runs each of these `rounds` times, taking turns, so that what disturbs the machine disturbs all of them alike.
    /// Answers the median of what each answered.
    static func medians(of runs: [() throws -> Double], rounds: Int) throws -> [Double] {
        var samples = [Samples](repeating: Samples(), count: runs.count)
        for round in 0..<rounds {
            // Each round begins elsewhere: nothing is always measured behind the same neighbour.
            for offset in 0..<runs.count {
                let index = (offset + round) % runs.count
                samples[index].add(try runs[index]())
            }
        }
        return samples.map(\.median)
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
