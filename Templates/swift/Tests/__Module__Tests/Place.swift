import Lamina

/// Where the tests find what they test.
enum Place {
    /// This package.
    static let package = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    /// The plug-in, as it was built with the tests.
    static let library = "\(package)/.build/debug/lib__Module__.so"
    /// The command that was installed with the SDK.
    static let command = "__prefix__/bin/lamina"
    /// The base providers that were installed with it.
    static let catalog = CatalogDirectory("__prefix__/share/lamina/catalog.d")
}
