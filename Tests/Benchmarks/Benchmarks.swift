import ArgumentParser
import Lamina

/// The command.
@main
struct Benchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures the call path, the data path and start-up, each beside what it competes with.",
        discussion: """
            Every figure is the median of many short runs, and the runs of what is compared take turns, so only figures \
            of one run are to be compared. Build in release mode: swift run -c release Benchmarks

            The data path needs the kernel provider (swift build -c release --product LaminaKernel), start-up an \
            installed tree (./install.sh --prefix .build/lamina, or where LAMINA_PREFIX says), and the comparison with \
            SwiftNIO a program from a package of its own (\(SwiftNIOServer.buildCommand)); what is missing is left out \
            with a note.
            """
    )

    @Flag(help: "A short run that shows that everything works; its figures are rough.")
    var quick = false

    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: ArgumentHelp("Measure this alone: \(Benchmark.allNames). May be repeated.", valueName: "name"))
    var only: [Benchmark] = []

    @Option(help: ArgumentHelp("Serve as one of the contenders.", visibility: .private))
    var serve: ServerKind?

    mutating func run() throws {
        if let serve { return try serve.serve() }
        let settings = MeasurementSettings(isQuick: quick)
        var report = Report()
        for benchmark in only.isEmpty ? Benchmark.allCases : only {
            do {
                report.add(try benchmark.run(settings))
            } catch let error as LaminaError where error.code == .notFound && only.isEmpty {
                report.add([Table(missing: benchmark.rawValue, because: "\(error)")])
            }
        }
        print(json ? report.json : report.text)
    }
}

/// What can be measured alone.
enum Benchmark: String, CaseIterable, ExpressibleByArgument {
    case callPath = "call-path"
    case generic
    case loopback
    case connections
    case transfers
    case datagrams
    case idle
    case startUp = "start-up"
    case catalog
    case names
    case programs = "run"

    static var allNames: String { allCases.map(\.rawValue).joined(separator: ", ") }

    func run(_ settings: MeasurementSettings) throws -> [Table] {
        switch self {
        case .callPath: try CallPath(settings).run()
        case .generic: try GenericPath(settings).run()
        case .loopback: try Loopback(settings).run()
        case .connections: try Servers(settings).connections()
        case .transfers: try Servers(settings).transfers()
        case .datagrams: try Servers(settings).datagrams()
        case .idle: try Idle(settings).run()
        case .startUp: try StartUp(settings).run()
        case .catalog: try CatalogReading(settings).run()
        case .names: try Names(settings).run()
        case .programs: try Running(settings).run()
        }
    }
}

/// How long to measure, and what.
struct MeasurementSettings {
    let isQuick: Bool
}

/// Why nothing could be measured.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
