import CLamina
import Glibc
import Lamina
import TestSupport

/// What one call costs on its way down 0 to 8 levels that handle it generically, beside as many closures of libffi that
/// call on by `ffi_call` and do nothing else.
struct GenericPath {
    /// What is called: each has loops of its own, and bare closures.
    private enum Called: String, CaseIterable {
        case send
        case integers = "an extension's function"
        case reals = "an extension's function with floating point"

        var suffix: String { self == .send ? "" : ", \(rawValue)" }
    }

    /// One line of the table.
    private struct Row {
        let line: Line
        /// What one level costs, by the copy of the loop and of the level's file; none of a bare closure.
        let pairs: [GenericPair]
        /// Whether it may cost no more than the closure.
        let isBound: Bool
    }

    private let settings: MeasurementSettings
    private let fixtures: GenericFixtures
    private let callers: [LoadedLibrary]
    private let closures: [LoadedLibrary]

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        fixtures = try GenericFixtures()
        callers = try fixtures.callers.map { try LoadedLibrary($0) }
        closures = try fixtures.closures.map { try LoadedLibrary($0) }
    }

    func run() throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        let rows = try Called.allCases.map(bare) + generic()
        let figures = try CallPath.medians(of: rows.map(\.line), calls: 1_000, rounds: settings.isQuick ? 21 : 151)
        let over = try GenericPair.medians(of: rows.map(\.pairs), rounds: settings.isQuick ? 101 : 501)
        var table = Table(
            "ns a call, by the number of layers",
            columns: CallPath.levels.map(String.init) + ["a layer", "the first, over the closure"],
            digits: CallPath.levels.map { _ in 2 } + [2, 2]
        )
        for ((row, own), over) in zip(zip(rows, figures), over) {
            table.add(row.line.name, own.values.map { $0 } + [own.perLayer, over])
            guard row.isBound, let over else { continue }
            table.goals.append(
                Goal(name: "\(row.line.name), over the closure", value: over, bound: .atMost(5), unit: " ns")
            )
        }
        if let problem = fixtures.swiftProblem { table.notes.append(problem) }
        for row in rows {
            row.line.end()
            for pair in row.pairs { pair.end() }
        }
        return [table]
    }

    private func bare(_ called: Called) throws -> Row {
        let subjects = try CallPath.levels.map { count in
            try closure(called, closures.dropFirst().prefix(count), callers)
        }
        let line = Line(name: "a closure and ffi_call, in C\(called.suffix)", subjects: subjects, chains: [])
        return Row(line: line, pairs: [], isBound: false)
    }

    private func generic() throws -> [Row] {
        let (forwards, byLibffi) = ("forwards", "forwards by ffi_call, as on other processors")
        let (C, Swift) = (fixtures.layers, fixtures.swiftLayers)
        let kinds: [(language: String, files: [String], mode: String, does: String, called: Called)] = [
            ("C", C, "forward", forwards, .send), ("C", fixtures.libffiLayers, "forward", byLibffi, .send),
            ("C", C, "watch", "watches the end", .send), ("C", C, "forward", forwards, .integers),
            ("C", C, "forward", forwards, .reals), ("Swift", Swift, "forward", forwards, .send),
            ("Swift", fixtures.libffiSwiftLayers, "forward", byLibffi, .send),
            ("Swift", Swift, "watch", "watches the end", .send),
            ("Swift", Swift, "compare", "compares the name with two", .send),
            ("Swift", Swift, "forward", forwards, .integers), ("Swift", Swift, "forward", forwards, .reals),
        ]
        return try kinds.filter { !$0.files.isEmpty }.map { language, files, mode, does, called in
            let levels = try CallPath.levels.map { try level(called, files.prefix($0), mode, callers) }
            return Row(
                line: Line(
                    name: "Lamina: a handler in \(language) that \(does)\(called.suffix)",
                    subjects: levels.map(\.subject),
                    chains: levels.map(\.chain)
                ),
                pairs: try callers.indices.map { copy in
                    let loop = callers[copy...copy]
                    return GenericPair(
                        level: try level(called, files[copy...copy], mode, loop),
                        none: try level(called, [], mode, loop),
                        closure: try closure(called, closures[(copy + 1)...(copy + 1)], loop),
                        base: try closure(called, [], loop)
                    )
                },
                isBound: does == forwards
            )
        }
    }

    /// Bare closures over each other.
    private func closure(
        _ called: Called,
        _ files: some Sequence<LoadedLibrary>,
        _ callers: some Sequence<LoadedLibrary>
    ) throws -> Subject {
        typealias Make = @convention(c) (Int32, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
        let name = called == .send ? "closure_make" : "closure_extension"
        var object = try closures[0].symbol(name, as: Make.self)(0, nil)
        for file in files { object = try file.symbol(name, as: Make.self)(1, object) }
        guard let object else { throw BenchmarkError("libffi gave no closure") }
        return Subject(try loops(called == .send ? "measure_pair" : loop(called), callers), object, 0)
    }

    /// Levels over each other.
    private func level(
        _ called: Called,
        _ files: some Sequence<String>,
        _ mode: String,
        _ callers: some Sequence<LoadedLibrary>
    ) throws -> GenericPair.Level {
        let chain = try OpenChain(
            Array(files),
            setting: "mode=\(mode)",
            below: called == .send ? [] : [fixtures.vendor],
            base: fixtures.base
        )
        let loops = try loops(loop(called), callers)
        guard called != .send else {
            return GenericPair.Level(Subject(loops, chain.slot, chain.socket.handle.generation), chain)
        }
        let object = UnsafeMutablePointer<lamina_extension>.allocate(capacity: 1)
        object.initialize(
            to: try chain.socket.waiting.registerExtension(GenericFixtures.vendorName, own: lamina_extension())
        )
        return GenericPair.Level(Subject(loops, object, 0), chain)
    }

    private func loop(_ called: Called) -> String {
        switch called {
        case .send: "measure_slot"
        case .integers: "measure_integers"
        case .reals: "measure_reals"
        }
    }

    private func loops(_ symbol: String, _ callers: some Sequence<LoadedLibrary>) throws -> [Measure] {
        try callers.map { try $0.symbol(symbol, as: Measure.self) }
    }
}

/// One level, and one closure, each with what it calls. All four are measured one behind the other, in runs that are short
/// against a time slice: what disturbs the machine disturbs all of them or spoils one round.
struct GenericPair {
    /// A chain, and a loop over it.
    struct Level {
        let subject: Subject
        let chain: OpenChain

        init(_ subject: Subject, _ chain: OpenChain) {
            self.subject = subject
            self.chain = chain
        }
    }

    let level: Level
    let none: Level
    let closure: Subject
    let base: Subject

    /// What the level costs over the closure, in one round, which begins elsewhere than the one before it.
    private func difference(_ round: Int) throws -> Double {
        let subjects = [level.subject, none.subject, closure, base]
        var times = [0.0, 0, 0, 0]
        for offset in subjects.indices {
            let index = (offset + round) % subjects.count
            times[index] = try subjects[index].measure(500, 0)
        }
        return (times[0] - times[1]) - (times[2] - times[3])
    }

    func end() {
        for level in [level, none] { level.chain.socket.close() }
    }

    /// The median difference of each row's copies; the rows take turns. Nil for a row that has none.
    static func medians(of rows: [[GenericPair]], rounds: Int) throws -> [Double?] {
        var differences = [Samples](repeating: Samples(), count: rows.count)
        for round in 0..<rounds {
            for (index, row) in rows.enumerated() {
                for pair in row { differences[index].add(try pair.difference(round)) }
            }
        }
        return zip(rows, differences).map { row, own in row.isEmpty ? nil : own.median }
    }
}
