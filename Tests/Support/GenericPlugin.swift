import Lamina

/// Plug-ins that handle calls generically.
public enum GenericPlugin {
    /// What a C plug-in is built with: the library's sources, in the place of `pkg-config lamina-ffi`.
    public static let options = ["-I", headers] + sources + ["-Wl,--no-as-needed", "-lffi"]

    /// More for one that makes each call by `ffi_call`, as on other processors.
    public static let byLibffi = internalHeaders + [libffi, wrap]
    /// Its source.
    public static let libffi = "\(PackageTree.root)/Tests/Fixtures/generic/libffi.c"
    /// What the linker is to do.
    public static let wrap = "-Wl,--wrap=plain_call_of"
    /// Where what that includes is.
    public static let internalHeaders = ["-I", folder, "-I", headers]

    private static let folder = "\(PackageTree.root)/Sources/CLaminaFFI"
    private static let headers = "\(folder)/include"
    private static let sources = ["generic", "call", "plain", "kept", "delayed", "proxy"].map { "\(folder)/\($0).c" }

    /// The file of the layer in C that sees everything, built with more options.
    public static func spy(_ more: [String] = []) throws -> String {
        try CPlugin.build("Fixtures/generic/spy", options: more + options)
    }

    /// The same where libffi gives so many closures and no more.
    public static func spy(closures: Int) throws -> String {
        try spy(["-DCLOSURES=\(closures)", "-Wl,--wrap=ffi_closure_alloc"])
    }

    /// The file of the layer in Swift that keeps, watches and answers calls.
    public static func warden() throws -> String { try SwiftPlugin.build(generic: "Fixtures/generic/Warden") }

    /// What a framework with an entry that the layer of a file wasn't compiled for saw of it, line by line.
    public static func future(_ file: String, _ settings: String...) throws -> [String] {
        let directory = try TemporaryDirectory()
        let program = "\(directory.path)/future"
        let built = try Child.run(
            [
                "cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-I",
                "\(PackageTree.root)/Sources/CLamina/include",
            ]
                + ["-o", program, "\(PackageTree.root)/Tests/Fixtures/generic/future.c"]
        )
        guard built.code == 0 else { throw LaminaError(.notFound, program, "was not built: \(built.errors)") }
        let ending = try Child.run([program, file] + settings)
        guard ending.code == 0 else { throw LaminaError(.system, program, "\(ending.output)\(ending.errors)") }
        return ending.lines
    }

    /// The layer in Swift of the documentation.
    public static func example() throws -> String { "\(PackageTree.products)/libLaminaGenericExample.so" }
}
