import CLamina
import Glibc
import Lamina

/// What one `send` costs on its way down a chain of 0 to 8 levels that do nothing, over a base that does nothing.
struct CallPath {
    static let levels = [0, 1, 2, 4, 8]
    private static let languages = ["C", "Swift", "SDK"]

    private let settings: MeasurementSettings
    private let fixtures: Fixtures
    private let callers: [LoadedLibrary]

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        fixtures = try Fixtures()
        callers = try fixtures.callers.map { try LoadedLibrary($0) }
    }

    func run() throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        let lines = try lines()
        let medians = try Self.medians(of: lines, calls: 4_000, rounds: settings.isQuick ? 21 : 151)
        let pointer = medians[0].values[0]
        var table = Table(
            "ns a call, by the number of layers",
            columns: Self.levels.map(String.init) + ["a layer", "of a pointer"],
            digits: Self.levels.map { _ in 2 } + [2, 2]
        )
        var figures: [String: Figures] = [:]
        for (line, own) in zip(lines, medians) {
            figures[line.name] = own
            table.add(line.name, own.row(pointer: pointer))
        }
        if let problem = fixtures.sdkProblem { table.notes.append(problem) }
        table.goals = Self.goals(figures, pointer: pointer)
        for line in lines { line.end() }
        return [table, try LayerPath(settings, fixtures, callers).run()]
    }

    /// The medians of each line's subjects. Runs that are short against a time slice: what else runs on the machine spoils
    /// few of them.
    static func medians(of lines: [Line], calls: UInt64, rounds: Int) throws -> [Figures] {
        let runs = lines.flatMap(\.subjects)
        let copies = (runs.first?.copies ?? 0..<0)
        let all = try Samples.medians(
            of: runs.flatMap { subject in copies.map { copy in { try subject.measure(calls, copy) } } },
            rounds: rounds
        )
        var rest = runs.indices.map { run in
            Samples(copies.map { all[run * copies.count + $0] }).median
        }[...]
        return lines.map { line in
            defer { rest = rest.dropFirst(line.subjects.count) }
            return Figures(Array(rest.prefix(line.subjects.count)))
        }
    }

    private func lines() throws -> [Line] {
        var lines = [try pointer()]
        for (shape, name) in [("table", "C: a table for each object"), ("pair", "C: function and object")] {
            lines.append(try plain(shape, name, kind: 1))
            lines.append(try plain(shape, name + ", work after", kind: 2))
        }
        for language in Self.languages where language != "SDK" || fixtures.sdkProblem == nil {
            for mode in LayerMode.allCases {
                let files = fixtures.layers(language, mode)
                let given = language == "SDK" ? nil : mode
                let chains = try Self.levels.map { try OpenChain(Array(files.prefix($0)), given, base: fixtures.base) }
                for (symbol, from) in [("measure_slot", "no mark"), ("measure_socket", "")] {
                    let loops = try loops(symbol)
                    let name = "Lamina: \(language) layers that \(mode.text)\(from.isEmpty ? "" : ", \(from)")"
                    lines.append(
                        Line(
                            name: name,
                            subjects: chains.map { Subject(loops, $0.slot, $0.socket.handle.generation) },
                            chains: from.isEmpty ? chains : []
                        )
                    )
                }
            }
        }
        return lines
    }

    /// The base's function, without any chain.
    private func pointer() throws -> Line {
        typealias NullSend = @convention(c) () -> lamina_any_function
        let function = try LoadedLibrary(fixtures.base).symbol("null_send", as: NullSend.self)()
        let chain = try OpenChain([], .forward, base: fixtures.base)
        let link = UnsafeMutablePointer<lamina_direct_link>.allocate(capacity: 1)
        link.initialize(to: lamina_direct_link(function: function, slot: chain.base))
        let loops = try loops("measure_pointer")
        return Line(name: "a pointer into the base's file", subjects: [Subject(loops, link, 0)], chains: [chain])
    }

    private func loops(_ symbol: String) throws -> [Measure] {
        try callers.map { try $0.symbol(symbol, as: Measure.self) }
    }

    private func plain(_ shape: String, _ name: String, kind: Int32) throws -> Line {
        typealias Make = @convention(c) (Int32, UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
        let makers = try fixtures.plain.map { try LoadedLibrary($0).symbol("\(shape)_make", as: Make.self) }
        let loops = try loops("measure_\(shape)")
        let subjects = try Self.levels.map { count in
            var object = makers[0](0, nil)
            for make in makers.dropFirst().prefix(count) { object = make(kind, object) }
            guard let object else { throw BenchmarkError("no memory for an object") }
            return Subject(loops, object, 0)
        }
        return Line(name: name, subjects: subjects, chains: [])
    }

    private static func goals(_ figures: [String: Figures], pointer: Double) -> [Goal] {
        func figure(_ language: String, _ mode: LayerMode) -> Figures {
            figures["Lamina: \(language) layers that \(mode.text)"] ?? Figures([])
        }
        let bare = Samples(
            Self.languages.flatMap { language in
                LayerMode.allCases.compactMap { figure(language, $0).values.first }
            }
        )
        var goals = [Goal(name: "no layer, of a pointer", value: bare.median / pointer, bound: .atMost(1.25), unit: "")]
        for language in ["C", "Swift"] {
            for (mode, limit) in [(LayerMode.forward, 1.2), (.watch, 5), (.apart, 0.05)] {
                goals.append(
                    Goal(
                        name: "a \(language) layer that \(mode.singular)",
                        value: figure(language, mode).perLayer,
                        bound: .atMost(limit),
                        unit: " ns"
                    )
                )
            }
        }
        for mode in LayerMode.allCases {
            let (own, plain) = (figure("SDK", mode).values, figure("C", mode).values)
            for (index, count) in levels.enumerated() where count == 1 || count == 4 {
                guard own.indices.contains(index), plain.indices.contains(index) else { continue }
                goals.append(
                    Goal(
                        name: "\(count) over the SDK that \(count == 1 ? mode.singular : mode.text), a layer over C",
                        value: (own[index] - plain[index]) / Double(count),
                        bound: .atMost(3),
                        unit: " ns"
                    )
                )
            }
        }
        return goals
    }
}

/// A loop of caller.c.
typealias Measure = @convention(c) (UnsafeRawPointer, UInt64, UInt64) -> Int64

/// One loop over one chain.
struct Subject {
    private let loops: [Measure]
    private let object: UnsafeRawPointer
    private let number: UInt64

    /// The loop's copies.
    var copies: Range<Int> { loops.indices }

    init(_ loops: [Measure], _ object: UnsafeRawPointer, _ number: UInt64) {
        self.loops = loops
        self.object = object
        self.number = number
    }

    /// Nanoseconds a call, in this copy of the loop.
    func measure(_ calls: UInt64, _ copy: Int) throws -> Double {
        let elapsed = loops[copy](object, number, calls)
        guard elapsed >= 0 else { throw BenchmarkError("a call that is measured failed") }
        return Double(elapsed) / Double(calls)
    }
}

/// One line of the table.
struct Line {
    let name: String
    let subjects: [Subject]
    let chains: [OpenChain]

    func end() {
        for chain in chains { chain.socket.close() }
    }
}

/// The medians of a line, by the number of layers.
struct Figures {
    let values: [Double]

    init(_ values: [Double]) {
        self.values = values
    }

    /// What one more layer costs.
    var perLayer: Double {
        guard values.count == CallPath.levels.count, let first = values.first, let last = values.last else {
            return .nan
        }
        return (last - first) / 8
    }

    func row(pointer: Double) -> [Double?] {
        let isChain = values.count == CallPath.levels.count
        let cells: [Double?] = values + [Double?](repeating: nil, count: CallPath.levels.count - values.count)
        return cells + [isChain ? perLayer : nil, values[0] / pointer]
    }
}

/// What the layers of a chain do with a send.
enum LayerMode: String, CaseIterable {
    case forward
    case watch
    case apart

    var text: String {
        switch self {
        case .forward: "forward"
        case .watch: "watch the completion"
        case .apart: "don't intercept"
        }
    }

    var singular: String {
        switch self {
        case .forward: "forwards"
        case .watch: "watches the completion"
        case .apart: "doesn't intercept"
        }
    }
}

/// A socket on a chain of these files.
struct OpenChain {
    let socket: Socket
    private let chain: Chain

    fileprivate init(_ layers: [String], _ mode: LayerMode?, base: String) throws {
        try self.init(layers, setting: mode.map { "mode=\($0.rawValue)" }, base: base)
    }

    /// The layers of `below` have no setting.
    init(_ layers: [String], setting: String?, below: [String] = [], base: String) throws {
        chain = try Chain(
            layers: layers.enumerated().map { index, path in
                let word = "\(path)=layer\(index + 1)" + (setting.map { ":\($0)" } ?? "")
                return try LayerSpecification(parsing: word)
            } + below.map { try LayerSpecification(parsing: $0) },
            base: LayerSpecification(name: base),
            catalog: Catalog(directories: [])
        )
        socket = try chain.open(.connection())
    }

    /// Slot 0.
    var slot: UnsafeMutablePointer<lamina_slot> { socket.handle.slot }
    /// The base's slot.
    var base: UnsafeMutablePointer<lamina_slot> { slot + chain.instances.count }
}
