import ArgumentParser
import Lamina

/// `lamina doctor`: what is wrong with the catalog, and what mends it.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Find what is wrong with the catalog, and say what mends it.",
        discussion: """
            Each finding has a rule's number that stays, what is wrong, and the command that mends it. The exit status is 0 \
            where nothing is wrong, else 1. No plug-in's code is run. With a directory only that one's findings are shown.

            Examples:
              lamina doctor
              lamina doctor --rules
              lamina doctor --directory ./catalog.d --json
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "List the rules.")
    var rules = false

    @Flag(help: "Complete what a killed writer began in that directory, and remove what it left; say nothing else.")
    var recover = false

    @OptionGroup var place: PlaceOptions

    func run() throws {
        if recover {
            try place.writer().recover()
            return
        }
        if rules {
            list()
            return
        }
        let findings = Doctor.examine(try place.catalog(), in: try place.named())
        if json {
            print(JSON.array(findings.map(\.json)).text(pretty: true), terminator: "")
        } else {
            for finding in findings { Self.show(finding) }
            if findings.isEmpty { print("nothing is wrong") }
        }
        if findings.contains(where: { $0.rule.severity == .fault }) { throw ExitCode(1) }
    }

    private static func show(_ finding: Doctor.Finding) {
        let style: Terminal.Style = finding.rule.severity == .fault ? .red : .yellow
        let subject = Output.printable(finding.subject)
        print("\(Terminal.styled(finding.rule.number, style)) \(subject): \(Output.printable(finding.explanation))")
        if !finding.command.isEmpty { print("    \(Output.printable(finding.command))") }
    }

    private func list() {
        if json {
            print(JSON.array(Doctor.rules.map(\.json)).text(pretty: true), terminator: "")
            return
        }
        var table = Table(["RULE", "KIND", "FINDS"])
        for rule in Doctor.rules {
            table.add([Table.Cell(rule.number, .bold), Table.Cell(rule.severity.rawValue), Table.Cell(rule.summary)])
        }
        print(table.text, terminator: "")
    }
}
