import Glibc
import Lamina

/// Plug-ins in Swift that tests build over the SDK, each once a process: with what the tests themselves were built with,
/// in Swift 6, without Foundation, warnings and unsafe code being errors.
public final class SwiftPlugin: Sendable {
    private static let known = Locked<[String: SwiftPlugin]>([:])

    private let source: String
    private let library: String
    /// Whether its layers handle calls generically: it has libffi then, and its interface of C, which isn't safe.
    private let isGeneric: Bool
    private let isBuilt = Locked(false)

    private init(_ source: String, library: String, isGeneric: Bool = false) {
        self.source = source
        self.library = library
        self.isGeneric = isGeneric
    }

    /// Builds `Tests/SOURCE.swift` and gives the library's path.
    public static func build(_ source: String) throws -> String { try build(source, isGeneric: false) }

    /// The same of a plug-in whose layers handle calls generically.
    public static func build(generic source: String) throws -> String { try build(source, isGeneric: true) }

    private static func build(_ source: String, isGeneric: Bool) throws -> String {
        let folder = try TemporaryDirectory.ofProcess().path
        let name = source.split(separator: "/").last.map(String.init) ?? source
        let plugin = known.withLock { known in
            if let plugin = known[source] { return plugin }
            let (file, library) = ("\(PackageTree.root)/Tests/\(source).swift", "\(folder)/lib\(name).so")
            let plugin = SwiftPlugin(file, library: library, isGeneric: isGeneric)
            known[source] = plugin
            return plugin
        }
        return try plugin.built(name)
    }

    /// Builds a text in a directory, as a module of this name, and gives the library's path there.
    public static func build(text: String, in directory: TemporaryDirectory, named name: String) throws -> String {
        let source = try directory.write(text, to: "\(name).swift")
        return try SwiftPlugin(source, library: "\(directory.path)/lib\(name).so").built(name)
    }

    /// Builds what `lamina new` writes from a template, under the name "template".
    public static func build(template name: String) throws -> String {
        let file = "\(PackageTree.root)/Templates/\(name)/Sources/__Module__/__Module__.swift"
        var text = String(decoding: try readAll(file), as: UTF8.self)
        let uuid = "6f0c2f0e-9f1f-4b8e-9d53-0d5a3c1a7b42"
        for (word, meaning) in [("__Module__", "Template"), ("__name__", "template"), ("__uuid__", uuid)] {
            text = text.split(separator: word, omittingEmptySubsequences: false).joined(separator: meaning)
        }
        let (folder, filled) = (try TemporaryDirectory.ofProcess(), text)
        let plugin = try known.withLock { known in
            if let plugin = known[file] { return plugin }
            let source = try folder.write(filled, to: "\(name).swift")
            let plugin = SwiftPlugin(source, library: "\(folder.path)/lib\(name).so")
            known[file] = plugin
            return plugin
        }
        return try plugin.built("Template")
    }

    /// Compiles a text and gives what the compiler said; nil where it found nothing wrong.
    public static func complaint(about text: String) throws -> String? {
        let folder = try TemporaryDirectory()
        let source = try folder.write(text, to: "Wrong.swift")
        let ending = try Child.run(options("Wrong") + ["-emit-sil", "-o", "/dev/null", source])
        return ending.code == 0 ? nil : ending.errors
    }

    private func built(_ name: String) throws -> String {
        try isBuilt.withLock { isBuilt in
            guard !isBuilt else { return }
            let modules = ["LaminaProvider", "CLaminaPlugin", "CLamina", "CLinux"]
            let objects = try PackageTree.objects(of: modules + (isGeneric ? ["LaminaFFI", "CLaminaFFI"] : []))
            // Only the start-up symbol is exported, as by every plug-in: the host has an SDK of its own.
            let exports = ["-Xlinker", "--version-script=\(PackageTree.root)/Plugins/plugin.map"]
            let sources = [source] + Self.seenMutex
            let command =
                Self.options(name, isGeneric: isGeneric) + ["-use-ld=lld", "-emit-library", "-o", library] + sources
                + exports + objects + (isGeneric ? ["-lffi"] : [])
            let ending = try Child.run(command)
            guard ending.code == 0 else {
                throw LaminaError(.notFound, library, "was not built: \(ending.errors)\(ending.output)")
            }
            isBuilt = true
        }
        return library
    }

    /// The thread sanitizer doesn't see the standard library's mutex.
    private static var seenMutex: [String] {
        guard dlsym(nil, "__tsan_init") != nil else { return [] }
        return ["\(PackageTree.root)/Tests/Fixtures/bases/SeenMutex.swift"]
    }

    private static func options(_ module: String, isGeneric: Bool = false) -> [String] {
        let products = PackageTree.products
        let maps = (["CLinux", "CLaminaPlugin"] + (isGeneric ? ["CLaminaFFI"] : [])).flatMap { module in
            ["-Xcc", "-fmodule-map-file=\(products)/\(module).build/module.modulemap"]
        }
        let safe = isGeneric ? [] : ["-strict-memory-safety", "-Werror", "StrictMemorySafety"]
        return [
            "swiftc", "-swift-version", "6", "-parse-as-library", "-module-name", module, "-warnings-as-errors",
            "-enable-upcoming-feature", "ExistentialAny",
            "-enable-upcoming-feature", "InternalImportsByDefault", "-I", "\(products)/Modules",
            "-I", "\(PackageTree.root)/Sources/CLamina/include",
        ] + safe + maps
    }
}
