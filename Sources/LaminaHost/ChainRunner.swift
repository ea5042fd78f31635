import CLamina
import CLaminaRun
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
    /// Any address that goes down the chain, where no program gave one.
    private let given: Address?

    /// What a program's socket is to be connected to.
    init(destination: Endpoint, local: Endpoint?, origin: OriginStorage, target: String?) {
        self.destination = destination
        self.local = local
        self.origin = origin
        self.target = target
        given = nil
    }

    /// A connection for nobody's socket.
    init(to address: Address, origin: OriginStorage) {
        destination = Endpoint(lamina_run_address())
        local = nil
        target = nil
        self.origin = origin
        given = address
    }

    /// What the chain is asked to connect to.
    var address: lamina_address {
        given?.c ?? target.map { Address(host: $0, port: destination.port).c } ?? destination.unmapped.lamina
    }

    /// The family of the chain's socket; a name may have addresses of either.
    var family: Int32 {
        if let given { return given.family ?? AF_UNSPEC }
        return target == nil ? destination.unmapped.family : AF_UNSPEC
    }
}

/// How a chain answers a connect.
enum ConnectOutcome {
    /// With an errno, by the level of this label.
    case refused(Int32, by: String?)
    /// The program's own socket is to be connected to this address. `ended`, where a level wants to hear it, runs once,
    /// with what came of it: 0, an errno, `EINPROGRESS` or `EINTR` where it is still under way, nil where nobody
    /// knows. After one that failed (`DirectConnect.isFailure`) the chain answers again, before or after the return.
    case direct(Endpoint, ended: ((Int32?) -> Void)?)
    /// The program's own socket is to be connected to this address, and lent to the chain. `ended` runs once, with what
    /// came of that, 0 or an errno, and a descriptor of it if it is connected. Then the chain answers again.
    case lent(Endpoint, ended: (Int32, Int32) -> Void)
    /// The socket that was lent is the program's.
    case ready
    /// The chain has connected; the program's socket is to be pumped.
    case connected(ChainConnection)
}

extension ConnectOutcome: CustomStringConvertible {
    /// What it says, for a line of its own.
    var description: String {
        switch self {
        case .refused(let code, let level): "refused\(level.map { " by \($0)" } ?? "") (\(Errno(code).text))"
        case .direct(let address, _): "the program's socket connects to \(address)"
        case .lent(let address, _): "the program's socket connects to \(address), and the layers speak on it first"
        case .ready: "the program's socket is connected"
        case .connected(let connection):
            "connected\(connection.localAddress.map { " from \($0)" } ?? "") and pumped"
        }
    }
}

/// A loaded chain, in the worker. Everything runs on the thread of the worker's loop.
final class ChainRunner {
    /// The sockets that are open on the chain.
    let sockets = OpenSockets()
    let chain: Chain
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
        chain = try Chain(
            parts,
            absences: absences,
            generation: catalog.generation,
            isSwitchable: true,
            engine: engine
        )
        self.loop = loop
    }

    /// What is unusual about the order of the layers, and which are absent, one line each.
    var warnings: [String] { chain.warnings }

    /// The networks and ports of the connections that a level may have to do with: those of its conditions, and of name
    /// servers, which the worker stands in for. Nil: all.
    var asked: [Condition]? {
        guard hasKernelBase else { return nil }
        var nameServers = Condition()
        nameServers.ports = NameServers.port...NameServers.port
        var asked = [nameServers]
        for instance in chain.instances.dropLast() where instance.label != RunLayer.label {
            let manifest = instance.provider.manifest
            guard !manifest.onlyNames, instance.concerns([.stream, .connection]) else { continue }
            if instance.conditions.when.isEmpty { return nil }
            for condition in instance.conditions.when where condition.direction != .in {
                guard condition.network != nil || condition.ports != nil else { return nil }
                var place = Condition()
                (place.network, place.ports) = (condition.network, condition.ports)
                asked.append(place)
            }
        }
        return asked.count <= Coverage.askedCapacity ? asked : nil
    }

    private var hasKernelBase: Bool { chain.instances.last?.provider.manifest.name == "kernel" }

    /// What becomes of the program's socket: its own where no layer that sees data is bound to this connection, lent where
    /// they see them only until it is connected, and `lends` says that it can be.
    func way(of request: ConnectRequest, lends: Bool) -> Passage.Way {
        let subject = ConditionSubject(
            address: Address(request.address).network,
            port: request.destination.port,
            name: request.target ?? request.origin.name,
            program: request.origin.executable
        )
        // What another base reaches, a socket of the program's can't.
        guard hasKernelBase else { return .pumped }
        let layers = chain.instances.dropLast().filter {
            $0.effect(on: [.stream, .connection]) != .none && $0.conditions.apply(to: subject)
        }
        if layers.isEmpty { return .own }
        return lends && layers.allSatisfy { $0.provider.manifest.handshakes } ? .lent : .pumped
    }

    /// Connects through the chain, or decides; `completion` runs once, before or after the return, and once more after
    /// each direct connect that failed.
    func connect(
        _ request: ConnectRequest,
        way: Passage.Way,
        completion: @escaping (ConnectOutcome) -> Void
    ) -> ChainDial {
        let dial = ChainDial(chain, loop, sockets, request, way: way, completion: completion)
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

/// Counts a chain's sockets and what they carry, on the thread of the worker's loop.
final class OpenSockets {
    private(set) var count = 0
    /// Connections that are the programs' own: how many there were.
    var direct: UInt64 = 0
    /// Bytes that pumps have sent into the chain, and received from it.
    var sent: UInt64 = 0
    var received: UInt64 = 0
    private var connections: [ObjectIdentifier: ChainConnection] = [:]
    /// Runs when the last one has closed.
    var emptied: (() -> Void)?

    func add(_ connection: ChainConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: ChainConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Lets what is pending on connections go the way that calls go by now.
    func renew() {
        for connection in connections.values { connection.renew() }
    }

    func opened() {
        count += 1
    }

    func closed() {
        count -= 1
        if count == 0 { emptied?() }
    }
}
