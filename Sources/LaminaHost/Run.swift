import CLinux
import Glibc
import Lamina

/// An unmodified program on a chain: what `lamina run` does.
///
/// The program's TCP connections are made through the chain, and the names that it looks up are resolved through it;
/// what isn't covered is refused with one sentence on standard error. See `ProgramCheck` for the programs that can't
/// be run.
public struct Run {
    /// How much is said on standard error.
    public enum Verbosity: Int, Sendable, Comparable {
        /// Refusals and failures.
        case quiet
        /// Notices as well.
        case normal
        /// What happens to each connection as well.
        case verbose

        /// Less is smaller.
        public static func < (left: Verbosity, right: Verbosity) -> Bool { left.rawValue < right.rawValue }
    }

    /// The program: a path, or a name that is searched for in PATH.
    public var program: String
    /// What follows its name on its command line.
    public var arguments: [String]
    /// How much is said.
    public var verbosity = Verbosity.normal
    /// The preload object's file; nil: the one that was installed with this executable.
    public var preloadObject: String?
    /// The layers, as the user named them, for messages.
    var layers: [String]
    /// Loads the chain; called in a worker process, which has one thread.
    var chain: (EventLoop) throws -> any ChainRunner

    /// A run whose chain `chain` makes, in each worker.
    init(
        program: String,
        arguments: [String],
        layers: [String],
        chain: @escaping (EventLoop) throws -> any ChainRunner
    ) {
        self.program = program
        self.arguments = arguments
        self.layers = layers
        self.chain = chain
    }

    /// Runs the program to its end, and until no process that it started is left.
    ///
    /// Call it from a process that has one thread, and whose children are the run's alone: it forks, waits for all
    /// children, and points standard input and output of this process at `/dev/null` once the program has them. A
    /// failure of Lamina's own is said on standard error and is status 125, 126 or 127.
    public func start() -> ExitStatus {
        do {
            var supervisor = try Supervisor(self)
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
