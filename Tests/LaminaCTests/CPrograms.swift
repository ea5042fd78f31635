import TestSupport
import Testing

/// C programs, compiled against the headers and linked with the library that the build made, in a tree as an
/// installation makes it: libraries, plug-ins and manifests.
struct CPrograms {
    static let headers = "\(PackageTree.root)/Sources/CLamina/include"
    static let library = "\(PackageTree.products)/libLaminaC.so"
    static let kernel = "\(PackageTree.products)/libLaminaKernel.so"
    static let memory = "\(PackageTree.products)/libLaminaMemory.so"

    let tree: TemporaryDirectory
    /// The options that link a program with the library.
    let link: String
    /// The layer "gate".
    let layer: String

    init() throws {
        tree = try TemporaryDirectory()
        let path = tree.path
        link = "-L\(path)/lib -llamina -Wl,-rpath,\(path)/lib -pthread"
        layer = "\(path)/lib.so"
        try tree.write("{", to: "share/lamina/catalog.d/broken.json")
        let installed = try shell(
            """
            mkdir -p lib/lamina && ln -s \(Self.library) lib/liblamina.so.0 && ln -s liblamina.so.0 lib/liblamina.so
            for name in Kernel Trace Count; do
                ln -s \(PackageTree.products)/libLamina$name.so lib/lamina/
                cp \(PackageTree.root)/Plugins/$name/manifest.json share/lamina/catalog.d/$(echo $name | tr A-Z a-z).json || exit 1
            done
            """
        )
        try #require(installed.code == 0, "\(installed.errors)")
        try compile("layer.c", to: layer, "-shared -fPIC")
    }

    /// Compiles a source, a fixture's name or a path, with every warning an error.
    func compile(_ source: String, to program: String, _ options: String, compiler: String = "gcc -std=gnu11") throws {
        let path = source.hasPrefix("/") ? source : "\(PackageTree.root)/Tests/LaminaCTests/Fixtures/\(source)"
        let ending = try shell("\(compiler) -Wall -Wextra -Werror -I\(Self.headers) -o \(program) \(path) \(options)")
        try #require(ending.code == 0, "\(ending.errors)")
    }

    /// Compiles a program that is linked with the library, and answers its path.
    func linked(_ source: String, compiler: String = "gcc -std=gnu11") throws -> String {
        let program = "\(tree.path)/program"
        try compile(source, to: program, link, compiler: compiler)
        return program
    }

    /// Runs a program to its end, in the tree, with the tree's catalog beside the standard one.
    func run(_ program: String, _ arguments: String..., environment: [String] = []) throws -> Child.Ending {
        let catalog = "LAMINA_CATALOG_PATH=\(tree.path)/share/lamina/catalog.d"
        return try Child.run([program] + arguments, environment: [catalog] + environment)
    }

    /// Runs a script of the shell to its end, in the tree.
    func shell(_ script: String) throws -> Child.Ending {
        try Child.run(["/bin/sh", "-c", "cd \(tree.path) || exit 1\n\(script)"])
    }
}
