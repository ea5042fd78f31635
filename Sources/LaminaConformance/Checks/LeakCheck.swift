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

        private static func descriptorCount() -> Int {
            guard let folder = opendir("/proc/self/fd") else { return 0 }
            defer { closedir(folder) }
            var count = 0
            while readdir(folder) != nil { count += 1 }
            return count
        }
    }

    /// Sockets in one round, and how many rounds show what grows.
    private static let cycles = 60
    private static let rounds = 4
    /// Bytes a socket that a round may differ by.
    private static let tolerance = 12

    static func run(_ subject: Subject) throws {
        try checkAll(
            { try subject.onStage { rig in try measure(rig) { try onStage(rig, .connection) } } },
            { try subject.onStage { rig in try measure(rig) { try onStage(rig, .datagram) } } },
            { try subject.onLoopback { rig in try measure(rig) { try onLoopback(rig) } } }
        )
    }

    private static func measure(_ rig: Rig, _ cycle: () throws -> Void) throws {
        for _ in 0..<cycles { try cycle() }
        var growth = (descriptors: Int.max, threads: Int.max, heap: Int.max)
        for _ in 0..<rounds {
            Patience.pass(20)
            let before = Holdings()
            for _ in 0..<cycles { try cycle() }
            _ = Patience.wait(Patience.call) { rig.stage?.openCount ?? 0 == 0 }
            Patience.pass(20)
            let after = Holdings()
            growth = (
                min(growth.descriptors, after.descriptors - before.descriptors),
                min(growth.threads, after.threads - before.threads),
                min(growth.heap, after.heap - before.heap)
            )
        }
        let each = "\(rig.place): \(cycles) sockets that were opened, used and closed"
        if let open = rig.stage?.openCount, open > 0 {
            throw Finding("close", "\(each) left \(open) open below", "close each lower column that was opened")
        }
        if let nodes = rig.stage?.nodeCount, nodes > 0 {
            throw Finding("release", "\(each) left \(nodes) nodes retained", "give retained nodes back")
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
