import CLamina
import Lamina
import TestSupport

/// What one `send` costs on its way down a chain with one level: the shipped layers, with rules and limits that don't act,
/// and what the SDK makes of a codec, a terminating level and a base; each beside a level that only forwards.
struct LayerPath {
    private let settings: MeasurementSettings
    private let fixtures: Fixtures
    private let callers: [LoadedLibrary]

    init(_ settings: MeasurementSettings, _ fixtures: Fixtures, _ callers: [LoadedLibrary]) {
        self.settings = settings
        self.fixtures = fixtures
        self.callers = callers
    }

    /// The shipped layers, and settings with which they see every send and do nothing about it.
    private static let shipped: [(plugin: String, setting: String?)] = [
        ("Count", "each=no"),
        ("Trace", "errors=yes"),
        ("Meter", nil),
        ("Firewall", "rules=deny out tcp 192.0.2.1:9"),
        ("Fault", "do=reset:up:chance=0%/call"),
        ("Throttle", "rate=800gbit"),
    ]

    func run() throws -> Table {
        var table = Table(
            "ns a call through one level, over a base that does nothing",
            columns: ["ns", "over no layer", "over one that forwards"],
            digits: [2, 2, 2]
        )
        var lines: [Line] = []
        for (name, files, setting, base) in kinds(&table) {
            lines.append(try line(name, files, setting, base))
        }
        let figures = try CallPath.medians(of: lines, calls: 1_000, rounds: settings.isQuick ? 21 : 151)
        for (line, own) in zip(lines, figures) {
            let cost = own.values[0]
            table.add(line.name, [cost, cost - figures[0].values[0], cost - figures[1].values[0]])
        }
        for line in lines { line.end() }
        return table
    }

    private typealias Kind = (name: String, layers: [String], setting: String?, base: String)

    private func kinds(_ table: inout Table) -> [Kind] {
        let base = fixtures.base
        var kinds: [Kind] = [("no layer", [], nil, base)]
        guard let forward = fixtures.sdkLayers[.forward]?.first, let own = fixtures.sdkLevels else {
            table.notes.append(fixtures.sdkProblem ?? "")
            return kinds + [("a layer in C that forwards", [fixtures.cLayers[0]], "mode=forward", base)]
        }
        kinds.append(("a layer over the SDK that forwards", [forward], nil, base))
        kinds.append(("a layer in C that forwards", [fixtures.cLayers[0]], "mode=forward", base))
        for (plugin, setting) in Self.shipped {
            do {
                let file = try PackageTree.plugin("libLamina\(plugin).so")
                let name = plugin.lowercased() + (setting.map { ":\($0)" } ?? "")
                kinds.append((name, [file], setting, base))
            } catch {
                table.notes.append("\(plugin) is left out (swift build -c release --product Lamina\(plugin))")
            }
        }
        kinds.append(("a codec that copies", [own.codec], nil, base))
        kinds.append(("a terminating level with one column", [own.terminating], nil, base))
        kinds.append(("no layer, the base over the SDK", [], nil, own.base))
        return kinds
    }

    private func line(_ name: String, _ layers: [String], _ setting: String?, _ base: String) throws -> Line {
        let chain = try OpenChain(layers, setting: setting, base: base)
        try chain.socket.waiting.connect(to: Address(host: "127.0.0.1", port: 9))
        let loops = try callers.map { try $0.symbol("measure_socket", as: Measure.self) }
        return Line(
            name: name,
            subjects: [Subject(loops, chain.slot, chain.socket.handle.generation)],
            chains: [chain]
        )
    }
}
