import CLamina
import CLinux
import Glibc
import Lamina

/// One request a round; three threads complete it, cancel it and close its socket as chance has it, and a deadline runs.
final class Race: @unchecked Sendable {
    // The threads of one round touch the round's own request; counters are changed by atomic operations.
    private let chain: Chain
    private let requests: UnsafeMutablePointer<lamina_request>
    private let counts: UnsafeMutablePointer<UInt32>
    private let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    private let tickets = UnsafeMutablePointer<UInt32>.allocate(capacity: 4)
    private var socket: Socket
    private static let ring = 4096

    private(set) var wrong = 0
    private(set) var completions = 0
    private(set) var outcomes: [Int32: Int] = [:]

    init(_ chain: Chain) throws {
        self.chain = chain
        requests = .allocate(capacity: Self.ring)
        counts = .allocate(capacity: Self.ring)
        tickets.initialize(repeating: 0, count: 4)
        socket = try chain.open(.connection())
    }

    deinit {
        requests.deallocate()
        counts.deallocate()
        byte.deallocate()
        tickets.deallocate()
    }

    /// tickets: 0 the round that is open, 1 and 2 the last round that each helper has played, 3 stop.
    func run(rounds: Int) throws {
        var random = SystemRandomNumberGenerator()
        let helpers = [1, 2].map { number in Thread { [self] in help(number) } }
        for round in 1...rounds {
            let index = round % Self.ring
            let request = requests + index
            clinux_store_u32(counts + index, 0)
            lamina_request_prepare(
                request,
                { _, _, count in
                    if let count { _ = clinux_add_u32(count.assumingMemoryBound(to: UInt32.self), 1) }
                    return 0
                },
                counts + index
            )
            let choice = UInt8.random(in: 0...3, using: &random)
            if choice == 0 { request.pointee.deadline = clinux_monotonic() + Int64.random(in: 1...20_000) }
            var buffer = lamina_buffer(base: byte, length: 1)
            let status = lamina_socket_receive(socket.handle, &buffer, 1, 0, request)
            clinux_store_u32(tickets, UInt32(round))
            let closes = round % 16 == 0
            if closes { socket.close() }
            while clinux_load_u32(tickets + 1) != UInt32(round) || clinux_load_u32(tickets + 2) != UInt32(round) {
                sched_yield()
            }
            while clinux_load_u32(counts + index) == 0 {
                if !closes { socket.completeOne() }
                sched_yield()
            }
            if (request.pointee.flags & UInt32(LAMINA_REQUEST_PENDED) != 0) != (status == LAMINA_PENDING) { wrong += 1 }
            outcomes[request.pointee.status, default: 0] += 1
            if closes { socket = try chain.open(.connection()) }
            // A second completion would come late: the counters are read once more, a ring later and at the end.
            let earlier = (round + 1) % Self.ring
            if round >= Self.ring {
                let count = clinux_load_u32(counts + earlier)
                completions += Int(count)
                if count != 1 { wrong += 1 }
            }
        }
        clinux_store_u32(tickets + 3, 1)
        helpers.forEach { $0.join() }
        try socket.waiting.close()
        for round in max(rounds - Self.ring + 2, 1)...rounds {
            let count = clinux_load_u32(counts + round % Self.ring)
            completions += Int(count)
            if count != 1 { wrong += 1 }
        }
    }

    private func help(_ number: Int) {
        var random = SystemRandomNumberGenerator()
        var played: UInt32 = 0
        while clinux_load_u32(tickets + 3) == 0 {
            let round = clinux_load_u32(tickets)
            guard round != played else {
                sched_yield()
                continue
            }
            for _ in 0..<Int.random(in: 0...40, using: &random) { _ = clinux_load_u32(tickets) }
            if number == 1 {
                if Bool.random(using: &random) { _ = Requests.cancel(requests + Int(round) % Self.ring) }
            } else if Bool.random(using: &random) {
                socket.completeOne()
            }
            played = round
            clinux_store_u32(tickets + number, round)
        }
    }
}

/// Threads that send on a socket which another one closes and opens again and again. The base answers each send with a
/// number of its own for the socket, so a wrong delivery shows.
final class LateCalls: @unchecked Sendable {
    // `current` is replaced under the lock; counters are changed by atomic operations.
    private let chain: Chain
    private var current: (socket: Socket, key: UInt64)
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let counts = UnsafeMutablePointer<UInt32>.allocate(capacity: 4)

    var served: UInt32 { clinux_load_u32(counts) }
    var refused: UInt32 { clinux_load_u32(counts + 1) }
    var wrong: UInt32 { clinux_load_u32(counts + 2) }

    init(_ chain: Chain) throws {
        self.chain = chain
        counts.initialize(repeating: 0, count: 4)
        pthread_mutex_init(lock, nil)
        let socket = try chain.open(.connection())
        current = (socket, Self.send(socket).bytes)
    }

    deinit {
        lock.deallocate()
        counts.deallocate()
    }

    private static func send(_ socket: Socket) -> (status: lamina_status, bytes: UInt64) {
        var byte: UInt8 = 0
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        let status = withUnsafeMutablePointer(to: &byte) { byte in
            var buffer = lamina_buffer(base: byte, length: 1)
            return lamina_socket_send(socket.handle, &buffer, 1, 0, &request)
        }
        return (status, request.bytes)
    }

    func run(rounds: Int) throws {
        let senders = (0..<2).map { _ in
            Thread { [self] in
                while clinux_load_u32(counts + 3) == 0 {
                    pthread_mutex_lock(lock)
                    let (socket, key) = current
                    pthread_mutex_unlock(lock)
                    for _ in 0..<50 {
                        let (status, bytes) = Self.send(socket)
                        let place = status == 0 ? (bytes == key ? 0 : 2) : (status == -EBADF ? 1 : 2)
                        _ = clinux_add_u32(counts + place, 1)
                    }
                }
            }
        }
        for _ in 0..<rounds {
            let next = try chain.open(.connection())
            let key = Self.send(next).bytes
            pthread_mutex_lock(lock)
            let old = current.socket
            current = (next, key)
            pthread_mutex_unlock(lock)
            old.close()
        }
        clinux_store_u32(counts + 3, 1)
        senders.forEach { $0.join() }
        try current.socket.waiting.close()
    }
}

/// A thread that runs a closure.
final class Thread {
    private var handle = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        pthread_create(
            &handle,
            nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            },
            box
        )
    }

    func join() {
        pthread_join(handle, nil)
    }
}
