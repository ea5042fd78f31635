import ArgumentParser
import Lamina

/// `lamina clear`: forgets that a library crashed.
struct ClearCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Use a plug-in again that crashed and was quarantined.",
        discussion: """
            A plug-in that crashed under lamina run or lamina install is quarantined for this user until its file changes. \
            lamina doctor shows what is.

            Examples:
              lamina clear shape
              lamina clear ./libMine.so
            """
    )

    @Argument(
        help: "The provider's name, or the plug-in's path.",
        completion: .custom { _, _, _ in Quarantine.standard.records().records.flatMap(\.names) }
    )
    var name: String

    func run() throws {
        for record in try Quarantine.standard.clear(name) {
            print("cleared \(record.names.joined(separator: ", ")): \(record.file)")
        }
    }
}
