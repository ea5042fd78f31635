import CLinux
import Glibc
import Lamina

/// A child process with its streams on pipes, in a process group of its own.
public final class Child {
    /// How long a child may be silent before it is killed, in milliseconds.
    static let patience: Int32 = 300_000

    /// Its process and process group.
    public let process: Int32
    private var input: Int32
    private var streams: [Int32]
    private var texts = [[UInt8](), [UInt8]()]
    /// How many lines with a beginning `nextLine` has given.
    private var taken: [String: Int] = [:]

    /// How it ended and what it wrote.
    public struct Ending {
        private let status: Int32
        /// What it wrote to standard output.
        public let output: String
        /// What it wrote to standard error.
        public let errors: String

        init(status: Int32, output: [UInt8], errors: [UInt8]) {
            self.status = status
            self.output = String(decoding: output, as: UTF8.self)
            self.errors = String(decoding: errors, as: UTF8.self)
        }

        /// Its exit code, nil if a signal ended it.
        public var code: Int32? { clinux_exit_code(status) < 0 ? nil : clinux_exit_code(status) }
        /// The signal that ended it.
        public var signal: Int32? { clinux_kill_signal(status) < 0 ? nil : clinux_kill_signal(status) }
        /// The lines of its standard output.
        public var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// Starts a program, found in PATH. `environment` is added to this process's own, or is all that it gets.
    public init(_ arguments: [String], environment: [String] = [], alone: Bool = false) throws {
        var ends: [[Int32]] = []
        for _ in 0..<3 {
            var pair: [Int32] = [-1, -1]
            guard clinux_pipe(&pair) == 0 else { throw LaminaError(.system, "pipe", "can't be made", errno: errno) }
            ends.append(pair)
        }
        defer { for end in [ends[0][0], ends[1][1], ends[2][1]] { close(end) } }
        process = try Child.spawn(arguments, alone ? environment : Self.merged(environment), isLeader: false) {
            for (stream, end) in [ends[0][0], ends[1][1], ends[2][1]].enumerated() {
                posix_spawn_file_actions_adddup2(&$0, end, Int32(stream))
            }
        }
        input = ends[0][1]
        streams = [ends[1][0], ends[2][0]]
    }

    /// Starts a program, found in PATH, in a process group of its own, or in a session of its own.
    static func spawn(
        _ arguments: [String],
        _ environment: [String],
        isLeader: Bool,
        streams: (inout posix_spawn_file_actions_t) -> Void
    ) throws -> pid_t {
        // POSIX_SPAWN_SETSID
        let newSession: Int32 = 0x80
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        streams(&actions)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // The threads of a test block signals.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        let own = isLeader ? newSession : Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(own | Int32(POSIX_SPAWN_SETSIGMASK)))
        posix_spawnattr_setpgroup(&attributes, 0)
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            for pointer in argv + envp { free(pointer) }
        }
        var process: pid_t = -1
        let status = posix_spawnp(&process, arguments[0], &actions, &attributes, argv, envp)
        guard status == 0 else {
            throw LaminaError(.system, arguments[0], String(cString: strerror(status)), errno: status)
        }
        return process
    }

    /// Runs a program to its end.
    public static func run(_ arguments: [String], environment: [String] = [], alone: Bool = false) throws -> Ending {
        try Child(arguments, environment: environment, alone: alone).end()
    }

    /// This process's environment with other values for some of its variables.
    static func merged(_ changes: [String]) -> [String] {
        let names = changes.map { String($0.prefix { $0 != "=" }) + "=" }
        var kept: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if !names.contains(where: text.hasPrefix) { kept.append(text) }
            next += 1
        }
        return kept + changes
    }

    /// Writes to its standard input.
    public func write(_ text: String) {
        _ = Glibc.write(input, Array(text.utf8), text.utf8.count)
    }

    /// Closes its standard input.
    public func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Reads until `line` has been written to standard output.
    public func await(_ line: String) throws {
        while !text(0).split(separator: "\n").contains(Substring(line)) { try readMore(for: line) }
    }

    /// Reads until `text` stands on standard output.
    public func awaitOutput(_ text: String) throws {
        while !self.text(0).contains(text) { try readMore(for: text) }
    }

    /// Reads until a line has been written to standard output, and gives the first one.
    public func firstLine() throws -> String {
        while !text(0).contains("\n") { try readMore(for: "\n") }
        return String(text(0).prefix { $0 != "\n" })
    }

    /// Reads until a whole line with this beginning has been written to standard output, and gives the rest of it.
    public func line(beginning: String) throws -> String {
        while true {
            let lines = text(0).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            if let line = lines.first(where: { $0.hasPrefix(beginning) }) {
                return String(line.dropFirst(beginning.count))
            }
            try readMore(for: beginning)
        }
    }

    /// Reads until another whole line with this beginning has been written to standard output, and gives the rest of it.
    public func nextLine(beginning: String) throws -> String {
        while true {
            let lines = text(0).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            let fitting = lines.filter { $0.hasPrefix(beginning) }
            let count = taken[beginning, default: 0]
            if fitting.count > count {
                taken[beginning] = count + 1
                return String(fitting[count].dropFirst(beginning.count))
            }
            try readMore(for: beginning)
        }
    }

    /// Ends it by a signal, and waits for its end.
    public func killed() -> Ending {
        Glibc.kill(process, SIGKILL)
        return end()
    }

    /// Reads until `text` stands on standard error.
    public func awaitError(_ text: String) throws {
        while !self.text(1).contains(text) { try readMore(for: text) }
    }

    /// Closes its standard input and waits for its end; a child that is silent for two minutes is killed.
    public func end() -> Ending {
        closeInput()
        while readSome() {}
        return Ending(status: Child.reap(process), output: texts[0], errors: texts[1])
    }

    /// Waits for a process and gives its wait status.
    static func reap(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return status
    }

    /// Whether a process of its group is left.
    public var leavesProcesses: Bool { kill(-process, 0) == 0 }

    private func text(_ stream: Int) -> String { String(decoding: texts[stream], as: UTF8.self) }

    private func readMore(for text: String) throws(LaminaError) {
        if readSome() { return }
        throw LaminaError(.notFound, "\"\(text)\"", "was never written; standard error: \(self.text(1))")
    }

    private func readSome() -> Bool {
        if streams.allSatisfy({ $0 < 0 }) { return false }
        var waiting = streams.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if poll(&waiting, 2, Child.patience) == 0 {
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
