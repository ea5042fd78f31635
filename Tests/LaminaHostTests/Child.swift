import CLinux
import Glibc
import Testing

/// A child process with its streams on pipes, in a process group of its own.
final class Child {
    /// Its process and process group.
    let process: pid_t
    /// Its standard input.
    private var input: Int32
    private var streams: [Int32]
    private var texts = [[UInt8](), [UInt8]()]

    /// How it ended and what it wrote.
    struct Ending {
        let status: Int32
        let output: String
        let errors: String

        /// Its exit code, nil if a signal ended it.
        var code: Int32? { clinux_exit_code(status) < 0 ? nil : clinux_exit_code(status) }
        /// The signal that ended it.
        var signal: Int32? { clinux_kill_signal(status) < 0 ? nil : clinux_kill_signal(status) }
        /// The lines of its output.
        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    init(_ arguments: [String], environment: [String] = []) throws {
        var ends: [[Int32]] = []
        for _ in 0..<3 {
            var pair: [Int32] = [-1, -1]
            try #require(clinux_pipe(&pair) == 0)
            ends.append(pair)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0][0], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1][1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[2][1], 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // The threads of a test block signals.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        posix_spawnattr_setpgroup(&attributes, 0)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        let argv = arguments.map { strdup($0) } + [nil]
        var inherited: [String] = []
        var next = environ
        while let entry = next.pointee {
            inherited.append(String(cString: entry))
            next += 1
        }
        let envp = (inherited + environment).map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process: pid_t = -1
        let status = posix_spawn(&process, arguments[0], &actions, &attributes, argv, envp)
        close(ends[0][0])
        close(ends[1][1])
        close(ends[2][1])
        self.process = process
        input = ends[0][1]
        streams = [ends[1][0], ends[2][0]]
        try #require(status == 0, "\(arguments[0]): \(String(cString: strerror(status)))")
    }

    /// Writes to its standard input.
    func write(_ text: String) {
        _ = Glibc.write(input, Array(text.utf8), text.utf8.count)
    }

    /// Closes its standard input.
    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Reads until `line` has been written to standard output.
    func await(_ line: String) throws {
        while !String(decoding: texts[0], as: UTF8.self).split(separator: "\n").contains(Substring(line)) {
            try #require(readSome(), "\(line) never came; standard error: \(String(decoding: texts[1], as: UTF8.self))")
        }
    }

    /// Reads until `text` stands on standard error.
    func awaitError(_ text: String) throws {
        while !String(decoding: texts[1], as: UTF8.self).contains(text) {
            try #require(readSome(), "\(text) was not said, but: \(String(decoding: texts[1], as: UTF8.self))")
        }
    }

    /// Waits for its end.
    func end() -> Ending {
        closeInput()
        while readSome() {}
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return Ending(
            status: status,
            output: String(decoding: texts[0], as: UTF8.self),
            errors: String(decoding: texts[1], as: UTF8.self)
        )
    }

    /// Whether a process of its group is left.
    var leavesProcesses: Bool { kill(-process, 0) == 0 }

    private func readSome() -> Bool {
        var waiting = streams.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if streams.allSatisfy({ $0 < 0 }) { return false }
        if poll(&waiting, 2, 60_000) == 0 {
            kill(-process, SIGKILL)
            return false
        }
        for index in 0..<2 where waiting[index].revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 65536)
            let count = read(streams[index], &bytes, bytes.count)
            if count > 0 {
                texts[index] += bytes.prefix(count)
            } else {
                close(streams[index])
                streams[index] = -1
            }
        }
        return true
    }
}
