import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// What LAMINA_WSK_FORCE asks for, e.g. `pend=50%,late=20%,alloc=1%,seed=7`: the share of requests that pend although
/// they could end at once, of pending ones that another thread completes, and of allocations that fail. The same seed
/// gives the same decisions in the same order.
enum Force {
    private struct Rates {
        /// In millionths.
        var pend: UInt64 = 0
        var late: UInt64 = 0
        var allocation: UInt64 = 0
        var seed: UInt64 = 1
    }

    private static let rates: Rates = {
        guard let text = Environment.value(of: "LAMINA_WSK_FORCE") else { return Rates() }
        var rates = Rates()
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            let value = pair.count == 2 ? pair[1] : ""
            switch pair.first {
            case "pend": rates.pend = rate(value, part)
            case "late": rates.late = rate(value, part)
            case "alloc": rates.allocation = rate(value, part)
            case "seed": rates.seed = UInt64(value) ?? refuse(part)
            default: _ = refuse(part)
            }
        }
        return rates
    }()

    private static func rate(_ value: Substring, _ part: Substring) -> UInt64 {
        guard value.last == "%", let share = Double(value.dropLast()), (0...100).contains(share) else {
            return refuse(part)
        }
        return UInt64(share * 10_000)
    }

    private static func refuse(_ part: Substring) -> UInt64 {
        Report.line("LAMINA_WSK_FORCE: \"\(part)\" means nothing; write pend=50%,late=20%,alloc=1%,seed=7")
        return 0
    }

    // Changed by atomic operations.
    nonisolated(unsafe) private static let counters: UnsafeMutablePointer<UInt32> = {
        let counters = UnsafeMutablePointer<UInt32>.allocate(capacity: 3)
        counters.initialize(repeating: 0, count: 3)
        return counters
    }()

    /// Whether decision number n of a stream falls within `rate`.
    private static func decides(_ rate: UInt64, stream: Int) -> Bool {
        guard rate > 0 else { return false }
        var value = rates.seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(stream) << 32
        value &+= UInt64(clinux_add_u32(counters + stream, 1)) &* 0xbf58_476d_1ce4_e5b9
        value ^= value >> 30
        value &*= 0xbf58_476d_1ce4_e5b9
        value ^= value >> 27
        value &*= 0x94d0_49bb_1331_11eb
        value ^= value >> 31
        return value % 1_000_000 < rate
    }

    /// Whether an operation that has ended at once is to pend.
    static func pends() -> Bool { decides(rates.pend, stream: 0) }

    /// Whether a pending operation's completion is left to another thread.
    static func isLate() -> Bool { decides(rates.late, stream: 1) }

    /// Whether an allocation is to fail.
    static func failsAllocation() -> Bool { decides(rates.allocation, stream: 2) }
}

/// Lines for people.
enum Report {
    /// Writes `lamina: wsk: TEXT` to standard error, in one piece.
    static func line(_ text: String) {
        var line = "lamina: wsk: \(text)\n"
        line.withUTF8 { bytes in
            var left = bytes[...]
            while !left.isEmpty {
                let part = UnsafeBufferPointer(rebasing: left)
                let count = write(STDERR_FILENO, part.baseAddress, part.count)
                guard count > 0 else { return }
                left = left.dropFirst(count)
            }
        }
    }
}
