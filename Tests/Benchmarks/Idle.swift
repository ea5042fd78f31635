import CLinux
import Glibc
import Lamina
import TestSupport

/// What sockets that do nothing cost in memory: connections of the bases, open on a chain of the base alone.
struct Idle {
    private let settings: MeasurementSettings

    init(_ settings: MeasurementSettings) {
        self.settings = settings
    }

    func run() throws -> [Table] {
        let divisor = settings.isQuick ? 10 : 1
        var table = Table(
            "idle connections",
            columns: ["sockets", "bytes of memory each", "µs to open"],
            digits: [0, 0, 1]
        )
        // All stay open to the end: what one gave back would not count for the next.
        var sockets: [Socket] = []
        defer { for socket in sockets { socket.close() } }
        for (base, file, count) in [
            ("kernel", "libLaminaKernel.so", 15_000 / divisor), ("memory", "libLaminaMemory.so", 100_000 / divisor),
        ] {
            if base == "kernel" { try Descriptors.raiseLimit(to: count + 200) }
            let (bytes, time) = try measure(try PackageTree.plugin(file), count, &sockets)
            table.add("base \(base)", [Double(count), bytes, time])
            table.goals.append(
                Goal(name: "an idle connection of \(base)", value: bytes, bound: .atMost(1024), unit: " bytes")
            )
        }
        return [table]
    }

    /// The growth of the process by `count` sockets, each, and the time to open them.
    private func measure(_ file: String, _ count: Int, _ sockets: inout [Socket]) throws -> (
        bytes: Double, microseconds: Double
    ) {
        let chain = try Chain(layers: [], base: LayerSpecification(name: file), catalog: Catalog(directories: []))
        let listener = try chain.listen(on: Address(host: "127.0.0.1", port: 0), backlog: 1000)
        let address = try listener.waiting.localAddress()
        var handles: [Socket] = []
        handles.reserveCapacity(count)
        // What the first sockets bring for good isn't counted.
        func open(_ pairs: Int) throws {
            for _ in 0..<pairs {
                handles.append(try chain.connect(to: address))
                handles.append(try listener.waiting.accept())
            }
        }
        try open(50)
        let before = try Self.residentBytes()
        let begin = clinux_monotonic()
        let pairs = (count - handles.count) / 2
        try open(pairs)
        let time = Double(clinux_monotonic() - begin) / 1000
        let bytes = try Self.residentBytes() - before - pairs * 2 * MemoryLayout<Socket>.stride
        sockets += handles + [listener]
        return (Double(bytes) / Double(pairs * 2), time / Double(pairs * 2))
    }

    /// Of memory that the process has in use.
    private static func residentBytes() throws -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { throw BenchmarkError("/proc/self/statm: can't be read") }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { throw BenchmarkError("/proc/self/statm: is empty") }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { throw BenchmarkError("/proc/self/statm: \(text)") }
        return pages * Int(getpagesize())
    }
}
