/// Plug-ins that handle calls generically.
public enum GenericPlugin {
    /// What a C plug-in is built with: the library's sources, in the place of `pkg-config lamina-ffi`.
    public static let options = ["-I", "\(folder)/include"] + sources + ["-Wl,--no-as-needed", "-lffi"]

    private static let folder = "\(PackageTree.root)/Sources/CLaminaFFI"
    private static let sources = ["generic", "call", "kept", "delayed", "proxy"].map { "\(folder)/\($0).c" }

    /// The file of the layer in C that sees everything, built with more options.
    public static func spy(_ more: [String] = []) throws -> String {
        try CPlugin.build("Fixtures/generic/spy", options: more + options)
    }

    /// The same where libffi gives so many closures and no more.
    public static func spy(closures: Int) throws -> String {
        try spy(["-DCLOSURES=\(closures)", "-Wl,--wrap=ffi_closure_alloc"])
    }

    /// The layer in Swift of the documentation.
    public static func example() throws -> String { "\(PackageTree.products)/libLaminaGenericExample.so" }
}
