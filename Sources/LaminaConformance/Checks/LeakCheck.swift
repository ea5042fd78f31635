import CLamina
import CLinux
import Glibc
import Lamina

/// What is left when sockets have come and gone.
enum LeakCheck {
    /// What a process holds.
    private struct Holdings {
        let descriptors: Int
        let threads: Int
        let heap: Int

        init() {
            descriptors = Self.descriptorCount()
            threads = Int(clinux_thread_count())
            heap = clinux_heap_in_use()
        }

        /// Whether a round of sockets has left so much that it may be one thing a socket.
        func isMore(than other: Holdings) -> Bool {
            descriptors - other.descriptors >= cycles / 2 || threads - other.threads >= cycles / 2
                || heap - other.heap > cycles * tolerance
        }

        private static func descriptorCount() -> Int {
            guard let folder = opendir("/proc/self/fd") else { return 0 }
            defer { closedir(folder) }
            var count = 0
            while readdir(folder) != nil { count += 1 }
            return count
        }
    }

    /// Sockets in one round, and how many rounds show what grows: more than it takes to fill the allocator's caches of the
    /// threads that free, which count as used.
    private static let cycles = 60
    private static let rounds = 12
    /// Milliseconds that what a socket's end leaves to the engine takes, as a rule and at the most.
    private static let settling: Int64 = 10
    private static let patience: Int64 = 500
    /// Bytes a socket that a round may differ by.
    private static let tolerance = 12

    static func run(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { rig in try measure(rig) { try onStage(rig, .connection) } } },
            { try subject.onStage { rig in try measure(rig) { try onStage(rig, .datagram) } } },
            { try subject.onStage(nodes) },
            { try subject.onLoopback { rig in try measure(rig) { try onLoopback(rig) } } }
        )
    }

    private static func measure(_ rig: Rig, _ cycle: () throws -> Void) throws {
        for _ in 0..<cycles { try cycle() }
        var growth = (descriptors: Int.max, threads: Int.max, heap: Int.max)
        for _ in 0..<rounds {
            Patience.pass(settling)
            let before = Holdings()
            for _ in 0..<cycles { try cycle() }
            _ = Patience.wait(Patience.call) { rig.stage?.openCount ?? 0 == 0 }
            var after = before
            _ = Patience.wait(patience) {
                after = Holdings()
                return !after.isMore(than: before)
            }
            growth = (
                min(growth.descriptors, after.descriptors - before.descriptors),
                min(growth.threads, after.threads - before.threads),
                min(growth.heap, after.heap - before.heap)
            )
            if !after.isMore(than: before), rig.stage?.openCount ?? 0 == 0 { return }
        }
        let each = "\(rig.place): \(cycles) sockets that were opened, used and closed"
        if let open = rig.stage?.openCount, open > 0 {
            throw Finding("close", "\(each) left \(open) open below", "close each lower column that was opened")
        }
        if growth.descriptors >= cycles / 2 {
            throw Finding("close", "\(each) left \(growth.descriptors) descriptors", "close what a socket opened")
        }
        if growth.threads >= cycles / 2 {
            throw Finding("close", "\(each) left \(growth.threads) threads", "end what a socket started")
        }
        if growth.heap > cycles * tolerance {
            throw Finding(
                "close",
                "\(each) left \(growth.heap) bytes of memory, \(growth.heap / cycles) each",
                "free a socket's context when the levels below have closed, also where an open fails"
            )
        }
    }

    private static func onStage(_ rig: Rig, _ category: SocketCategories) throws {
        let socket = try rig.ready(category)
        let (stage, slot) = try rig.below()
        stage.deliver(Ask.marker, to: slot, datagram: category == .datagram)
        var calls: [(Ask, Call)] = []
        for entry in Battery.entries(of: category) where entry != LAMINA_ENTRY_BIND && entry != LAMINA_ENTRY_CONNECT {
            let ask = Ask(entry)
            let call = Call(ask.name)
            call.make { ask.issue(socket, $0) }
            // A second receive waits, and ends with close.
            _ = Patience.wait(Patience.call) { call.hasEnded || stage.heldCount() > 0 }
            calls.append((ask, call))
        }
        stage.forget()
        rig.close(socket)
        _ = Patience.wait(Patience.call) { calls.allSatisfy(\.1.hasEnded) }
    }

    /// Data that a client retained and gave back reach their owner.
    private static func nodes(_ rig: Rig) throws {
        let socket = try rig.ready(.connection)
        let (stage, slot) = try rig.below()
        let sink = EventSink()
        sink.retainAll()
        try sink.attach(to: socket, [LAMINA_INDICATION_RECEIVE], rig)
        for _ in 0..<3 { stage.indicate(Ask.marker, on: slot) }
        guard Patience.wait(Patience.call, { sink.bytes >= 3 * Ask.marker.count }) else {
            throw NotApplicable("no indication comes \(rig.place)")
        }
        _ = Patience.wait(Patience.call) { !sink.isInside }
        while let node = sink.takeNode() {
            _ = try rig.need("release") { lamina_socket_release(socket, node, $0) }
        }
        let left = Patience.wait(Patience.call) { stage.nodeCount == 0 } ? 0 : stage.nodeCount
        rig.close(socket)
        guard left == 0 else {
            throw Finding(
                "release",
                "\(rig.place): of 3 nodes that were given back, \(left) never reached their owner",
                "pass release on, or hand each node to the owner that stands in it"
            )
        }
    }

    private static func onLoopback(_ rig: Rig) throws {
        let pair = try rig.pair()
        for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
            let send = Ask(LAMINA_ENTRY_SEND)
            let sending = Call(send.name)
            sending.make { send.issue(from, $0) }
            let receive = Ask(LAMINA_ENTRY_RECEIVE)
            let receiving = Call(receive.name)
            receiving.make { receive.issue(to, $0) }
            _ = try sending.needEnd(rig.place)
            _ = try receiving.needEnd(rig.place)
        }
        pair.close()
    }
}
