import CLamina
import CLaminaRun
import CLinux
import Glibc
import Lamina

/// One call of the preload object's, or one that the supervisor stopped: a connection over which one thing is asked.
final class Caller {
    /// The connection.
    let descriptor: Int32
    /// The process that asks, and whose it is.
    private(set) var process: pid_t
    private(set) var user: uid_t
    private(set) var group: gid_t
    /// What the process executes, as far as is known: another after each exec.
    private(set) var image: UInt64 = 0
    /// The supervisor is at the other end, and asks for a program whose call it stopped.
    private let isSupervisor: Bool
    /// The connect that it waits for.
    weak var passage: Passage?
    /// After this one the caller, if non-blocking, is sent on before the chain has connected.
    var patience: UInt64?

    /// Who wants to know how its own connect went, and gets a descriptor of a socket that was lent, or -1.
    var directEnded: ((Int32?, Int32) -> Void)?

    /// A descriptor that came with the last question, -1 for none.
    private var lent: Int32 = -1

    init(descriptor: Int32, process: pid_t, user: uid_t, group: gid_t) {
        self.descriptor = descriptor
        self.process = process
        self.user = user
        self.group = group
        isSupervisor = process == getppid()
    }

    /// Its own connect has ended with 0 or an errno, or nobody will hear of it (nil).
    func endDirect(_ error: Int32?) {
        let ended = directEnded
        let descriptor = lent
        (directEnded, lent) = (nil, -1)
        if let ended { return ended(error, descriptor) }
        if descriptor >= 0 { close(descriptor) }
    }

    /// What a read of the connection gives.
    enum Arrival {
        case question(lamina_run_request)
        /// Nothing yet.
        case nothing
        /// The caller has gone, or says what no preload object says.
        case end
    }

    /// Reads the next question, if it is there.
    func read(secret: Secret) -> Arrival {
        var request = lamina_run_request()
        let size = MemoryLayout<lamina_run_request>.size
        var descriptors = [Int32](repeating: -1, count: Int(clinux_most_descriptors))
        var brought: Int32 = 0
        let count = clinux_packet_receive(descriptor, &request, size, &descriptors, &brought)
        if brought > 0 {
            if lent >= 0 { close(lent) }
            lent = descriptors[0]
            descriptors[1..<Int(brought)].forEach { close($0) }
        }
        if count == -EAGAIN { return .nothing }
        guard count == size, secret == Secret(first: request.secret.0, second: request.secret.1) else { return .end }
        image = request.image
        if isSupervisor {
            process = request.process
            if let owner = Process.owner(of: process) { (user, group) = owner }
        }
        return .question(request)
    }

    func answer(_ reply: lamina_run_reply) {
        withUnsafeBytes(of: reply) { bytes in
            _ = clinux_send(descriptor, bytes.baseAddress, bytes.count)
        }
    }

    /// Answers with an errno, 0 for success.
    func answer(error: Int32) {
        var reply = lamina_run_reply()
        reply.error = error
        answer(reply)
    }

    /// Answers with an address, and what becomes of a socket that is connected to it (`LAMINA_RUN_OWN` and the rest).
    func answer(_ address: Endpoint, _ way: Int = LAMINA_RUN_OWN) {
        var reply = lamina_run_reply()
        reply.way = UInt32(way)
        reply.address = address.raw
        answer(reply)
    }

    /// The socket that was lent is the program's.
    func answerReady() {
        var reply = lamina_run_reply()
        reply.way = UInt32(LAMINA_RUN_READY)
        answer(reply)
    }

    /// Answers with one of a passage's names, or that there is none.
    func answer(_ name: Endpoint?) {
        if let name { answer(name) } else { answer(error: ENOTCONN) }
    }

    /// Answers a question for addresses or for a name.
    func answer(_ status: lamina_status, _ addresses: [Endpoint] = [], name: String? = nil) {
        var names = lamina_run_names()
        names.status = lamina_eai_of_status(status)
        names.error = -status
        names.host_error = lamina_host_error_of_eai(names.status)
        let text = Array((name ?? "").utf8.prefix(Int(LAMINA_NAME_CAPACITY) - 1))
        withUnsafeMutableBytes(of: &names.canonical) { $0.copyBytes(from: text) }
        withUnsafeMutableBytes(of: &names.addresses) { bytes in
            let list = bytes.bindMemory(to: lamina_run_address.self)
            for (index, address) in addresses.prefix(list.count).enumerated() {
                list[index] = address.raw
                names.count += 1
            }
        }
        withUnsafeBytes(of: names) { bytes in
            _ = clinux_send(descriptor, bytes.baseAddress, bytes.count)
        }
    }
}

extension OriginStorage {
    /// A process of the run as layers see it, asking for this name.
    static func of(_ process: pid_t, name: String?) -> OriginStorage {
        let owner = Process.owner(of: process) ?? (getuid(), getgid())
        return OriginStorage(
            process: process,
            startTime: startTime(of: process),
            user: owner.user,
            group: owner.group,
            executable: executablePath(of: process),
            name: name
        )
    }
}

/// 128 random bits: a run's secret, or the name of its socket.
struct Secret: Equatable {
    let first: UInt64
    let second: UInt64

    init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    /// From the kernel's generator, which is Swift's own.
    init() {
        self.init(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }

    /// 32 hexadecimal digits.
    var digits: String {
        func padded(_ word: UInt64) -> String {
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return padded(first) + padded(second)
    }
}
