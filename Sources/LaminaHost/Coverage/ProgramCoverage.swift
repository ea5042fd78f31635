import Glibc

/// How a run would cover a program, as the program's file and the system tell before it starts: what
/// `lamina run --check` shows.
public struct ProgramCoverage: Sendable {
    /// What decides: the program's file, or its script's interpreter.
    public let path: String
    /// What carries it.
    public let backEnd: BackEnd
    /// Why that one, as the end of a sentence.
    public let reason: String

    /// Chooses for a program's file; `wanted` leaves no choice. What can't be covered is thrown. Blocks for a child
    /// process where the choice isn't `preload`.
    init(of path: String, wanted: BackEnd?) throws(LaunchFailure) {
        let file = try ProgramFile(path)
        self.path = file.path
        backEnd = wanted ?? (file.obstacle == nil ? .preload : .notify)
        if let obstacle = file.obstacle {
            reason = "\(obstacle), so no library can be preloaded into it"
        } else if file.isGo {
            reason = "it is linked dynamically; what it calls past the C library goes to the guard"
        } else {
            reason = "it is linked dynamically to glibc"
        }
        if backEnd == .preload, file.obstacle != nil {
            throw .refused("\(file.path): \(reason); --backend notify carries it")
        }
        if backEnd == .notify, let obstacle = backEnd.obstacle {
            throw .refusedProgram("\(file.path): \(reason), and the back end notify can't be used: \(obstacle)")
        }
    }

    /// What a run through this back end refuses, one sentence each.
    public var refused: [String] {
        [
            "TCP servers that others than this machine reach: listen and accept answer EACCES",
            "UDP beyond this machine, but for questions to name servers: sends and connects answer ENETUNREACH",
            "raw and packet sockets, and stream protocols other than TCP",
            "io_uring: io_uring_setup answers ENOSYS, and programs go on without it",
            "32-bit code in a child: its calls answer EPERM",
        ]
    }

    /// Where a run through this back end differs from the program by itself, one sentence each.
    public var inexact: [String] {
        var lines = [
            "name servers answer for addresses and names (A, AAAA, PTR), and have no other records",
            "a non-blocking connect through a layer that sees data is writable after 20 ms at the latest; a failure "
                + "shows as a reset and in SO_ERROR",
        ]
        if backEnd == .notify {
            lines += [
                "the program reads /etc/hosts itself; what it asks name servers, the chain answers",
                "a signal that the program handles does not interrupt a blocking connect",
                "MSG_FASTOPEN answers EOPNOTSUPP; sendmsg and recvmsg cost a message to the supervisor each time",
            ]
        }
        return lines
    }
}

extension ProgramCoverage {
    /// What a run would do with a program, as lines for people: the back end, why, what else could be used, and what isn't
    /// covered; and 0, or the code that a run would end with. Blocks for a child process.
    public static func report(on program: String, wanted: BackEnd?) -> (text: String, code: Int32) {
        report(on: program, outcome(on: program, wanted: wanted))
    }

    /// What a run would do with a program. Blocks for a child process.
    static func outcome(on program: String, wanted: BackEnd?) -> Result<ProgramCoverage, LaunchFailure> {
        Result { () throws(LaunchFailure) in try ProgramCoverage(of: try ProgramFile.find(program), wanted: wanted) }
    }

    static func report(
        on program: String,
        _ outcome: Result<ProgramCoverage, LaunchFailure>
    ) -> (text: String, code: Int32) {
        do throws(LaunchFailure) {
            let coverage = try outcome.get()
            var lines = ["\(program): carried by the back end \(coverage.backEnd.rawValue): \(coverage.reason)"]
            lines += Self.backEnds
            lines.append("Refused:")
            lines += coverage.refused.map { "  \($0)" }
            lines.append("Not as without a run:")
            lines += coverage.inexact.map { "  \($0)" }
            return (lines.joined(separator: "\n"), 0)
        } catch {
            return ((["\(error.message)"] + Self.backEnds).joined(separator: "\n"), error.code)
        }
    }

    private static var backEnds: [String] {
        BackEnd.allCases.map {
            "  \($0.rawValue): " + ($0.obstacle.map { "can't be used: \($0)" } ?? "can be used here")
        }
    }
}
