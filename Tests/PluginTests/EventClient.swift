import CLamina
import CLinux
import Glibc
import Lamina

/// A program's side of indications: it notes what comes, and answers as it is told to.
final class EventClient: @unchecked Sendable {
    // Guarded by the mutex.
    private var mutex = pthread_mutex_t()
    private var changed = pthread_cond_t()
    private var received: [UInt8] = []
    private var ends: [lamina_disconnect_event] = []
    private var datagrams: [(bytes: [UInt8], sender: Address?, control: [ControlData])] = []
    private var accepted: [lamina_socket] = []
    private var retained: [UnsafeMutablePointer<lamina_data>] = []
    private var inspected: [lamina_inspect_id] = []
    private var aborted: [lamina_inspect_id] = []
    private var decision: (Address) -> Int = { _ in LAMINA_INSPECT_ACCEPT }
    private var backlogs: [UInt64] = []
    private var calls = 0
    private var inside = 0
    private var mostInside = 0

    /// How the receive indication is answered: status, and how many bytes are taken. Called on the engine's thread.
    var takeData: (Int) -> (lamina_status, Int) = { (0, $0) }
    /// Is called inside each receive indication.
    var insideReceive: () -> Void = {}
    /// How the accept indication is answered.
    var takeConnection: (lamina_socket) -> lamina_status = { _ in 0 }
    /// How the inspect indication is answered; may be changed while it comes.
    var inspect: (Address) -> Int {
        get {
            pthread_mutex_lock(&mutex)
            defer { pthread_mutex_unlock(&mutex) }
            return decision
        }
        set { note { decision = newValue } }
    }
    /// How the receive-from indication is answered.
    var takeDatagrams: lamina_status = 0

    init() {
        pthread_mutex_init(&mutex, nil)
        pthread_cond_init(&changed, nil)
    }

    /// Hears this socket's events from now on, where they are enabled.
    func attach(to socket: Socket) throws {
        try socket.setIndications(Self.table, context: Unmanaged.passUnretained(self).toOpaque())
    }

    private func note(_ body: () -> Void) {
        pthread_mutex_lock(&mutex)
        body()
        pthread_cond_broadcast(&changed)
        pthread_mutex_unlock(&mutex)
    }

    /// Waits until `body` answers something.
    private func wait<Result>(for what: String, _ body: () -> Result?) throws -> Result {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += 20
        while true {
            if let result = body() { return result }
            guard pthread_cond_timedwait(&changed, &mutex, &until) == 0 else { throw TestFailure("no \(what) came") }
        }
    }

    /// The bytes that were taken or retained, once there are so many.
    func bytes(_ count: Int) throws -> [UInt8] {
        try wait(for: "\(count) bytes") { received.count >= count ? received : nil }
    }

    func end() throws -> lamina_disconnect_event { try wait(for: "end") { ends.first } }

    func connection() throws -> lamina_socket {
        try wait(for: "connection") { accepted.isEmpty ? nil : accepted.removeFirst() }
    }

    func inspection() throws -> lamina_inspect_id {
        try wait(for: "inspection") { inspected.isEmpty ? nil : inspected.removeFirst() }
    }

    func abort() throws -> lamina_inspect_id { try wait(for: "abort") { aborted.first } }

    /// The first ideal backlogs that were told.
    func backlogs(_ count: Int) throws -> [UInt64] {
        try wait(for: "\(count) backlogs") { backlogs.count >= count ? backlogs : nil }
    }

    func datagrams(_ count: Int) throws -> [(bytes: [UInt8], sender: Address?, control: [ControlData])] {
        try wait(for: "\(count) datagrams") { datagrams.count >= count ? datagrams : nil }
    }

    /// How many receive indications came, once it is at least so many.
    @discardableResult
    func calls(atLeast count: Int) throws -> Int { try wait(for: "\(count) calls") { calls >= count ? calls : nil } }

    /// How many ran at once at the most.
    var overlap: Int {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        return mostInside
    }

    var callCount: Int {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        return calls
    }

    /// Gives back what was retained, by the socket or, once that is closed, by the nodes' own word.
    func release(through socket: Socket?) throws {
        pthread_mutex_lock(&mutex)
        let nodes = retained
        retained = []
        pthread_mutex_unlock(&mutex)
        for node in nodes {
            node.pointee.next = nil
            if let socket {
                try socket.waiting.perform("release") { lamina_socket_release(socket.handle, node, $0) }
            } else {
                node.pointee.owner?(node, node.pointee.owner_context)
            }
        }
    }

    private static func client(_ slot: UnsafeMutablePointer<lamina_slot>) -> EventClient? {
        slot.pointee.context.map { Unmanaged<EventClient>.fromOpaque($0).takeUnretainedValue() }
    }

    private func receive(_ event: UnsafeMutablePointer<lamina_receive_event>) -> lamina_status {
        guard let node = event.pointee.data else { return -EAGAIN }
        let count = Int(event.pointee.bytes_indicated)
        // Before anybody hears of the call, and changes the answer to the next one.
        let (status, taken) = takeData(count)
        note {
            calls += 1
            inside += 1
            mostInside = max(mostInside, inside)
        }
        insideReceive()
        let bytes = UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length)
        event.pointee.bytes_accepted = UInt64(taken)
        note {
            inside -= 1
            if status == LAMINA_PENDING { retained.append(node) }
            if status >= 0 { received += bytes.prefix(status == LAMINA_PENDING ? count : taken) }
        }
        return status
    }

    private func receiveFrom(_ event: UnsafeMutablePointer<lamina_receive_from_event>) -> lamina_status {
        let answer = takeDatagrams
        note {
            calls += 1
            var next = event.pointee.datagrams
            while let node = next {
                let bytes = UnsafeRawBufferPointer(start: node.pointee.buffer.base, count: node.pointee.buffer.length)
                let control = UnsafeRawBufferPointer(start: node.pointee.control, count: node.pointee.control_length)
                let sender = node.pointee.address.map { Address($0.pointee) }
                datagrams.append((Array(bytes), sender, ControlData.decode(control)))
                next = node.pointee.next
                if answer == LAMINA_PENDING { retained.append(node) }
            }
        }
        return answer
    }

    nonisolated(unsafe) private static let table: UnsafePointer<lamina_indications> = {
        let table = UnsafeMutablePointer<lamina_indications>.allocate(capacity: 1)
        table.initialize(to: lamina_indications())
        table.pointee.size = UInt32(MemoryLayout<lamina_indications>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.accept = { slot, event in
            guard let client = client(slot) else { return -EAGAIN }
            let socket = lamina_socket(slot: event.pointee.accepted, generation: event.pointee.accepted_generation)
            let status = client.takeConnection(socket)
            if status == 0 { client.note { client.accepted.append(socket) } }
            return status
        }
        table.pointee.receive = { slot, event in client(slot)?.receive(event) ?? -EAGAIN }
        table.pointee.receive_from = { slot, event in client(slot)?.receiveFrom(event) ?? -EAGAIN }
        table.pointee.inspect = { slot, event in
            guard let client = client(slot) else { return -EAGAIN }
            event.pointee.answer = UInt32(client.inspect(Address(event.pointee.remote.pointee)))
            client.note { client.inspected.append(event.pointee.id) }
            return 0
        }
        table.pointee.abort = { slot, event in
            client(slot)?.note { client(slot)?.aborted.append(event.pointee.id) }
            return 0
        }
        table.pointee.send_backlog = { slot, event in
            client(slot)?.note { client(slot)?.backlogs.append(event.pointee.ideal_bytes) }
            return 0
        }
        table.pointee.disconnect = { slot, event in
            guard let client = client(slot) else { return 0 }
            client.note { client.ends.append(event.pointee) }
            return 0
        }
        return UnsafePointer(table)
    }()
}

extension Socket {
    /// Enables and disables indications, waiting.
    func enable(_ set: [Int], clear: [Int] = []) throws {
        func bits(_ indications: [Int]) -> UInt32 { indications.reduce(0) { $0 | 1 << UInt32($1) } }
        try waiting.perform("enable", deadline: soon()) {
            lamina_socket_enable_indications(handle, bits(set), bits(clear), $0)
        }
    }
}

/// Something that threads wait for once.
final class Latch: @unchecked Sendable {
    // A POSIX semaphore, which any thread may use.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func open() { sem_post(semaphore) }

    /// Whether `open` was called.
    var isOpen: Bool {
        guard sem_trywait(semaphore) == 0 else { return false }
        sem_post(semaphore)
        return true
    }

    /// Waits until `open` was called; later calls return at once.
    func wait() {
        while sem_wait(semaphore) != 0 {}
        sem_post(semaphore)
    }
}
