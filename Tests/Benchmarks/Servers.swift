import Lamina

/// Servers that do the same on one thread, each in a process of its own and driven by the same client on another
/// processor: system calls, Lamina by requests and by indications, and SwiftNIO.
struct Servers {
    private let settings: MeasurementSettings

    init(_ settings: MeasurementSettings) {
        self.settings = settings
    }

    /// Messages there and back on many connections.
    func connections() throws -> [Table] {
        try Descriptors.raiseLimit(to: 8192)
        return try compare("echo on connections, trips a second") { contenders, table in
            for count in [1, 64, 1024] {
                let clients = try contenders.map { try EchoClient(port: $0.process.port(of: .echo), count: count) }
                defer { for client in clients { client.close() } }
                // About a tenth of a second each.
                let trips = max((count == 1 ? 1_024 : 8_192) / count / (settings.isQuick ? 4 : 1), 2)
                let runs = clients.map { client in { try client.run(trips) } }
                try table.add("\(count) connection\(count == 1 ? "" : "s")", contenders, runs, rounds: rounds)
            }
        }
    }

    /// Long transfers, and short connections.
    func transfers() throws -> [Table] {
        let bytes = settings.isQuick ? 8 << 20 : 32 << 20
        let long = try compare("long transfers, MB a second") { contenders, table in
            for (service, name) in [(Service.take, "into the server"), (.give, "out of the server")] {
                let clients = try contenders.map { try TransferClient(port: $0.process.port(of: service)) }
                defer { for client in clients { client.close() } }
                let runs = clients.map { client in
                    { try service == .take ? client.send(bytes) : client.receive(bytes) }
                }
                try table.add(name, contenders, runs, rounds: rounds)
            }
        }
        let count = settings.isQuick ? 50 : 200
        let short = try compare("connections a second") { contenders, table in
            let runs = contenders.map { contender in
                { try ConnectClient.run(port: contender.process.port(of: .echo), count) }
            }
            try table.add("connect, there and back, close", contenders, runs, rounds: rounds)
        }
        return long + short
    }

    /// Datagrams there and back.
    func datagrams() throws -> [Table] {
        let batches = settings.isQuick ? 30 : 100
        return try compare("echo of datagrams, a second") { contenders, table in
            for (service, name) in [(Service.datagrams, "one by one"), (.datagramBatches, "many by one call")] {
                let contenders = contenders.filter { $0.kind?.offers(service) ?? true }
                let clients = try contenders.map { try DatagramClient(port: $0.process.port(of: service)) }
                defer { for client in clients { client.close() } }
                try table.add(name, contenders, clients.map { client in { try client.run(batches) } }, rounds: rounds)
            }
        }
    }

    private var rounds: Int { settings.isQuick ? 5 : 31 }

    private func compare(
        _ title: String,
        _ body: ([Contender], inout ComparisonTable) throws -> Void
    ) throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        var contenders: [Contender] = []
        defer { for contender in contenders { contender.process.stop() } }
        for kind in ServerKind.allCases { contenders.append(Contender(kind: kind, process: try kind.start())) }
        var table = ComparisonTable(title)
        do {
            contenders.append(Contender(kind: nil, process: try SwiftNIOServer.start()))
        } catch let error as LaminaError where error.code == .notFound {
            table.note("SwiftNIO is left out: \(error)")
        }
        try body(contenders, &table)
        return [table.table]
    }
}

/// One of the servers.
private struct Contender {
    /// Nil: SwiftNIO.
    let kind: ServerKind?
    let process: ServerProcess

    var name: String { kind?.title ?? "SwiftNIO" }
}

/// Rates of contenders beside each other, the first of which is system calls.
private struct ComparisonTable {
    private(set) var table: Table

    init(_ title: String) {
        table = Table(
            title,
            columns: ["median", "of system calls", "lower quartile", "upper quartile"],
            digits: [0, 2, 2, 2]
        )
        note(
            "proportions are taken round by round; their median and quartiles are shown. Machines change their speed: "
                + "rates of different runs are not to be compared"
        )
    }

    mutating func note(_ text: String) {
        table.notes.append(text)
    }

    /// Measures, and adds a row for each contender.
    mutating func add(
        _ workload: String,
        _ contenders: [Contender],
        _ runs: [() throws -> Double],
        rounds: Int
    ) throws {
        let samples = try Samples.rounds(of: runs, count: rounds)
        let swiftNIO = contenders.firstIndex { $0.kind == nil }
        for (contender, sample) in zip(contenders, samples) {
            let ratios = sample.ratios(to: samples[0])
            table.add(
                "\(workload): \(contender.name)",
                [sample.median, ratios.median, ratios.quantile(0.25), ratios.quantile(0.75)]
            )
            guard let swiftNIO, contender.kind == .requests || contender.kind == .indications else { continue }
            table.goals.append(
                Goal(
                    name: "\(workload): \(contender.name), of SwiftNIO",
                    value: sample.ratios(to: samples[swiftNIO]).median,
                    bound: .atLeast(1),
                    unit: ""
                )
            )
        }
    }
}
