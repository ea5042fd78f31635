import Glibc
import Lamina
import TestSupport

/// What `lamina run` costs a client program, beside the same program natively and under the alternatives.
struct Running {
    private let settings: MeasurementSettings
    private let lamina: String
    private let directory: TemporaryDirectory
    private let traffic: String
    private let layer: String

    init(_ settings: MeasurementSettings) throws {
        self.settings = settings
        lamina = try PackageTree.installed("bin/lamina")
        directory = try TemporaryDirectory()
        traffic = "\(directory.path)/traffic"
        layer = "\(directory.path)/libnothing.so"
        let tests = "\(PackageTree.root)/Tests"
        try Self.compile("\(tests)/Benchmarks/Fixtures/traffic.c", ["-pthread"], to: traffic)
        let headers = "\(PackageTree.root)/Sources/CLamina/include"
        try Self.compile("\(tests)/Fixtures/layers/nothing.c", ["-shared", "-fPIC", "-I", headers], to: layer)
    }

    private static func compile(_ source: String, _ options: [String], to file: String) throws {
        let built = try Child.run(["cc", "-O2", "-w", "-o", file, source] + options)
        guard built.code == 0 else { throw BenchmarkError("\(source): \(built.errors)") }
    }

    /// A way of running a program: what stands before it.
    private struct Way {
        let name: String
        let words: [String]
        var mode: String?
        /// What follows the mode's own arguments.
        var more: [String] = []
    }

    func run() throws -> [Table] {
        let server = try Child([traffic, "serve"])
        defer { _ = server.end() }
        let port = try server.firstLine()
        let pump = try Child([traffic, "pump", port])
        defer { _ = pump.end() }
        let pumpPort = try pump.firstLine()
        let socks = try? Microsocks()
        var tables = [try connects(port, socks)]
        tables.append(try streams(port, pumpPort))
        tables.append(try trips(port, pumpPort))
        tables.append(try redis(socks))
        return tables
    }

    private var native: Way { Way(name: "natively", words: []) }
    private var hopless: Way { Way(name: "run, no hop", words: run("hosts:map=[nobody.invalid=127.0.0.1]")) }
    /// A chain whose layer sees where connections go, and so is asked about each.
    private var asked: Way {
        Way(name: "run, no hop, a layer asked", words: run("redirect:rule=[192.0.2.1=127.0.0.1]"))
    }
    private var notify: Way {
        Way(
            name: "run --backend=notify, no hop",
            words: run("hosts:map=[nobody.invalid=127.0.0.1]", ["--backend=notify"])
        )
    }
    private var pumped: Way { Way(name: "run, pumped (a layer that does nothing)", words: run(layer)) }

    private func run(_ layer: String, _ options: [String] = []) -> [String] {
        [lamina, "run", "-q", "-o", "/dev/null"] + options + ["--layer", layer, "--"]
    }

    /// proxychains, past its proxies or through one; none where it isn't installed.
    private func proxychains(_ name: String, _ port: UInt16, bypass: Bool) throws -> Way? {
        guard (try? Child.run(["which", "proxychains4"]))?.code == 0 else { return nil }
        let text =
            "strict_chain\nquiet_mode\n" + (bypass ? "localnet 127.0.0.0/255.0.0.0\n" : "")
            + "[ProxyList]\nsocks5 127.0.0.1 \(port)\n"
        let file = try directory.write(text, to: "proxychains-\(bypass).conf")
        return Way(name: name, words: ["proxychains4", "-q", "-f", file])
    }

    private func connects(_ port: String, _ socks: Microsocks?) throws -> Table {
        var ways = [native, hopless, asked, notify]
        if let way = try proxychains("proxychains4, bypass", 9, bypass: true) { ways.append(way) }
        if let socks {
            if let way = try proxychains("proxychains4 to microsocks", socks.port, bypass: false) { ways.append(way) }
            ways.append(
                Way(name: "a plain SOCKS5 client in C", words: [], mode: "connect-socks5", more: ["\(socks.port)"])
            )
            let layer = run("socks5:server=127.0.0.1:\(socks.port)")
            ways.append(Way(name: "run, socks5 to microsocks", words: layer))
            ways.append(
                Way(name: "run, socks5 to microsocks, non-blocking", words: layer, mode: "connect-nonblocking")
            )
        }
        ways.append(pumped)
        ways.append(Way(name: "natively, non-blocking", words: [], mode: "connect-nonblocking"))
        let count = settings.isQuick ? 50 : 150
        let rounds = try Samples.rounds(
            of: ways.map { way in { try figure(way.words, [way.mode ?? "connect", port, "\(count)"] + way.more) } },
            count: settings.isQuick ? 3 : 9
        )
        var table = Table("connect and a byte there and back", columns: ["us", "x native"], digits: [1, 2])
        for (way, samples) in zip(ways, rounds) {
            let base = way.mode == "connect-nonblocking" ? rounds[rounds.count - 1] : rounds[0]
            let ratio = samples.ratios(to: base).median
            table.add(way.name, [samples.median, ratio])
            switch way.name {
            case hopless.name, asked.name:
                table.goals.append(Goal(name: way.name, value: ratio, bound: .atMost(1.4), unit: " x"))
            case "run, socks5 to microsocks":
                table.goals.append(Goal(name: way.name, value: ratio, bound: .atMost(2.5), unit: " x"))
            case "run, socks5 to microsocks, non-blocking":
                table.goals.append(Goal(name: way.name, value: ratio, bound: .atMost(3), unit: " x"))
            default: break
            }
        }
        return table
    }

    private func streams(_ port: String, _ pumpPort: String) throws -> Table {
        let megabytes = settings.isQuick ? "200" : "2000"
        let runs: [(Way, String)] = [
            (native, port), (hopless, port), (Way(name: "a plain pump in C", words: []), pumpPort), (pumped, port),
            (notify, port),
        ]
        let rounds = try Samples.rounds(
            of: runs.map { way, port in { try figure(way.words, ["stream", port, megabytes]) } },
            count: settings.isQuick ? 3 : 9
        )
        var table = Table("one stream", columns: ["MB/s", "x native"], digits: [0, 2])
        for ((way, _), samples) in zip(runs, rounds) {
            table.add(way.name, [samples.median, samples.ratios(to: rounds[0]).median])
        }
        table.goals = [
            Goal(
                name: "no hop, of native",
                value: rounds[1].ratios(to: rounds[0]).median,
                bound: .atLeast(0.98),
                unit: ""
            ),
            Goal(
                name: "no hop by notify, of native",
                value: rounds[4].ratios(to: rounds[0]).median,
                bound: .atLeast(0.98),
                unit: ""
            ),
            Goal(
                name: "pumped, of the C pump",
                value: rounds[3].ratios(to: rounds[2]).median,
                bound: .atLeast(0.95),
                unit: ""
            ),
        ]
        return table
    }

    private func trips(_ port: String, _ pumpPort: String) throws -> Table {
        let count = settings.isQuick ? "500" : "5000"
        let runs: [(Way, String)] = [
            (native, port), (hopless, port), (Way(name: "a plain pump in C", words: []), pumpPort), (pumped, port),
            (notify, port),
        ]
        let rounds = try Samples.rounds(
            of: runs.map { way, port in { try figure(way.words, ["trips", port, count]) } },
            count: settings.isQuick ? 3 : 9
        )
        var table = Table("64 bytes there and back", columns: ["us", "more"], digits: [1, 1])
        let medians = rounds.map(\.median)
        for ((way, _), median) in zip(runs, medians) { table.add(way.name, [median, median - medians[0]]) }
        table.goals = [
            Goal(name: "no hop, rate of native", value: medians[0] / medians[1], bound: .atLeast(0.98), unit: ""),
            Goal(
                name: "no hop by notify, rate of native",
                value: medians[0] / medians[4],
                bound: .atLeast(0.98),
                unit: ""
            ),
            Goal(name: "pumped, more than natively", value: medians[3] - medians[0], bound: .atMost(22), unit: " us"),
        ]
        return table
    }

    private func redis(_ socks: Microsocks?) throws -> Table {
        let title = "redis-benchmark, GET, 50 connections"
        guard let server = try redisServer() else { return Table(missing: title, because: "there is no redis") }
        defer { _ = server.child.killed() }
        var ways = [native, hopless, pumped]
        if let socks {
            if let way = try proxychains("proxychains4 to microsocks", socks.port, bypass: false) { ways.append(way) }
            ways.append(Way(name: "run, socks5 to microsocks", words: run("socks5:server=127.0.0.1:\(socks.port)")))
        }
        let requests = settings.isQuick ? "5000" : "50000"
        let rounds = try Samples.rounds(
            of: ways.map { way in
                {
                    let words = [
                        "redis-benchmark", "-p", "\(server.port)", "-n", requests, "-c", "50", "-t", "get", "--csv",
                    ]
                    let ending = try Child.run(way.words + words)
                    guard ending.code == 0, let row = ending.lines.first(where: { $0.hasPrefix("\"GET\"") }),
                        let rate = Double(row.split(separator: ",")[1].filter { $0 != "\"" })
                    else { throw BenchmarkError("\(way.name): redis-benchmark: \(ending.errors)") }
                    return rate
                }
            },
            count: settings.isQuick ? 3 : 7
        )
        var table = Table(title, columns: ["1/s", "x native"], digits: [0, 2])
        for (way, samples) in zip(ways, rounds) {
            table.add(way.name, [samples.median, samples.ratios(to: rounds[0]).median])
        }
        table.goals = [
            Goal(
                name: "pumped, of native",
                value: rounds[2].ratios(to: rounds[0]).median,
                bound: .atLeast(0.8),
                unit: ""
            )
        ]
        return table
    }

    /// A redis server on a free port; nil where there is none.
    private func redisServer() throws -> (child: Child, port: UInt16)? {
        guard (try? Child.run(["which", "redis-server"]))?.code == 0 else { return nil }
        let (descriptor, port) = try TestSupport.Loopback.bound()
        close(descriptor)
        let child = try Child([
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        ])
        try child.awaitOutput("Ready to accept")
        return (child, port)
    }

    /// The figure that a run of `traffic` prints.
    private func figure(_ words: [String], _ arguments: [String]) throws -> Double {
        let ending = try Child.run(words + [traffic] + arguments)
        guard ending.code == 0, let figure = ending.lines.first.flatMap(Double.init) else {
            throw BenchmarkError("\((words + arguments).joined(separator: " ")): \(ending.errors)")
        }
        return figure
    }
}
