import ArgumentParser
import Lamina

/// `lamina disable`: masks a provider, with a reason.
struct DisableCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Disable a provider, wherever it is installed, until lamina enable.",
        discussion: """
            Nothing is removed: this user's, the system's or your own catalog directory says that the name isn't used, and why.

            Examples:
              lamina disable trace
              sudo lamina disable --system shape --reason "breaks the backups"
            """
    )

    @Argument(help: "The entry's name.", completion: LayerCompletion.kind)
    var name: String

    @Option(help: ArgumentHelp("Why; whoever names it is told.", valueName: "text"))
    var reason: String = ""

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let writer = try place.writer()
        let isNew = try writer.disable(name, because: reason, in: place.catalog())
        print(isNew ? "disabled \(name) in \(writer.directory.path)" : "\(name) was disabled in \(writer.directory.path)")
    }
}

/// `lamina enable`: takes `lamina disable` back.
struct EnableCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Enable a provider that lamina disable disabled.",
        discussion: """
            Examples:
              lamina enable trace
              sudo lamina enable --system shape
            """
    )

    @Argument(help: "The entry's name.", completion: LayerCompletion.kind)
    var name: String

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let isNew = try place.writer().enable(name, in: place.catalog())
        print(isNew ? "enabled \(name)" : "\(name) was enabled")
    }
}
