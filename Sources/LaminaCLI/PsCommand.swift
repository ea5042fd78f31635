import ArgumentParser
import Glibc
import Lamina
import LaminaHost

/// `lamina ps`: the runs of this user.
struct PsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "List the runs of this user, with what they carry.",
        discussion: """
            A layer in parentheses is switched off. Rates are of the last quarter of a second, with --watch of the last \
            interval; connections that are the program's own (no layer sees their data) aren't counted.

            Examples:
              lamina ps
              lamina ps --watch
              lamina ps web --json
            """
    )

    @Argument(help: ArgumentHelp("Only this run.", valueName: "run"), completion: RunCompletion.kind)
    var name: String?

    @Flag(name: .shortAndLong, help: "Show it again and again: anew on a terminal, else a line for each run.")
    var watch = false

    @Option(name: .shortAndLong, help: ArgumentHelp("How often, in seconds; 1 unless given.", valueName: "seconds"))
    var interval: Double?

    @Flag(help: "Print JSON; with --watch a line for each run.")
    var json = false

    func validate() throws {
        if let interval, !(0.05...3600).contains(interval) {
            throw ValidationError("--interval takes seconds from 0.05 to 3600")
        }
        if interval != nil, !watch { throw ValidationError("--interval is for --watch") }
    }

    func run() throws {
        var monitor = RunMonitor(only: name)
        guard watch else {
            try monitor.look()
            usleep(250_000)
            let runs = try monitor.look()
            for problem in monitor.problems { Terminal.complain(problem.description) }
            if json {
                print(JSON.array(runs.map(\.json)).text(pretty: true), terminator: "")
            } else if runs.isEmpty {
                print("nothing runs")
            } else {
                print(Self.table(of: runs).text, terminator: "")
            }
            return
        }
        let isScreen = isatty(STDOUT_FILENO) == 1 && !json
        try monitor.look()
        while true {
            usleep(UInt32((interval ?? 1) * 1_000_000))
            let runs = try monitor.look()
            var text = ""
            if json {
                for run in runs { text += run.json.text() + "\n" }
            } else {
                if isScreen { text += "\u{1B}[H\u{1B}[J" }
                text += runs.isEmpty && isScreen ? "nothing runs\n" : Self.table(of: runs, hasHead: isScreen).text
            }
            // Who reads it has gone.
            guard Terminal.write(text) else { return }
        }
    }

    private static func table(of runs: [RunMonitor.Seen], hasHead: Bool = true) -> Table {
        let head = ["RUN", "PID", "SOCKETS", "SENT/S", "RECEIVED/S", "CHAIN", "PROGRAM"]
        var table = Table(hasHead ? head : [])
        for run in runs {
            let status = run.status
            let chain = status.layers.map { $0.isOn ? $0.label : "(\($0.label))" }.joined(separator: " ")
            table.add([
                Table.Cell(status.name, .bold), Table.Cell("\(status.process)"), Table.Cell("\(status.openSockets)"),
                Table.Cell(Self.short(run.rates.sent)), Table.Cell(Self.short(run.rates.received)),
                status.problem.map { Table.Cell("(\($0))", .red) } ?? Table.Cell(chain),
                Table.Cell(status.command.joined(separator: " ")),
            ])
        }
        return table
    }

    /// A number of bytes in three digits: `812`, `1.2k`, `34M`.
    private static func short(_ bytes: Int64) -> String {
        var (value, unit) = (Double(bytes), "")
        for next in ["k", "M", "G", "T"] where value >= 999.5 { (value, unit) = (value / 1000, next) }
        let tenths = Int64((value * 10).rounded())
        return unit.isEmpty || tenths >= 100
            ? "\(Int64(value.rounded()))\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
    }
}
