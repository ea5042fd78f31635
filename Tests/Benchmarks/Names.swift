import Lamina
import TestSupport

/// What a look-up costs a program under `lamina run`, beside the same without.
struct Names {
    private let settings: MeasurementSettings
    private let lamina: String
    private let directory: TemporaryDirectory

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        lamina = try PackageTree.installed("bin/lamina")
        directory = try TemporaryDirectory()
    }

    func run() throws -> [Table] {
        let program = "\(directory.path)/names"
        let source = "\(PackageTree.root)/Tests/LaminaHostTests/Fixtures/names.c"
        let built = try Child.run(["cc", "-O2", "-w", "-o", program, source])
        guard built.code == 0 else { throw BenchmarkError("\(source): \(built.errors)") }
        let count = settings.isQuick ? 50 : 500
        let run = [lamina, "run", "-q"]
        let hosts = "hosts:map=[a.test=127.0.0.1]"
        let contenders: [(name: String, words: [String], node: String)] = [
            ("without a run: localhost", [], "localhost"),
            ("in a run: localhost, by the system's resolver", run + ["--layer", hosts, "--"], "localhost"),
            ("in a run: a static name of the layer hosts", run + ["--layer", hosts, "--"], "a.test"),
        ]
        let medians = try Samples.medians(
            of: contenders.map { contender in
                { try Self.microseconds(contender.words + [program, "time", contender.node, "\(count)"]) }
            },
            rounds: settings.isQuick ? 3 : 11
        )
        var table = Table("one getaddrinfo", columns: ["us", "more than without"], digits: [1, 1])
        for (contender, median) in zip(contenders, medians) {
            table.add(contender.name, [median, median - medians[0]])
        }
        return [table]
    }

    /// The median that the program prints.
    private static func microseconds(_ words: [String]) throws -> Double {
        let ending = try Child.run(words)
        guard ending.code == 0, let nanoseconds = ending.lines.first.flatMap(Double.init) else {
            throw BenchmarkError("\(words.joined(separator: " ")): \(ending.errors)")
        }
        return nanoseconds / 1000
    }
}
