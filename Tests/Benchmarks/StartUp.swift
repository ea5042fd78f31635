import CLinux
import Glibc
import Lamina
import TestSupport

/// How long the installed command takes from its start to its end.
struct StartUp {
    private let settings: MeasurementSettings
    private let lamina: String
    private let directory: TemporaryDirectory

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        lamina = try PackageTree.installed("bin/lamina")
        directory = try TemporaryDirectory()
    }

    func run() throws -> [Table] {
        let count = 1_000
        let library = try directory.plugin()
        for number in 1...count {
            try directory.manifest("layer\(number)", ["library": .string(library)])
        }
        let catalog = "LAMINA_CATALOG_PATH=\(directory.path)/catalog.d"
        let commands: [(name: String, arguments: [String])] = [
            ("true", ["true"]),
            ("lamina --version", [lamina, "--version"]),
            ("lamina list", [lamina, "list"]),
            ("lamina list, \(count) manifests more", ["env", catalog, lamina, "list"]),
            ("lamina run --layer count -- true", [lamina, "run", "--layer", "count", "--", "true"]),
        ]
        let medians = try Samples.medians(
            of: commands.map { command in { try Self.milliseconds(command.arguments) } },
            rounds: settings.isQuick ? 5 : 41
        )
        var table = Table("start to end", columns: ["ms", "more than true"], digits: [2, 2])
        for (command, median) in zip(commands, medians) {
            table.add(command.name, [median, median - medians[0]])
        }
        table.goals = [
            Goal(name: "list of \(count) manifests", value: medians[3], bound: .atMost(60), unit: " ms"),
            Goal(name: "run, more than true", value: medians[4] - medians[0], bound: .atMost(8), unit: " ms"),
        ]
        return [table]
    }

    /// Runs a program to its end, its output thrown away.
    static func milliseconds(_ arguments: [String]) throws -> Double {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        let argv = arguments.map { strdup($0) }
        defer { argv.forEach { free($0) } }
        var process: pid_t = 0
        var status: Int32 = 0
        let begin = clinux_monotonic()
        let failure = posix_spawnp(&process, arguments[0], &actions, nil, argv + [nil], environ)
        guard failure == 0 else { throw BenchmarkError("\(arguments[0]): \(String(cString: strerror(failure)))") }
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        let elapsed = clinux_monotonic() - begin
        guard status == 0 else {
            throw BenchmarkError("\(arguments.joined(separator: " ")): ended with wait status \(status)")
        }
        return Double(elapsed) / 1_000_000
    }
}
