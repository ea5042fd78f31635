import CLinux
import Glibc

/// A connection over loopback TCP: one byte there and back, and as many bytes as go through, between two threads.
struct Loopback {
    private let settings: MeasurementSettings

    init(_ settings: MeasurementSettings) {
        self.settings = settings
    }

    func run() throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        let lamina = try Near<LaminaLink>()
        let blocking = try Near<BlockingLink>()
        let polling = try Near<PollingLink>()
        defer {
            lamina.end()
            blocking.end()
            polling.end()
        }
        let trips = settings.isQuick ? 100 : 400
        let bytes = settings.isQuick ? 4 << 20 : 16 << 20
        let rounds = settings.isQuick ? 11 : 75
        let times = try Samples.rounds(
            of: [
                { try blocking.pingPong(trips) }, { try polling.pingPong(trips) }, { try lamina.pingPong(trips) },
            ],
            count: rounds
        )
        let rates = try Samples.rounds(
            of: [
                { try blocking.throughput(bytes) }, { try polling.throughput(bytes) }, { try lamina.throughput(bytes) },
            ],
            count: rounds
        )
        var table = Table(
            "loopback TCP, kernel base",
            columns: [
                "µs there and back", "MB/s", "trips, of blocking", "their lower quartile", "bytes, of blocking",
                "the bytes' lower quartile",
            ],
            digits: [2, 0, 2, 2, 2, 2]
        )
        for (index, name) in ["system calls that block", "system calls and poll", "Lamina, waiting"].enumerated() {
            let (trips, bytes) = (times[0].ratios(to: times[index]), rates[index].ratios(to: rates[0]))
            table.add(
                name,
                [times[index].median, rates[index].median]
                    + [trips, bytes].flatMap { [$0.median, $0.quantile(0.25)] }
            )
        }
        for (index, name) in ["calls that block", "calls and poll"].enumerated() {
            let (trips, bytes) = (times[index].ratios(to: times[2]), rates[2].ratios(to: rates[index]))
            table.goals.append(Goal(name: "trips, of \(name)", value: trips.median, bound: .atLeast(0.97), unit: ""))
            table.goals.append(Goal(name: "bytes, of \(name)", value: bytes.median, bound: .atLeast(0.97), unit: ""))
        }
        return [table]
    }
}

/// The end of a connection where time is taken.
private struct Near<Connection: Link> {
    private let link: Connection
    private let room: UnsafeMutableRawBufferPointer

    init() throws {
        let (near, far) = try Connection.pair()
        link = near
        room = .allocate(byteCount: Peer.blockSize, alignment: 64)
        room.initializeMemory(as: UInt8.self, repeating: 0)
        try Peer.start(far)
    }

    func end() {
        link.close()
        room.deallocate()
    }

    private func request(_ task: Peer.Task, _ count: Int) throws {
        room[0] = task.rawValue
        room.storeBytes(of: Int64(count), toByteOffset: 1, as: Int64.self)
        try link.send(UnsafeRawBufferPointer(rebasing: room[..<Peer.requestSize]))
        _ = try link.receive(into: UnsafeMutableRawBufferPointer(rebasing: room[..<1]))
    }

    /// Microseconds that a byte takes there and back.
    func pingPong(_ trips: Int) throws -> Double {
        try request(.echo, trips)
        let byte = UnsafeMutableRawBufferPointer(rebasing: room[..<1])
        let begin = clinux_monotonic()
        for _ in 0..<trips {
            try link.send(UnsafeRawBufferPointer(byte))
            _ = try link.receive(into: byte)
        }
        return Double(clinux_monotonic() - begin) / Double(trips) / 1000
    }

    /// Megabytes a second.
    func throughput(_ bytes: Int) throws -> Double {
        try request(.take, bytes)
        let block = UnsafeRawBufferPointer(room)
        let begin = clinux_monotonic()
        for _ in 0..<(bytes / Peer.blockSize) { try link.send(block) }
        _ = try link.receive(into: UnsafeMutableRawBufferPointer(rebasing: room[..<1]))
        return Double(bytes) * 1000 / Double(clinux_monotonic() - begin)
    }
}
