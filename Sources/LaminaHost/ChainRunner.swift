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
    /// The name that goes down the chain in the address's place; nil where the address itself does.
    let target: String?

    /// What the chain is asked to connect to.
    var address: lamina_address {
        target.map { Address(host: $0, port: destination.port).c } ?? destination.unmapped.lamina
    }
}

/// How a chain answers a connect.
enum ConnectOutcome {
    /// With an errno, by the level of this label.
    case refused(Int32, by: String?)
    /// The program's own socket is to be connected to this address. `ended` runs once, with what came of it: 0, an
    /// errno, `EINPROGRESS` or `EINTR` where it is still under way, nil where nobody knows. After one that
    /// failed (`DirectConnect.isFailure`) the chain answers again, before or after the return.
    case direct(Endpoint, ended: (Int32?) -> Void)
    /// The chain has connected; the program's socket is to be pumped.
    case connected(ChainConnection)
}

extension ConnectOutcome: CustomStringConvertible {
    /// What it says, for a line of its own.
    var description: String {
        switch self {
        case .refused(let code, let level): "refused\(level.map { " by \($0)" } ?? "") (\(Errno(code).text))"
        case .direct(let address, _): "the program's socket connects to \(address)"
        case .connected(let connection):
            "connected\(connection.localAddress.map { " from \($0)" } ?? "") and pumped"
        }
    }
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
    ) throws {
        let engine = try Engine()
        try loop.watch(engine.descriptor, EventLoop.readable) { _ in engine.run() }
        var (parts, absences) = try catalog.parts(layers: layers, base: base)
        parts.insert((LayerSpecification(name: RunLayer.label), try RunLayer.provider()), at: parts.count - 1)
        chain = try Chain(parts, absences: absences, generation: catalog.generation, engine: engine)
        self.loop = loop
    }

    /// What is unusual about the order of the layers, and which are absent, one line each.
    var warnings: [String] { chain.warnings }

    /// Whether no layer that sees data is bound to this connection, so that the program's own socket can be connected.
    func isDirect(_ request: ConnectRequest) -> Bool {
        let subject = ConditionSubject(
            address: Address(request.address).network,
            port: request.destination.port,
            name: request.target ?? request.origin.name,
            program: request.origin.executable
        )
        return !chain.instances.dropLast().contains { $0.effect != .none && $0.conditions.apply(to: subject) }
    }

    /// Connects through the chain, or decides; `completion` runs once, before or after the return, and once more after
    /// each direct connect that failed.
    func connect(
        _ request: ConnectRequest,
        isDirect: Bool,
        completion: @escaping (ConnectOutcome) -> Void
    ) -> ChainDial {
        let dial = ChainDial(chain, loop, sockets, request, isDirect: isDirect, completion: completion)
        dial.start()
        return dial
    }

    /// Resolves through the chain; `completion` runs once, before or after the return, with the status and the answer.
    func resolve(_ question: NameQuestion, completion: @escaping (lamina_status, NameLookup) -> Void) {
        let lookup = NameLookup(question)
        ChainOperation(loop).run({ lookup.start(chain, $0) }) { status, _ in completion(status, lookup) }
    }

    /// Asks the chain for an address's name; `completion` runs once, before or after the return. `flags`: `NI_…`.
    func reverse(
        _ address: Endpoint,
        flags: Int32,
        origin: OriginStorage,
        completion: @escaping (lamina_status, String) -> Void
    ) {
        let lookup = ReverseLookup(Address(address.lamina), flags: flags, origin: origin)
        ChainOperation(loop).run({ lookup.start(chain, $0) }) { status, _ in
            completion(status, status < 0 ? "" : lookup.name)
        }
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
