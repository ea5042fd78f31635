/// What is to happen when, earliest first. A removed timer leaves its place in the heap, which passes over it later.
struct TimerQueue {
    enum Timer {
        case work(EngineLoop.Work)
        case deadline(Request)
    }

    private var heap: [(when: Int64, identity: UInt64)] = []
    private var timers: [UInt64: Timer] = [:]
    private var next: UInt64 = 1

    /// When the earliest is due.
    var first: Int64? { heap.first?.when }

    @discardableResult
    mutating func insert(_ timer: Timer, at when: Int64) -> UInt64 {
        let identity = next
        next += 1
        timers[identity] = timer
        heap.append((when, identity))
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2].when > heap[child].when {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
        return identity
    }

    mutating func remove(_ identity: UInt64) {
        timers[identity] = nil
        while let earliest = heap.first, timers[earliest.identity] == nil { removeFirst() }
        if heap.count > 64, heap.count > 4 * timers.count {
            let left = heap.filter { timers[$0.identity] != nil }.sorted { $0.when < $1.when }
            heap = left
        }
    }

    /// The earliest timer that is due. Asks for the time only if there is a timer.
    mutating func popDue(at now: () -> Int64) -> Timer? {
        while let earliest = heap.first {
            guard let timer = timers[earliest.identity] else {
                removeFirst()
                continue
            }
            guard earliest.when <= now() else { return nil }
            removeFirst()
            timers[earliest.identity] = nil
            return timer
        }
        return nil
    }

    private mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].when < heap[least].when {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
