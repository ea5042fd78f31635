import CLinux
import Glibc
public import Lamina

/// An unmodified program on a chain: what `lamina run` does.
///
/// The program's TCP connections are made through the chain, and the names that it looks up are resolved through it;
/// what isn't covered is refused with one sentence on standard error. `ProgramCoverage` says which programs can be run.
public struct Run {
    /// How much is said on standard error.
    public enum Verbosity: Int, Sendable, Comparable {
        /// Refusals and failures.
        case quiet
        /// Notices as well.
        case normal
        /// What happens to each connection as well.
        case verbose

        var level: Output.Level {
            switch self {
            case .quiet: .error
            case .normal: .notice
            case .verbose: .debug
            }
        }

        /// Less is smaller.
        public static func < (left: Verbosity, right: Verbosity) -> Bool { left.rawValue < right.rawValue }
    }

    /// The program: a path, or a name that is searched for in PATH.
    public var program: String
    /// What follows its name on its command line.
    public var arguments: [String]
    /// What the run is called, where its user says so. Else it is called after the program; a name that another run of this
    /// user has gets a number.
    public var name: String?
    /// How much is said.
    public var verbosity = Verbosity.normal
    /// What carries the program; nil: what reaches it.
    public var backEnd: BackEnd?
    /// Calls that no back end carries go on past the chain, with a sentence on standard error, instead of being refused.
    public var allowsUncovered = false
    /// The preload object's file; nil: the one that was installed with this executable.
    public var preloadObject: String?
    /// The layers, the first one next to the program. Each is required, unless it says `required=no`.
    public var layers: [LayerSpecification]
    /// What they stand on.
    public var base = LayerSpecification(
        name: "kernel",
        settings: [LayerSpecification.Setting(key: "nodelay", values: [.bare("yes")])]
    )
    /// Where the layers' names are looked up.
    public var catalog: Catalog
    /// The addresses that stand for names which a layer resolves remotely.
    public var synthetics = SyntheticAddresses()
    /// Which destinations are carried: every one, unless rules say otherwise.
    public var coverage = Coverage()
    /// The file that layers write their lines to, made anew; nil: standard error.
    public var output: String?

    /// What is forwarded in a program's place.
    var forward: Forward.Plan?

    /// A run of a program on these layers.
    public init(
        program: String,
        arguments: [String] = [],
        layers: [LayerSpecification],
        catalog: Catalog = Catalog()
    ) {
        self.program = program
        self.arguments = arguments
        self.layers = layers
        self.catalog = catalog
    }

    /// Runs the program to its end, and until no process that it started is left.
    ///
    /// Call it from a process that has one thread, and whose children are the run's alone: it forks, waits for all
    /// children, and points standard input and output of this process at `/dev/null` once the program has them. A
    /// failure of Lamina's own is said on standard error and is status 125, 126 or 127.
    ///
    /// With `LAMINA_DISABLE=1` in the environment this process becomes the program, without layers.
    public func start() -> ExitStatus {
        if Environment.isDisabled, forward == nil {
            if verbosity >= .normal { say("\(Environment.disableVariable)=1: \(program) runs without layers") }
            let failure = BareProgram.execute(self)
            say(failure.message)
            return .exited(failure.code)
        }
        do {
            let supervisor = try Supervisor(self)
            return try supervisor.serve()
        } catch let failure as LaunchFailure {
            say(failure.message)
            return .exited(failure.code)
        } catch {
            say("\(error)")
            return .exited(125)
        }
    }
}
