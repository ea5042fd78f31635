import CLinux
import Glibc
import Lamina
import TestSupport

/// What a catalog of many entries costs: listing it, and opening the first socket of a chain that names a few.
struct CatalogReading {
    private static let counts = [3, 1_000]

    private let settings: MeasurementSettings
    private let directory: TemporaryDirectory
    private let command: String?

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        directory = try TemporaryDirectory()
        command = try? PackageTree.installed("bin/lamina")
        for count in Self.counts { try install(count) }
    }

    func run() throws -> [Table] {
        // What the layer says at each chain's end.
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        Output.redirect(to: null)
        defer { Output.redirect(to: STDERR_FILENO) }
        return try [firstSocket(), list()]
    }

    /// A directory of this many entries, of which the last two are the chain.
    private func install(_ count: Int) throws {
        let writer = CatalogWriter(directory(of: count))
        var files: [String: String?] = [:]
        for number in 0..<(count - 2) {
            let manifest = Manifest(name: "layer\(number)", library: "/none.so", kind: .layered, effect: .observe)
            files["layer\(number).json"] = manifest.json.text(pretty: true)
        }
        for name in ["Count", "Kernel"] {
            let file = try PackageTree.plugin("libLamina\(name).so")
            for var manifest in try Library.load(file).providers.map(\.manifest) {
                manifest.library = file
                files["\(manifest.name).json"] = manifest.json.text(pretty: true)
            }
        }
        try writer.change("install", "\(count) entries", files: files)
    }

    private func directory(of count: Int) -> CatalogDirectory { CatalogDirectory("\(directory.path)/\(count)") }

    /// From nothing that was read to a socket, the libraries being mapped.
    private func firstSocket() throws -> Table {
        let medians = try Samples.medians(
            of: Self.counts.map { count in { try milliseconds(with: count) } },
            rounds: settings.isQuick ? 11 : 201
        )
        var table = Table("first socket on a chain of two named entries", columns: ["ms"], digits: [3])
        for (count, median) in zip(Self.counts, medians) { table.add("\(count) entries installed", [median]) }
        table.goals = [
            Goal(name: "more with 1000 than with 3", value: medians[1] - medians[0], bound: .atMost(3), unit: " ms")
        ]
        return table
    }

    private func milliseconds(with count: Int) throws -> Double {
        let begin = clinux_monotonic()
        let chain = try Chain(
            layers: [LayerSpecification(name: "count")],
            catalog: Catalog(directories: [directory(of: count)])
        )
        let socket = try chain.open(.connection())
        let elapsed = clinux_monotonic() - begin
        try socket.waiting.close()
        return Double(elapsed) / 1_000_000
    }

    private func list() throws -> Table {
        guard let command else { return Table(missing: "lamina list", because: "it isn't installed") }
        let medians = try Samples.medians(
            of: Self.counts.map { count in
                let catalog = "LAMINA_CATALOG_PATH=\(directory(of: count).path)"
                return { try StartUp.milliseconds(["env", catalog, command, "list"]) }
            },
            rounds: settings.isQuick ? 5 : 41
        )
        var table = Table("lamina list, start to end", columns: ["ms"], digits: [2])
        for (count, median) in zip(Self.counts, medians) { table.add("\(count) entries more", [median]) }
        table.goals = [Goal(name: "list of 1000", value: medians[1], bound: .atMost(60), unit: " ms")]
        return table
    }
}
