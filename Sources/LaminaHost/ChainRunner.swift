import CLamina
import CLinux
import Glibc
import Lamina

/// A stream connection that a program asked for.
struct ConnectRequest {
    /// The address as the program gave it, in the family of its socket.
    let destination: Endpoint
    /// What the program's socket is bound to, if anything.
    let local: Endpoint?
    /// Who asks, and for which name.
    let origin: OriginStorage
}

/// How a chain answers a connect.
enum ConnectOutcome {
    /// With an errno.
    case refused(Int32)
    /// The program's own socket is to be connected to this address. `ended` runs once, with what came of it: 0, an
    /// errno, `EINPROGRESS` where it is still under way, `ECANCELED` where nobody knows.
    case direct(Endpoint, ended: (Int32) -> Void)
    /// The chain has connected; the program's socket is to be pumped.
    case connected(ChainConnection)
}

extension ConnectOutcome: CustomStringConvertible {
    /// What it says, for a line of its own.
    var description: String {
        switch self {
        case .refused(let code): "refused (\(Errno(code).text))"
        case .direct(let address, _): "the program's socket connects to \(address)"
        case .connected(let connection):
            "connected\(connection.localAddress.map { " from \($0)" } ?? "") and pumped"
        }
    }
}

/// A question for addresses.
struct NameQuestion {
    let name: String
    /// `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
    let family: Int32
    /// `AI_…` of getaddrinfo.
    let flags: Int32
}

/// The answer to a question for addresses.
struct NameAnswer {
    /// 0 or an `EAI_…` code.
    var status: Int32 = 0
    /// With `EAI_SYSTEM`: which.
    var error: Int32 = 0
    /// The addresses, best first; their ports mean nothing.
    var addresses: [Endpoint] = []
}

/// A loaded chain, in the worker. Everything runs on the thread of the worker's loop.
final class ChainRunner {
    /// The sockets that are open on the chain.
    let sockets = OpenSockets()
    private let chain: Chain
    private let loop: EventLoop

    /// Loads the layers and makes the chain, with the run's own layer over the base. Blocks, and runs the libraries'
    /// start-up code.
    init(
        layers: [LayerSpecification],
        base: LayerSpecification,
        catalog: Catalog,
        loop: EventLoop
    ) throws(LaminaError) {
        var (parts, absences) = try catalog.parts(layers: layers, base: base)
        parts.insert((LayerSpecification(name: RunLayer.label), try RunLayer.provider()), at: parts.count - 1)
        chain = try Chain(parts, absences: absences, generation: catalog.generation, engine: loop.engine)
        self.loop = loop
    }

    /// What is unusual about the order of the layers, and which are absent, one line each.
    var warnings: [String] { chain.warnings }

    /// Whether no layer that sees data is bound to this connection, so that the program's own socket can be connected.
    func isDirect(_ request: ConnectRequest) -> Bool {
        let subject = ConditionSubject(
            address: Address(request.destination.unmapped.lamina).network,
            port: request.destination.port,
            name: request.origin.name,
            program: request.origin.executable
        )
        return !chain.instances.dropLast().contains { $0.effect != .none && $0.conditions.apply(to: subject) }
    }

    /// Connects through the chain, or decides; `completion` runs once, before or after the return.
    func connect(
        _ request: ConnectRequest,
        isDirect: Bool,
        completion: @escaping (ConnectOutcome) -> Void
    ) -> ChainDial {
        let dial = ChainDial(chain, loop, sockets, request, isDirect: isDirect, completion: completion)
        dial.start()
        return dial
    }

    /// Resolves through the chain; `completion` runs once, before or after the return.
    func resolve(_ question: NameQuestion, completion: @escaping (NameAnswer) -> Void) {
        NameLookup(question).run(chain, ChainOperation(loop), completion)
    }
}

/// Counts a chain's sockets, on the thread of the worker's loop.
final class OpenSockets {
    private(set) var count = 0
    /// Runs when the last one has closed.
    var emptied: (() -> Void)?

    func opened() {
        count += 1
    }

    func closed() {
        count -= 1
        if count == 0 { emptied?() }
    }
}

/// One question under way, with the memory that its answer is written to.
private final class NameLookup {
    private let question: NameQuestion
    private let name: UnsafeMutablePointer<CChar>?
    private let addresses = UnsafeMutableBufferPointer<lamina_address>.allocate(capacity: 64)
    private let query = UnsafeMutablePointer<lamina_resolve_arguments>.allocate(capacity: 1)

    init(_ question: NameQuestion) {
        self.question = question
        name = strdup(question.name)
        addresses.initialize(repeating: lamina_address())
        memset(query, 0, MemoryLayout<lamina_resolve_arguments>.size)
    }

    deinit {
        free(name)
        addresses.deallocate()
        query.deallocate()
    }

    func run(_ chain: Chain, _ operation: ChainOperation, _ completion: @escaping (NameAnswer) -> Void) {
        guard let name, let base = addresses.baseAddress else { return completion(NameAnswer(status: EAI_MEMORY)) }
        // IPv4 addresses serve an IPv6 question too where they may be mapped.
        let isMapping = question.family == AF_INET6 && question.flags & AI_V4MAPPED != 0
        query.pointee.size = UInt32(MemoryLayout<lamina_resolve_arguments>.size)
        query.pointee.family = isMapping ? AF_UNSPEC : question.family
        query.pointee.name = UnsafePointer(name)
        query.pointee.capacity = UInt32(addresses.count)
        query.pointee.addresses = base
        operation.run({ chain.resolve(query, request: $0) }) { [self] status, _ in
            completion(answer(status, isMapping: isMapping))
        }
    }

    private func answer(_ status: lamina_status, isMapping: Bool) -> NameAnswer {
        var answer = NameAnswer()
        switch -status {
        case 0: break
        case ENOENT: answer.status = EAI_NONAME
        case EHOSTUNREACH, ETIMEDOUT, EAGAIN: answer.status = EAI_AGAIN
        case ENOMEM: answer.status = EAI_MEMORY
        case EAFNOSUPPORT: answer.status = EAI_FAMILY
        default: (answer.status, answer.error) = (EAI_SYSTEM, -status)
        }
        guard status >= 0 else { return answer }
        answer.addresses = addresses.prefix(Int(query.pointee.count)).compactMap { Endpoint($0) }
        let six = answer.addresses.filter { $0.family == AF_INET6 }
        if isMapping && question.flags & AI_ALL == 0 && !six.isEmpty { answer.addresses = six }
        return answer
    }
}
