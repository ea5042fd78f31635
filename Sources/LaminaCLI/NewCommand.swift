import ArgumentParser
import Lamina

/// `lamina new`: a package of its own for a plug-in, that builds, passes its tests and installs as it is.
struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Write a package for a plug-in of your own: sources, manifest, tests, README.",
        discussion: """
            What is written builds, passes its tests and can be installed as it is, with what is installed here alone: in \
            Swift the SDK as a source package, in C the headers by pkg-config. The last lines of the output are the \
            commands.

            Examples:
              lamina new mine                  a layer in Swift, in ./mine
              lamina new mine --c              a layer in C
              lamina new mine --base           a transport, the end of a chain
              lamina new mine --terminating    a level with columns of its own
            """
    )

    /// What kind of provider it offers.
    enum Kind: String, EnumerableFlag {
        case layer, terminating, base

        static func help(for value: Kind) -> ArgumentHelp? {
            switch value {
            case .layer: "A layer, which sees calls on their way down and events on their way up."
            case .terminating: "A level that ends the column, and opens what it needs below itself."
            case .base: "A base: the end of a chain, which does what is asked."
            }
        }
    }

    /// What it is written in.
    enum Language: String, EnumerableFlag {
        case swift, c

        static func help(for value: Language) -> ArgumentHelp? {
            switch value {
            case .swift: "In Swift, over the SDK."
            case .c: "In C, over the headers."
            }
        }
    }

    @Argument(help: "What chains will call it: letters, digits, '.', '_' and '-'.")
    var name: String

    @Flag(exclusivity: .exclusive)
    var kind: Kind = .layer

    @Flag(exclusivity: .exclusive)
    var language: Language = .swift

    @Option(
        help: ArgumentHelp("Where to write it; else a folder of its name here.", valueName: "folder"),
        completion: .directory
    )
    var directory: String?

    func run() throws {
        let template = try PluginTemplate(name: name, kind: kind, language: language)
        try template.checkName()
        let folder = directory ?? name
        let files = try template.write(to: folder)
        print("wrote \(Terminal.styled(folder, .bold)): \(article) in \(language == .swift ? "Swift" : "C")")
        for file in files { print("  \(folder)/\(file)") }
        print("\nbuild, test and install it:")
        for command in template.commands(in: folder) { print("  \(command)") }
        print("\nor try it before that:\n  \(template.trial(in: folder))")
    }

    private var article: String {
        switch kind {
        case .layer: "a layer"
        case .terminating: "a terminating level"
        case .base: "a base"
        }
    }
}
