import Glibc

/// Another program.
enum Command {
    /// Runs a program to its end. Throws where it fails.
    static func run(_ arguments: [String], output: Int32? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let output { posix_spawn_file_actions_adddup2(&actions, output, 1) }
        let argv = arguments.map { strdup($0) }
        defer { argv.forEach { free($0) } }
        var process: pid_t = 0
        let failure = posix_spawnp(&process, arguments[0], &actions, nil, argv + [nil], environ)
        guard failure == 0 else { throw BenchmarkError("\(arguments[0]): \(String(cString: strerror(failure)))") }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            let reason = status & 0x7f == 0 ? "exited with \(status >> 8)" : "was ended by signal \(status & 0x7f)"
            throw BenchmarkError("\(arguments.joined(separator: " ")): \(reason)")
        }
    }
}
