import CLamina
import CLinux
import Glibc

/// A process of ours that looks at a plug-in and reports on a socket: in a process group of its own, with no streams.
package struct HelperProcess: ~Copyable {
    private let process: pid_t
    private let channel: Int32

    /// Starts a command, found by `PATH`, whose descriptor 3 is the socket that it reports on.
    package init(_ command: [String]) throws(LaminaError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw File.error("socket", "can't be made") }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for stream: Int32 in 0...2 { posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], Probe.reportDescriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let arguments = command.map { strdup($0) }
        defer { arguments.forEach { free($0) } }
        var process: pid_t = 0
        let failure = posix_spawnp(&process, command.first ?? "", &actions, &attributes, arguments + [nil], environ)
        guard failure == 0 else {
            close(ends[0])
            errno = failure
            throw File.error(command.first ?? "probe", "can't be run")
        }
        self.process = process
        channel = ends[0]
    }

    deinit {
        close(channel)
    }

    /// How the child ended.
    package struct Ending {
        /// What it wrote.
        package var report: [UInt8] = []
        /// The time was up.
        package var isLate = false
        /// As waitpid has it.
        package var status: Int32 = 0
    }

    /// Reads the report until it is whole, the child has ended, or the time is up; then the child is gone.
    package consuming func collect(until deadline: Int64) -> Ending {
        var ending = Ending()
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let rest = deadline - clinux_monotonic()
            var wait = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
            let ready = rest > 0 ? retrying { poll(&wait, 1, Int32(clamping: rest / 1_000_000 + 1)) } : 0
            if ready == 0 {
                if rest > 0 { continue }
                ending.isLate = true
                break
            }
            let count = retrying { read(channel, &chunk, chunk.count) }
            guard count > 0, ending.report.count < 4 << 20 else { break }
            ending.report += chunk[..<count]
        }
        // A process that has ended by itself keeps its own status.
        kill(-process, SIGKILL)
        _ = retrying { waitpid(process, &ending.status, 0) }
        return ending
    }
}
