import CLamina
import Glibc
import Lamina
import TestSupport

/// What one `send` costs on its way down 0 to 8 levels that handle it generically, beside as many closures of libffi that
/// call on by `ffi_call` and do nothing else.
struct GenericPath {
    private let settings: MeasurementSettings
    private let fixtures: GenericFixtures
    private let callers: [LoadedLibrary]

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        fixtures = try GenericFixtures()
        callers = try fixtures.callers.map { try LoadedLibrary($0) }
    }

    private static let bare = "a closure and ffi_call, in C"

    func run() throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        let lines = [try closures()] + (try generic())
        let figures = try CallPath.medians(of: lines, calls: 1_000, rounds: settings.isQuick ? 21 : 151)
        var table = Table(
            "ns a call, by the number of layers",
            columns: CallPath.levels.map(String.init) + ["a layer", "the first, over the closure"],
            digits: CallPath.levels.map { _ in 2 } + [2, 2]
        )
        for (line, own) in zip(lines, figures) {
            let over = (own.values[1] - own.values[0]) - (figures[0].values[1] - figures[0].values[0])
            table.add(line.name, own.values.map { $0 } + [own.perLayer, over])
            guard line.name.contains("forwards") else { continue }
            table.goals.append(
                Goal(name: "\(line.name), over the closure", value: over, bound: .atMost(5), unit: " ns")
            )
        }
        if let problem = fixtures.swiftProblem { table.notes.append(problem) }
        for line in lines { line.end() }
        return [table]
    }

    private func closures() throws -> Line {
        typealias Make = @convention(c) (Int32, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
        let makers = try fixtures.closures.map { try LoadedLibrary($0).symbol("closure_make", as: Make.self) }
        let loops = try callers.map { try $0.symbol("measure_pair", as: Measure.self) }
        let subjects = try CallPath.levels.map { count in
            var object = makers[0](0, nil)
            for make in makers.dropFirst().prefix(count) { object = make(1, object) }
            guard let object else { throw BenchmarkError("libffi gave no closure") }
            return Subject(loops, object, 0)
        }
        return Line(name: Self.bare, subjects: subjects, chains: [])
    }

    private func generic() throws -> [Line] {
        let (forwards, byLibffi) = ("forwards", "forwards by ffi_call")
        let kinds = [
            ("C", fixtures.layers, "forward", forwards), ("C", fixtures.libffiLayers, "forward", byLibffi),
            ("C", fixtures.layers, "watch", "watches the end"),
            ("Swift", fixtures.swiftLayers, "forward", forwards),
            ("Swift", fixtures.libffiSwiftLayers, "forward", byLibffi),
            ("Swift", fixtures.swiftLayers, "watch", "watches the end"),
            ("Swift", fixtures.swiftLayers, "compare", "compares the name with two"),
        ]
        return try kinds.filter { !$0.1.isEmpty }.map { language, files, mode, does in
            let chains = try CallPath.levels.map {
                try OpenChain(Array(files.prefix($0)), setting: "mode=\(mode)", base: fixtures.base)
            }
            let loops = try callers.map { try $0.symbol("measure_slot", as: Measure.self) }
            return Line(
                name: "Lamina: a handler in \(language) that \(does)",
                subjects: chains.map { Subject(loops, $0.slot, $0.socket.handle.generation) },
                chains: chains
            )
        }
    }
}
