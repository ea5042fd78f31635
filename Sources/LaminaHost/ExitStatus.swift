import CLinux
import Glibc
import Lamina

/// How a run ended: as its program ended, or with one of Lamina's own codes.
public enum ExitStatus: Sendable, Equatable {
    /// With a code. 125: Lamina failed or refused; 126: the program can't be executed; 127: there is no such program.
    case exited(Int32)
    /// By a signal.
    case killed(Int32)

    /// Ends this process the same way: exits with the code, or dies by the signal, so that a shell sees what it would
    /// have seen without `lamina run`. The corresponding calls are `_exit` and `raise`.
    public func leave() -> Never {
        switch self {
        case .exited(let code): clinux_leave(code)
        case .killed(let signal): clinux_die_by_signal(signal)
        }
    }
}

/// Why a run could not start, and the code that it ends with.
struct LaunchFailure: Error {
    let code: Int32
    let message: String

    /// Lamina failed or refused.
    static func refused(_ message: String) -> LaunchFailure { LaunchFailure(code: 125, message: message) }
}

/// Writes one line for people to standard error.
func say(_ message: String) {
    let line = Array("lamina: \(Output.printableLines(message))\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}
