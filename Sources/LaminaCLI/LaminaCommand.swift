import ArgumentParser
import Glibc
import Lamina

/// The `lamina` command.
struct LaminaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lamina",
        abstract: "Put layers between programs and the network.",
        discussion: """
            Examples:
              lamina demo                         see in ten seconds what layers see
              lamina list                         what is installed
              lamina trace curl http://host/      a line for every call of a program
              lamina run --layer count -- wget http://host/
              lamina run --layer ./libMine.so:key=value -- PROGRAM
              lamina install ./libMine.so         make it available by name
              lamina undo                         take the last change back
              lamina doctor                       what is wrong, and what mends it
              lamina check ./libMine.so           whether it keeps the contract
            """,
        version: Version.text,
        subcommands: [
            ListCommand.self, ShowCommand.self, RunCommand.self, TraceCommand.self, DemoCommand.self,
            InstallCommand.self, RemoveCommand.self, EnableCommand.self, DisableCommand.self, LogCommand.self,
            UndoCommand.self, ClearCommand.self, DoctorCommand.self, ManifestCommand.self, CheckCommand.self, WskCommand.self,
        ]
    )

    /// Parses the command line and runs what it asks for; a failure is one line on standard error and an exit status.
    static func start() -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            if let line = RunLine(reading: arguments) { try line.run() }
            try checkName(arguments.first == "help" ? arguments.dropFirst().first : arguments.first)
            var command = try parseAsRoot(arguments)
            try command.run()
            exit()
        } catch {
            leave(with: error, command: arguments.first ?? "")
        }
    }

    /// Refuses a word that is no command, with the nearest one.
    private static func checkName(_ word: String?) throws(LaminaError) {
        guard let word, !word.hasPrefix("-") else { return }
        let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        guard !names.contains(word) else { return }
        throw LaminaError(
            .invalidArgument,
            "\"\(word)\"",
            "is no command",
            remedy: Suggestion.remedy(for: word, among: names, otherwise: "lamina --help lists them")
        )
    }

    private static func leave(with error: any Error, command: String) -> Never {
        let isRun = [RunCommand.name, TraceCommand.name, CheckCommand.name].contains(command)
        if let error = error as? LaminaError {
            Terminal.complain(error.description)
            Glibc.exit(isRun ? 125 : error.code == .invalidArgument ? ExitCode.validationFailure.rawValue : 1)
        }
        let code = exitCode(for: error)
        if code == .validationFailure {
            complain(about: message(for: error), command: command)
            Glibc.exit(isRun ? 125 : code.rawValue)
        }
        exit(withError: error)
    }

    /// Says in one line what the parser says in several.
    private static func complain(about message: String, command: String) {
        var sentence = message.split(separator: "\n").joined(separator: " ")
        if sentence.last == "." { sentence.removeLast() }
        if sentence.contains("id you mean") {
            Terminal.complain(sentence)
        } else {
            let isKnown = configuration.subcommands.contains { $0.configuration.commandName == command }
            Terminal.complain("\(sentence); lamina \(isKnown ? "\(command) " : "")--help shows what can be said")
        }
    }
}
