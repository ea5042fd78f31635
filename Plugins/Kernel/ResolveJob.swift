import CLamina
import CLinux
import Glibc
import LaminaProvider

/// One question to the system's resolver, which blocks: it runs on a thread of `ResolverPool`.
struct ResolveJob {
    /// Who is told of the answer.
    enum Waiter {
        case nobody
        /// A connect in this lane.
        case lane(UnsafeMutablePointer<Lane>)
        /// A request of its own.
        case request(Slot, Request)
    }

    /// What is asked: a name, or an address.
    var question: lamina_address
    let family: Int32
    /// getnameinfo's flags.
    var flags: Int32 = 0
    /// Whether the question is an address whose name is wanted.
    var isReverse = false
    /// Where the answer of a request goes.
    var query: UnsafeMutableRawPointer?
    var waiter = Waiter.nobody
    var status: Int32 = 0
    /// The addresses found, `count` of them.
    var addresses: UnsafeMutablePointer<lamina_address>?
    var count = 0
    /// The name found, or nil.
    var name: UnsafeMutablePointer<CChar>?
    /// The rest is guarded by the pool's lock.
    var next: UnsafeMutablePointer<ResolveJob>?
    var isQueued = false
    var isAbandoned = false
    var isFinished: UInt32 = 0
}

extension UnsafeMutablePointer<ResolveJob> {
    /// A job that asks `question`. Nil: no memory.
    static func make(_ question: UnsafePointer<lamina_address>, family: Int32) -> Self? {
        guard let memory = malloc(MemoryLayout<ResolveJob>.size) else { return nil }
        let job = memory.bindMemory(to: ResolveJob.self, capacity: 1)
        job.initialize(to: ResolveJob(question: question.pointee, family: family))
        return job
    }

    private var question: UnsafeMutablePointer<lamina_address> {
        field(\.question)
    }

    var hasFinished: Bool { clinux_load_u32(field(\.isFinished)) != 0 }

    /// Gives back the job and its answer.
    func discard() {
        free(UnsafeMutableRawPointer(pointee.addresses))
        free(UnsafeMutableRawPointer(pointee.name))
        free(UnsafeMutableRawPointer(self))
    }

    /// Answers on this thread if the name is an address in numbers, or nobody needs to be asked.
    func runNumeric() -> Bool {
        if pointee.isReverse {
            guard pointee.flags & NI_NUMERICHOST != 0 else { return false }
            run()
        } else {
            lookUp(AI_NUMERICHOST)
            guard pointee.status == 0 else {
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

    private func lookUp(_ flags: Int32) {
        var hints = addrinfo()
        hints.ai_family = pointee.family
        hints.ai_socktype = streamType
        // An IPv6 socket reaches IPv4 hosts by mapped addresses.
        hints.ai_flags = flags | (pointee.family == AF_INET6 ? AI_V4MAPPED : 0)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(question.bytes.assumingMemoryBound(to: CChar.self), nil, &hints, &found)
        guard result == 0 else {
            pointee.status = Self.status(of: result)
            return
        }
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
    }

    private func write(_ found: addrinfo, to address: UnsafeMutablePointer<lamina_address>) {
        guard let socket = found.ai_addr else { return }
        let length = min(found.ai_addrlen, UnsafeMutablePointer<lamina_address>.capacity)
        memcpy(address.bytes, socket, Int(length))
        address.finish(length)
        let port = pointee.question.port.bigEndian
        if found.ai_family == AF_INET { address.pointee.storage.ipv4.sin_port = port }
        if found.ai_family == AF_INET6 { address.pointee.storage.ipv6.sin6_port = port }
    }

    private func lookUpName() {
        guard let memory = malloc(256) else {
            pointee.status = -ENOMEM
            return
        }
        let name = memory.bindMemory(to: CChar.self, capacity: 256)
        let result = getnameinfo(
            question.socket,
            pointee.question.length,
            name,
            256,
            nil,
            0,
            pointee.flags
        )
        pointee.status = Self.status(of: result)
        pointee.name = name
    }

    /// -ENOENT: there is no such name; -EHOSTUNREACH: no name server answered.
    private static func status(of result: Int32) -> Int32 {
        switch result {
        case 0: 0
        case EAI_SYSTEM: -errno
        case EAI_AGAIN: -EHOSTUNREACH
        case EAI_MEMORY: -ENOMEM
        case EAI_FAMILY: -EAFNOSUPPORT
        case EAI_BADFLAGS, EAI_OVERFLOW: -EINVAL
        default: -ENOENT
        }
    }
}
