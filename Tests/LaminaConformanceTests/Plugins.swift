import Glibc
import Lamina
import LaminaConformance
import Synchronization
import TestSupport
import Testing

/// Plug-ins that the tests check, and the command that checks them.
enum Plugins {
    /// The command that was built with the tests, as the helper of a check.
    static let helper = ["\(PackageTree.products)/lamina", "--check-rule"]

    /// The bases that were built with the tests.
    static let bases = ["memory", "kernel"].map { name in
        Conformance.Base(name: name, library: product(name.prefix(1).uppercased() + name.dropFirst()))
    }

    /// A plug-in of the project, by its module's name.
    static func product(_ name: String) -> String { "\(PackageTree.products)/libLamina\(name).so" }

    /// Builds a fixture, once a process, and gives the library's path.
    static func build(_ name: String, in folder: String) throws -> String {
        try built.withLock { built in
            if let library = built[name] { return library }
            let library = "\(output)/lib\(name).so"
            let root = PackageTree.root
            let status = try run([
                "cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-pthread",
                "-I", "\(root)/Sources/CLamina/include", "-I", "\(root)/Tests/Fixtures/layers",
                "\(root)/Tests/\(folder)/\(name).c", "-o", library,
            ])
            try #require(status == 0, "\(name) could not be built")
            built[name] = library
            return library
        }
    }

    private static let built = Mutex<[String: String]>([:])

    /// Where the fixtures are built; removed when the process exits.
    private static let output: String = {
        atexit { _ = try? TestSupport.run(["rm", "-rf", Plugins.output]) }
        let template = strdup("/tmp/lamina-check-XXXXXX")
        defer { free(template) }
        return template.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
    }()

    /// The check of a broken layer.
    static func broken(_ name: String, rules: [Rule] = Rule.all) throws -> Conformance {
        let library = try build(name, in: "LaminaConformanceTests/Fixtures")
        return Conformance(file: library, rules: rules, bases: bases)
    }
}
