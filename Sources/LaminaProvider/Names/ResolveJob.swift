public import CLamina
import CLinux
import Glibc

/// One question to the system's resolver, which blocks: it runs on a thread of `ResolverPool`.
public struct ResolveJob {
    /// Who is told of the answer.
    enum Waiter {
        case nobody
        /// An operation in this lane.
        case lane(UnsafeMutablePointer<Lane>)
        /// A request of its own.
        case request(UnsafeMutablePointer<lamina_slot>, UnsafeMutablePointer<lamina_request>)
    }

    /// What is asked: a name, or an address.
    var question: lamina_address
    let family: Int32
    /// getaddrinfo's or getnameinfo's flags.
    let flags: Int32
    /// Whether the question is an address whose name is wanted.
    var isReverse = false
    /// Where the answer of a request goes.
    var query: UnsafeMutableRawPointer?
    var waiter = Waiter.nobody
    /// 0 or a negative errno, once it has finished.
    public internal(set) var status: Int32 = 0
    /// The addresses found, `count` of them.
    public internal(set) var addresses: UnsafeMutablePointer<lamina_address>?
    /// How many addresses were found.
    public internal(set) var count = 0
    /// The name found, or the canonical one that was asked for, or nil.
    var name: UnsafeMutablePointer<CChar>?
    // The rest is guarded by the pool's lock.
    var next: UnsafeMutablePointer<ResolveJob>?
    var isQueued = false
    var isRunning = false
    var isAbandoned = false
    /// Which process's threads it is for.
    var epoch: UInt32 = 0
    var isFinished: UInt32 = 0
}

extension UnsafeMutablePointer<ResolveJob> {
    /// A job that asks `question` with getaddrinfo's or getnameinfo's flags. Nil: no memory.
    public static func make(_ question: UnsafePointer<lamina_address>, family: Int32, flags: Int32) -> Self? {
        guard let memory = malloc(MemoryLayout<ResolveJob>.size) else { return nil }
        let job = memory.bindMemory(to: ResolveJob.self, capacity: 1)
        job.initialize(to: ResolveJob(question: question.pointee, family: family, flags: flags))
        return job
    }

    private var question: UnsafeMutablePointer<lamina_address> {
        field(\.question)
    }

    /// Whether the answer is there.
    public var hasFinished: Bool { clinux_load_u32(field(\.isFinished)) != 0 }

    /// Gives back the job and its answer.
    func discard() {
        free(UnsafeMutableRawPointer(pointee.addresses))
        free(UnsafeMutableRawPointer(pointee.name))
        free(UnsafeMutableRawPointer(self))
    }

    /// Answers on this thread if the question is in numbers, or nobody needs to be asked.
    public func runNumeric() -> Bool {
        if pointee.isReverse {
            guard pointee.flags & NI_NUMERICHOST != 0 else { return false }
            run()
        } else {
            lookUp(AI_NUMERICHOST)
            guard pointee.status == 0 || pointee.flags & AI_NUMERICHOST != 0 else {
                pointee.status = 0
                return false
            }
        }
        clinux_store_u32(field(\.isFinished), 1)
        return true
    }

    /// Asks the system; may block for long.
    func run() {
        if pointee.isReverse { lookUpName() } else { lookUp(0) }
    }

    /// getaddrinfo's flags that mean something here.
    private static var known: Int32 {
        // AI_IDN and AI_CANONIDN, which Glibc's module doesn't have, are the last two.
        AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | 0x40 | 0x80
    }

    private func lookUp(_ flags: Int32) {
        var hints = addrinfo()
        hints.ai_family = pointee.family
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | pointee.flags & Self.known
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(question.bytes.assumingMemoryBound(to: CChar.self), nil, &hints, &found)
        pointee.status = lamina_status_of_eai(result, errno)
        guard result == 0 else { return }
        defer { freeaddrinfo(found) }
        var count = 0
        var entry = found
        while let current = entry {
            count += 1
            entry = current.pointee.ai_next
        }
        guard let memory = malloc(count * MemoryLayout<lamina_address>.stride) else {
            pointee.status = -ENOMEM
            return
        }
        let addresses = memory.bindMemory(to: lamina_address.self, capacity: count)
        var index = 0
        entry = found
        while let current = entry {
            addresses[index] = lamina_address()
            write(current.pointee, to: addresses + index)
            index += 1
            entry = current.pointee.ai_next
        }
        pointee.addresses = addresses
        pointee.count = count
        pointee.name = found?.pointee.ai_canonname.flatMap { strdup($0) }
    }

    private func write(_ found: addrinfo, to address: UnsafeMutablePointer<lamina_address>) {
        guard let socket = found.ai_addr else { return }
        let length = min(found.ai_addrlen, UnsafeMutablePointer<lamina_address>.capacity)
        memcpy(address.bytes, socket, Int(length))
        address.pointee.form = UInt16(LAMINA_ADDRESS_SOCKET)
        address.pointee.length = UInt32(length)
        let port = pointee.question.port.bigEndian
        if found.ai_family == AF_INET { address.pointee.storage.ipv4.sin_port = port }
        if found.ai_family == AF_INET6 { address.pointee.storage.ipv6.sin6_port = port }
    }

    private func lookUpName() {
        let capacity = Int(LAMINA_NAME_CAPACITY)
        guard let memory = malloc(capacity) else {
            pointee.status = -ENOMEM
            return
        }
        let name = memory.bindMemory(to: CChar.self, capacity: capacity)
        let result = getnameinfo(
            question.socket,
            pointee.question.length,
            name,
            socklen_t(capacity),
            nil,
            0,
            pointee.flags
        )
        pointee.status = lamina_status_of_eai(result, errno)
        pointee.name = name
    }
}
