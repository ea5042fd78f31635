public import Lamina

/// Connections that are carried through a chain without a program that is run: what `lamina forward` does.
///
/// Who connects to the listening address is connected to the target through the chain, or, as at a SOCKS5 server, to what
/// it names. The same worker, pump and control serve as for a ``Run``.
public struct Forward {
    /// What is carried, and where to.
    struct Plan {
        let listen: Address
        let service: Service
        /// How long open connections may go on after the end was asked for, in milliseconds.
        var drainTime: Int64 = 0
    }

    /// What a connection is for.
    enum Service {
        case target(Address)
        /// It says so itself, as RFC 1928 has it.
        case socks
    }

    private var run: Run
    private var plan: Plan

    /// Forwards what comes to `listen` to `target`, or serves SOCKS5 there where that is nil, on the chain that is chosen
    /// (see ``ChainSelection``). Addresses are written HOST:PORT, [IPV6]:PORT or unix:/PATH; port 0 lets the system choose
    /// one. `name` is what the run is called.
    ///
    /// Throws what is wrong with an address, and where the place that decides about the chain can't be followed. Blocks for
    /// files.
    public init(
        listen: String,
        target: String?,
        choosing request: ChainSelection.Request,
        name: String? = nil,
        catalog: Catalog = Catalog()
    ) throws(LaminaError) {
        plan = Plan(
            listen: try ForwardListener.address(listen),
            service: try target.map { text throws(LaminaError) in .target(try Forward.target(text)) } ?? .socks
        )
        run = try Run(program: "lamina", choosing: request, name: name, catalog: catalog)
        take(listen, target)
    }

    /// The same on these layers over a base, the first one next to the client.
    public init(
        listen: String,
        target: String?,
        layers: [LayerSpecification],
        base: LayerSpecification? = nil,
        catalog: Catalog = Catalog()
    ) throws(LaminaError) {
        plan = Plan(
            listen: try ForwardListener.address(listen),
            service: try target.map { text throws(LaminaError) in .target(try Forward.target(text)) } ?? .socks
        )
        run = Run(program: "lamina", layers: layers, catalog: catalog)
        if let base { run.base = base }
        take(listen, target)
    }

    private mutating func take(_ listen: String, _ target: String?) {
        run.arguments = ["forward"] + (target.map { [listen, $0] } ?? ["--socks", listen])
    }

    /// What the run is called.
    public var name: String? {
        get { run.name }
        set { run.name = newValue }
    }

    /// The file that layers write their lines to, made anew; nil: standard error.
    public var output: String? {
        get { run.output }
        set { run.output = newValue }
    }

    /// How much is said.
    public var verbosity: Run.Verbosity {
        get { run.verbosity }
        set { run.verbosity = newValue }
    }

    /// How long open connections may go on after the end was asked for, in seconds; 0: they are reset at once.
    public var drainTime: Double {
        get { Double(plan.drainTime) / 1000 }
        set { plan.drainTime = Int64(max(0, newValue) * 1000) }
    }

    /// Listens, prints the address as a line on standard output, and forwards until SIGINT, SIGTERM, SIGQUIT or SIGHUP; a
    /// second one cuts short what the first leaves time for.
    ///
    /// Call it from a process that has one thread, and whose children are the run's alone. 0, or 125 after a failure of
    /// Lamina's own, which is said on standard error.
    public func start() -> ExitStatus {
        var run = run
        run.forward = plan
        return run.start()
    }

    /// Reads where to connect to.
    private static func target(_ text: String) throws(LaminaError) -> Address {
        let address = try Address(parsing: text)
        func refused(_ cause: String) -> LaminaError {
            LaminaError(
                .invalidArgument,
                "target \"\(text)\"",
                cause,
                remedy: "write HOST:PORT, [IPV6]:PORT or unix:/PATH"
            )
        }
        if address.port == 0 { throw refused("has no port to connect to") }
        if address.family == nil, address.name == nil { throw refused("names nothing") }
        if text.hasPrefix("unix:") {
            let length = text.utf8.count - "unix:".utf8.count
            if length == 0 { throw refused("has no path") }
            if length > UnixSocket.longest { throw refused("is longer than \(UnixSocket.longest) bytes") }
        }
        return address
    }
}
