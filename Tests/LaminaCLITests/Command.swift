import Lamina
import TestSupport

/// The installed command, with a catalog, a home and a user's directories of its own.
struct Command {
    /// What belongs to it alone; manifests in `catalog.d` are read last.
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Runs `lamina` with these arguments to its end.
    func run(_ arguments: String..., environment: [String] = []) throws -> Child.Ending {
        try run(arguments, environment: environment)
    }

    /// Runs `lamina` with these arguments to its end.
    func run(_ arguments: [String], environment: [String] = []) throws -> Child.Ending {
        let own = [
            "HOME=\(directory.path)", "LAMINA_CATALOG_PATH=\(directory.path)/catalog.d",
            "PATH=/usr/local/bin:/usr/bin:/bin",
        ]
        let kept = own.filter { entry in
            !environment.contains { $0.prefix { $0 != "=" } == entry.prefix { $0 != "=" } }
        }
        let command = [try PackageTree.installed("bin/lamina")] + arguments
        return try Child.run(command, environment: kept + environment, alone: true)
    }

    /// Where `lamina install` puts manifests and libraries for this user.
    var userManifests: String { "\(directory.path)/.config/lamina/catalog.d" }
    var userLibraries: String { "\(directory.path)/.local/share/lamina/lib" }
}

extension Child.Ending {
    /// The lines of its standard error.
    var complaints: [String] { errors.split(separator: "\n").map(String.init) }

    /// Whether it said one thing, in one line that begins as every complaint does.
    func complained(of parts: String...) -> Bool {
        complaints.count == 1 && errors.hasPrefix("lamina: ") && parts.allSatisfy(errors.contains)
    }
}
