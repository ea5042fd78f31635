import Lamina

/// Servers that do the same on one thread, each driven by the same client on another processor: system calls, Lamina by
/// requests and by indications, and SwiftNIO.
struct Servers {
    private let settings: MeasurementSettings

    init(_ settings: MeasurementSettings) {
        self.settings = settings
    }

    /// Messages there and back on many connections.
    func connections() throws -> [Table] {
        try compare("echo on connections, trips a second", digits: 0) { contenders, table in
            try Descriptors.raiseLimit(to: 8192)
            let trips = settings.isQuick ? 2_000 : 20_000
            for count in [1, 64, 1024] {
                let clients = try contenders.map {
                    try EchoClient(port: $0.server.port(of: .echo), count: count)
                }
                defer { for client in clients { client.close() } }
                let runs = clients.map { client in { try client.run(max(trips / count, 2)) } }
                try table.add("\(count) connection\(count == 1 ? "" : "s")", runs, rounds: rounds)
            }
        }
    }

    /// Long transfers, and short connections.
    func transfers() throws -> [Table] {
        let bytes = settings.isQuick ? 8 << 20 : 64 << 20
        let bulk = try compare("long transfers, MB a second", digits: 0) { contenders, table in
            for (service, name) in [(Service.take, "into the server"), (.give, "out of the server")] {
                let clients = try contenders.map { try TransferClient(port: $0.server.port(of: service)) }
                defer { for client in clients { client.close() } }
                let runs = clients.map { client in
                    { try service == .take ? client.send(bytes) : client.receive(bytes) }
                }
                try table.add(name, runs, rounds: rounds)
            }
        }
        let count = settings.isQuick ? 100 : 400
        let short = try compare("connections a second", digits: 0) { contenders, table in
            let runs = contenders.map { contender in
                { try ConnectClient.run(port: contender.server.port(of: .echo), count) }
            }
            try table.add("connect, a message there and back, close", runs, rounds: rounds)
        }
        return bulk + short
    }

    /// Datagrams there and back.
    func datagrams() throws -> [Table] {
        let batches = settings.isQuick ? 30 : 300
        return try compare("echo of datagrams, a second", digits: 0) { contenders, table in
            for (service, name) in [(Service.datagrams, "one by one"), (.datagramBatches, "many by one call")] {
                let clients = try contenders.map { try DatagramClient(port: $0.server.port(of: service)) }
                defer { for client in clients { client.close() } }
                try table.add(name, clients.map { client in { try client.run(batches) } }, rounds: rounds)
            }
        }
    }

    private var rounds: Int { settings.isQuick ? 5 : 15 }

    private func compare(
        _ title: String,
        digits: Int,
        _ body: ([Contender], inout ComparisonTable) throws -> Void
    ) throws -> [Table] {
        Processors.pin(to: Processors.allowed.count - 1)
        defer { Processors.unpin() }
        var contenders = [
            Contender(name: "epoll and system calls", server: try RawServer()),
            Contender(name: "Lamina, requests", server: try LaminaServer(byIndications: false)),
            Contender(name: "Lamina, indications", server: try LaminaServer(byIndications: true)),
        ]
        defer { for contender in contenders { contender.server.stop() } }
        var notes: [String] = []
        do {
            contenders.append(Contender(name: Contender.swiftNIO, server: try NIOServer()))
        } catch let error as LaminaError where error.code == .notFound {
            notes.append("SwiftNIO is left out: \(error)")
        }
        var table = ComparisonTable(title, contenders.map(\.name), digits: digits, notes: notes)
        try body(contenders, &table)
        return [table.table]
    }
}

/// One of the servers.
private struct Contender {
    static let swiftNIO = "SwiftNIO"

    let name: String
    let server: any Server
}

/// Rates of contenders beside each other, the first of which is system calls.
private struct ComparisonTable {
    private let names: [String]
    private(set) var table: Table

    init(_ title: String, _ names: [String], digits: Int, notes: [String]) {
        self.names = names
        table = Table(
            title,
            columns: ["median", "of system calls", "a quarter below", "a quarter above"],
            digits: [digits, 2, 2, 2]
        )
        table.notes =
            notes + [
                "proportions are taken round by round, and their median and quartiles shown; rates of different runs of "
                    + "this program are not to be compared"
            ]
    }

    /// Measures, and adds a row for each contender.
    mutating func add(_ workload: String, _ runs: [() throws -> Double], rounds: Int) throws {
        let samples = try Samples.rounds(of: runs, count: rounds)
        for (name, sample) in zip(names, samples) {
            let ratios = sample.ratios(to: samples[0])
            table.add(
                "\(workload): \(name)",
                [sample.median, ratios.median, ratios.quantile(0.25), ratios.quantile(0.75)]
            )
        }
        guard let swiftNIO = names.firstIndex(of: Contender.swiftNIO) else { return }
        for index in 1..<swiftNIO {
            table.goals.append(
                Goal(
                    name: "\(workload): \(names[index]), of SwiftNIO",
                    value: samples[index].ratios(to: samples[swiftNIO]).median,
                    bound: .atLeast(1),
                    unit: ""
                )
            )
        }
    }
}
