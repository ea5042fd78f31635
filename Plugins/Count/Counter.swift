import CLamina
import Synchronization

/// What is counted of one entry or indication. Each has a cache line of its own, so that a thread that sends and one
/// that receives on a socket don't wait for each other; adding to it is atomic only because two threads may use one
/// entry of one socket at once.
struct Counter: ~Copyable {
    let calls = Atomic<UInt64>(0)
    let failures = Atomic<UInt64>(0)
    let bytes = Atomic<UInt64>(0)
}

typealias CounterPointer = UnsafeMutablePointer<Counter>

/// The counters of one socket, or of a level, by entry and then by indication, in raw memory.
struct Counters {
    static let alignment = 64
    static let count = LAMINA_ENTRY_COUNT + LAMINA_INDICATION_COUNT
    static let size = count * alignment

    let memory: UnsafeMutableRawPointer

    /// Sets the counters in `memory` to 0.
    static func initialize(_ memory: UnsafeMutableRawPointer) {
        for index in 0..<count {
            (memory + index * alignment).bindMemory(to: Counter.self, capacity: 1).initialize(to: Counter())
        }
    }

    /// The counter of an entry, or of an indication from `LAMINA_ENTRY_COUNT` on.
    @inline(__always)
    subscript(index: Int) -> CounterPointer {
        (memory + index * Self.alignment).assumingMemoryBound(to: Counter.self)
    }

    /// What is known of the entry or indication that a counter stands for.
    static func description(_ index: Int) -> lamina_entry_description {
        index < LAMINA_ENTRY_COUNT
            ? lamina_describe_entry(UInt32(index)).pointee
            : lamina_describe_indication(UInt32(index - LAMINA_ENTRY_COUNT)).pointee
    }

    /// Adds the counts of `other`.
    func add(_ other: Counters) {
        for index in 0..<Self.count {
            let tally = other.tally(index)
            guard tally.calls > 0 else { continue }
            self[index].pointee.calls.wrappingAdd(tally.calls, ordering: .relaxed)
            self[index].pointee.failures.wrappingAdd(tally.failures, ordering: .relaxed)
            self[index].pointee.bytes.wrappingAdd(tally.bytes, ordering: .relaxed)
        }
    }

    /// The values of one counter.
    func tally(_ index: Int) -> Tally {
        Tally(
            calls: self[index].pointee.calls.load(ordering: .relaxed),
            failures: self[index].pointee.failures.load(ordering: .relaxed),
            bytes: self[index].pointee.bytes.load(ordering: .relaxed)
        )
    }

    /// The sum of the counters that `isMeant` chooses.
    func sum(_ isMeant: (Int) -> Bool) -> Tally {
        var sum = Tally()
        for index in 0..<Self.count where isMeant(index) {
            let tally = tally(index)
            sum.calls += tally.calls
            sum.failures += tally.failures
            sum.bytes += tally.bytes
        }
        return sum
    }
}

/// Counts at one moment.
struct Tally {
    var calls: UInt64 = 0
    var failures: UInt64 = 0
    var bytes: UInt64 = 0
}

extension CounterPointer {
    /// Counts one call or event that ended.
    @inline(__always)
    func add(_ status: lamina_status, bytes: UInt64) {
        pointee.calls.wrappingAdd(1, ordering: .relaxed)
        if bytes > 0 { pointee.bytes.wrappingAdd(bytes, ordering: .relaxed) }
        if status < 0 { pointee.failures.wrappingAdd(1, ordering: .relaxed) }
    }
}
