import TestSupport
import Testing

/// Programs in the style of drivers, compiled against the headers and linked with the library that the build made, in a
/// tree as an installation makes it.
struct DriverPrograms {
    static let headers = "\(PackageTree.root)/Sources/CWinsockKernel/include"
    static let fixtures = "\(PackageTree.root)/Tests/WinsockKernelTests/Fixtures"
    /// How a source is compiled, by name in tests.
    static let compilers = ["gcc -std=c11", "gcc -std=gnu11", "g++ -x c++ -std=c++17"]

    let tree: TemporaryDirectory
    private let link: String

    init() throws {
        tree = try TemporaryDirectory()
        let path = tree.path
        link = "-L\(path)/lib -llamina-wsk -Wl,-rpath,\(path)/lib -pthread"
        let installed = try shell(
            """
            mkdir -p lib/lamina share/lamina/catalog.d
            ln -s \(PackageTree.products)/libWinsockKernel.so lib/liblamina-wsk.so.0
            ln -s liblamina-wsk.so.0 lib/liblamina-wsk.so
            for name in Kernel Trace; do
                ln -s \(PackageTree.products)/libLamina$name.so lib/lamina/
                cp \(PackageTree.root)/Plugins/$name/manifest.json share/lamina/catalog.d/$(echo $name | tr A-Z a-z).json || exit 1
            done
            """
        )
        try #require(installed.code == 0, "\(installed.errors)")
    }

    /// Compiles a fixture, or a file of the tree, and answers the program's path.
    func compile(
        _ source: String,
        _ options: String = "",
        compiler: String = "gcc -std=gnu11",
        to name: String = "program"
    ) throws -> String {
        let ending = try shell(
            """
            \(compiler) -g -Wall -Wextra -Werror -Wno-multichar -I. -I\(Self.headers) -I\(Self.fixtures) \(options) \
            -o \(name) \(Self.fixtures)/\(source) \(link)
            """
        )
        try #require(ending.code == 0, "\(ending.errors)")
        return "\(tree.path)/\(name)"
    }

    private var catalog: String { "LAMINA_CATALOG_PATH=\(tree.path)/share/lamina/catalog.d" }
    /// For programs under the thread sanitizer.
    private static let suppressions = "TSAN_OPTIONS=suppressions=\(fixtures)/swift-runtime.supp"

    /// Runs a program to its end with the tree's catalog.
    func run(_ program: [String], _ environment: String...) throws -> Child.Ending { try run(program, environment) }

    private func run(_ program: [String], _ environment: [String]) throws -> Child.Ending {
        try Child.run(program, environment: [catalog, Self.suppressions] + environment)
    }

    /// Runs a program that says "done" at its end.
    func expectDone(_ program: [String], _ environment: String...) throws {
        let ending = try run(program, environment)
        #expect(ending.code == 0 && ending.output == "done\n", "\(environment) \(ending.output)\(ending.errors)")
    }

    /// Runs a script of the shell to its end, in the tree.
    func shell(_ script: String) throws -> Child.Ending {
        try Child.run(["/bin/sh", "-c", "cd \(tree.path) || exit 1\n\(script)"])
    }
}
