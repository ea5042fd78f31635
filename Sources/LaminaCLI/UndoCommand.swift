import ArgumentParser
import Lamina

/// `lamina undo`: takes the last change of one catalog directory back.
struct UndoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Undo the last change of the catalog; again, the one before it.",
        discussion: """
            What the change found is restored, by a change of its own. A file that was edited since is not touched: then \
            this refuses. lamina log shows the changes.

            Examples:
              lamina undo
              lamina undo --system
            """
    )

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let undone = try place.writer().undo()
        print("undone: \(undone.action) \(undone.subject) (change \(undone.generation), \(Moment.text(undone.time)))")
    }
}
