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
              lamina forward --layer trace 127.0.0.1:8080 example.org:80
              lamina ps --watch                   what runs, with its sockets and rates
              lamina set RUN trace data=hex       change a layer while its run goes on
              lamina off RUN trace                switch it off, and on again
              lamina install ./libMine.so         make it available by name
              lamina chain add web trace count    name a chain
              lamina policy set path:/usr/bin/curl --chain web
              lamina explain curl                 which layers it gets, and why
              lamina undo                         take the last change back
              lamina doctor                       what is wrong, and what mends it
              lamina new mine                     a package for a plug-in of your own
              lamina check ./libMine.so           whether it keeps the contract
            """,
        version: Version.text,
        subcommands: [
            ListCommand.self, ShowCommand.self, RunCommand.self, TraceCommand.self, ForwardCommand.self,
            ExplainCommand.self,
            PsCommand.self, SetCommand.self, OffCommand.self, OnCommand.self, DemoCommand.self,
            ChainCommand.self, PolicyCommand.self, InstallCommand.self, RemoveCommand.self, EnableCommand.self,
            DisableCommand.self, LogCommand.self, UndoCommand.self, ClearCommand.self, DoctorCommand.self,
            ManifestCommand.self, NewCommand.self, CheckCommand.self, WskCommand.self,
        ]
    )

    /// Parses the command line and runs what it asks for; a failure is one line on standard error and an exit status.
    static func start() -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            if let line = RunLine(reading: arguments) { try line.run() }
            try checkNames(arguments.first == "help" ? arguments.dropFirst() : arguments[...])
            var command = try parseAsRoot(arguments)
            try command.run()
            exit()
        } catch {
            leave(with: error, arguments)
        }
    }

    /// Refuses a word that is no command, of this one and of those that have commands of their own, with the nearest one.
    private static func checkNames(_ words: ArraySlice<String>) throws(LaminaError) {
        var (words, path) = (words, ["lamina"])
        var commands = configuration.subcommands
        while let word = words.popFirst(), !word.hasPrefix("-"), !commands.isEmpty {
            if let command = commands.first(where: { $0.configuration.commandName == word }) {
                commands = command.configuration.subcommands
                path.append(word)
                continue
            }
            let names = commands.compactMap { $0.configuration.commandName } + ["help"]
            guard !names.contains(word) else { return }
            throw LaminaError(
                .invalidArgument,
                "\"\(word)\"",
                "is no command",
                remedy: Suggestion.remedy(
                    for: word,
                    among: names,
                    otherwise: "\(path.joined(separator: " ")) --help lists them"
                )
            )
        }
    }

    private static func leave(with error: any Error, _ arguments: [String]) -> Never {
        let command = arguments.first ?? ""
        let isRun = [RunCommand.name, TraceCommand.name, ForwardCommand.name, CheckCommand.name].contains(command)
        if let error = error as? LaminaError {
            Terminal.complain(error.description)
            Glibc.exit(isRun ? 125 : error.code == .invalidArgument ? ExitCode.validationFailure.rawValue : 1)
        }
        let code = exitCode(for: error)
        if code == .validationFailure {
            complain(about: message(for: error), arguments)
            Glibc.exit(isRun ? 125 : code.rawValue)
        }
        exit(withError: error)
    }

    /// Says in one line what the parser says in several.
    private static func complain(about message: String, _ arguments: [String]) {
        var sentence = message.split(separator: "\n").joined(separator: " ")
        if sentence.last == "." { sentence.removeLast() }
        if sentence.contains("id you mean") {
            Terminal.complain(sentence)
        } else {
            var commands = configuration.subcommands
            var path = "lamina"
            for word in arguments {
                guard let found = commands.first(where: { $0.configuration.commandName == word }) else { break }
                path += " \(word)"
                commands = found.configuration.subcommands
            }
            Terminal.complain("\(sentence); \(path) --help shows what can be said")
        }
    }
}
