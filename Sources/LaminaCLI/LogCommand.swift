import ArgumentParser
import Glibc
import Lamina

/// `lamina log`: the changes of one catalog directory.
struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show the changes of the catalog: when, who, what, from where.",
        discussion: """
            The last change stands first. The last 100 are kept; with --json each has every file before and after.

            Examples:
              lamina log -n 5
              lamina log --system --json
            """
    )

    @Option(name: .customShort("n"), help: ArgumentHelp("Show this many at most.", valueName: "count"))
    var count: Int = 100

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        if count < 1 { throw ValidationError("-n takes a number from 1") }
    }

    func run() throws {
        let writer = try place.writer()
        let (records, problems) = try writer.log()
        for problem in problems { Terminal.complain(problem.description) }
        let shown = records.prefix(count)
        if json {
            print(JSON.array(shown.map(\.json)).text(pretty: true), terminator: "")
            return
        }
        guard !shown.isEmpty else {
            print("nothing has been changed in \(writer.directory.path)")
            return
        }
        var table = Table(["CHANGE", "WHEN", "WHO", "WHAT", "FROM"])
        for record in shown {
            let undone = record.undoes.map { " (change \($0))" } ?? ""
            table.add([
                Table.Cell("\(record.generation)", .bold), Table.Cell(Moment.text(record.time)),
                Table.Cell(Self.name(of: record.user)), Table.Cell("\(record.action) \(record.subject)\(undone)"),
                Table.Cell(record.origin ?? ""),
            ])
        }
        print(table.text, terminator: "")
    }

    private static func name(of user: UInt32) -> String {
        getpwuid(user).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "\(user)"
    }
}
