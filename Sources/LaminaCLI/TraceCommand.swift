import ArgumentParser
import Lamina

/// `lamina trace`: short for `lamina run --layer trace`.
struct TraceCommand: ParsableCommand {
    static let name = "trace"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Run a program and print a line for every call on its connections.",
        discussion: """
            Short for lamina run --layer trace; lamina show trace lists the settings.

            Examples:
              lamina trace curl https://example.org
              lamina trace --set data=hex --output calls.txt -- git fetch
            """
    )

    @Option(
        name: [.customShort("s", allowingJoined: true), .long],
        help: ArgumentHelp("A setting of the trace layer; may be repeated.", valueName: "key=value")
    )
    var set: [String] = []

    @OptionGroup var options: RunOptions

    func run() throws {
        try options.line(on: [Self.layer(set)]).run()
    }

    /// The trace layer with these settings.
    static func layer(_ settings: [String]) -> String {
        settings.isEmpty ? "trace" : "trace:" + settings.joined(separator: ",")
    }
}
