import Glibc
import Lamina

/// Plug-ins in C that tests build from the headers alone, each once a process.
public final class CPlugin: Sendable {
    private static let known = Locked<[[String]: CPlugin]>([:])

    private let library: String
    private let command: [String]
    private let isBuilt = Locked(false)

    private init(_ command: [String], library: String) {
        self.library = library
        self.command = command + ["-o", library]
    }

    /// Builds `Tests/SOURCE.c`, with warnings as errors, and gives the library's path.
    public static func build(
        _ source: String,
        with compiler: [String] = ["cc", "-std=gnu11"],
        options: [String] = []
    ) throws -> String {
        let folder = try TemporaryDirectory.ofProcess().path
        let root = PackageTree.root
        let command =
            compiler + ["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-pthread"] + options
            + [
                "-I", "\(root)/Sources/CLamina/include", "-I", "\(root)/Tests/Fixtures/layers",
                "\(root)/Tests/\(source).c",
            ]
        let name = source.split(separator: "/").last.map(String.init) ?? source
        let plugin = known.withLock { known in
            if let plugin = known[command] { return plugin }
            let plugin = CPlugin(command, library: "\(folder)/lib\(name)-\(known.count).so")
            known[command] = plugin
            return plugin
        }
        return try plugin.built()
    }

    private func built() throws -> String {
        try isBuilt.withLock { isBuilt in
            guard !isBuilt else { return }
            let ending = try Child.run(command)
            guard ending.code == 0 else { throw LaminaError(.notFound, library, "was not built: \(ending.errors)") }
            isBuilt = true
        }
        return library
    }
}
