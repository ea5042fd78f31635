import Glibc
import TestSupport

/// The libraries that are measured, built by the program in a directory of its own, which goes with it.
final class Fixtures {
    private let directory: TemporaryDirectory

    /// The base, and eight layers in C and in Swift, each in a file of its own.
    let base: String
    let cLayers: [String]
    let swiftLayers: [String]
    /// The same over the SDK, eight for each thing that they do with a send.
    let sdkLayers: [LayerMode: [String]]
    /// What else the SDK makes: a level that ends the column, one that turns bytes into others, and a base.
    let sdkLevels: (codec: String, terminating: String, base: String)?
    /// Why there are none of these.
    let sdkProblem: String?
    /// Nine files of the plain C chains' functions, the first for the base.
    let plain: [String]
    /// The loops, each copy at another offset.
    let callers: [String]

    /// The layers of a language that do this with a send.
    func layers(_ language: String, _ mode: LayerMode) -> [String] {
        switch language {
        case "C": cLayers
        case "Swift": swiftLayers
        default: sdkLayers[mode] ?? []
        }
    }

    /// Builds them. Throws what the compiler couldn't do.
    init() throws {
        directory = try TemporaryDirectory()
        let builder = Builder(directory: directory.path)
        base = try builder.library("base", offset: 0)
        callers = try (9..<14).map { try builder.library("caller", offset: $0) }
        cLayers = try (1...8).map { try builder.library("layer", offset: $0) }
        plain = try (0...8).map { try builder.library("plain", offset: $0) }
        let object = try builder.swiftObject("layer")
        swiftLayers = try (1...8).map { try builder.swiftLibrary("layer", [object], offset: $0) }
        var sdkLayers: [LayerMode: [String]] = [:]
        var sdkLevels: (String, String, String)?
        var sdkProblem: String?
        do {
            let levels = try ["codec", "terminate", "base"].map {
                try builder.swiftLibrary("sdk-\($0)", try builder.sdkObjects($0), offset: 9)
            }
            sdkLevels = (levels[0], levels[1], levels[2])
            for mode in LayerMode.allCases {
                let objects = try builder.sdkObjects(mode.rawValue)
                sdkLayers[mode] = try (1...8).map {
                    try builder.swiftLibrary("sdk-\(mode.rawValue)", objects, offset: $0)
                }
            }
        } catch {
            (sdkLayers, sdkLevels) = ([:], nil)
            sdkProblem = "layers over the SDK are left out (swift build -c release --target LaminaProvider): \(error)"
        }
        self.sdkProblem = sdkProblem
        self.sdkLayers = sdkLayers
        self.sdkLevels = sdkLevels
    }
}

/// The same for levels that handle calls generically.
final class GenericFixtures {
    private let directory: TemporaryDirectory

    let base: String
    /// Eight layers in C, each in a file of its own.
    let layers: [String]
    /// The same where they make each call by `ffi_call`, as on other processors.
    let libffiLayers: [String]
    /// The same in Swift, for both.
    let swiftLayers: [String]
    let libffiSwiftLayers: [String]
    /// Why there are none of these.
    let swiftProblem: String?
    /// Nine files of bare closures, the first for the base.
    let closures: [String]
    /// A layer with an extension.
    let vendor: String
    let callers: [String]

    /// The extension's name.
    static let vendorName = "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c006"

    /// Builds them. Throws what the compiler couldn't do.
    init() throws {
        directory = try TemporaryDirectory()
        let builder = Builder(directory: directory.path)
        base = try builder.library("base", offset: 0)
        callers = try (9..<14).map { try builder.library("caller", offset: $0) }
        layers = try (1...8).map { try builder.library("generic", offset: $0, with: GenericPlugin.options) }
        let byLibffi = GenericPlugin.byLibffi + GenericPlugin.options
        libffiLayers = try (1...8).map {
            try builder.library("generic", as: "libffi", offset: $0, with: byLibffi)
        }
        closures = try (0...8).map {
            try builder.library("closure", offset: $0, with: ["-Wl,--no-as-needed", "-lffi"])
        }
        vendor = try builder.library("vendor", offset: 9)
        var (swiftLayers, libffiSwiftLayers): ([String], [String]) = ([], [])
        var swiftProblem: String?
        do {
            let objects = try builder.sdkObjects("generic", with: ["LaminaFFI", "CLaminaFFI"])
            swiftLayers = try (1...8).map {
                try builder.swiftLibrary("generic", objects, offset: $0, with: ["-lffi"])
            }
            let libffi = try builder.object(of: GenericPlugin.libffi, with: GenericPlugin.internalHeaders)
            let wrapped = ["-lffi", libffi, "-Xlinker", "--wrap=plain_call_of"]
            libffiSwiftLayers = try (1...8).map {
                try builder.swiftLibrary("libffi", objects, offset: $0, with: wrapped)
            }
        } catch {
            swiftProblem = "handlers in Swift are left out (swift build -c release --target LaminaFFI): \(error)"
        }
        self.swiftLayers = swiftLayers
        self.libffiSwiftLayers = libffiSwiftLayers
        self.swiftProblem = swiftProblem
    }
}

private struct Builder {
    let directory: String
    private let sources = "\(PackageTree.root)/Tests/Benchmarks/Fixtures"
    private let headers = "\(PackageTree.root)/Sources/CLamina/include"

    init(directory: String) {
        self.directory = directory
    }

    /// Builds a C file, its code `offset` steps into the library's.
    func library(
        _ name: String,
        as output: String? = nil,
        offset: Int,
        with options: [String] = []
    ) throws -> String {
        let library = "\(directory)/\(output ?? name)\(offset).so"
        try build(
            ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-falign-functions=64", "-falign-loops=64", "-I", headers]
                + ["-DPADDING=\"\(skip(offset))\"", "-o", library, "\(sources)/padding.c", "\(sources)/\(name).c"]
                + options
        )
        return library
    }

    func object(of source: String, with options: [String]) throws -> String {
        let object = "\(directory)/libffi.o"
        try build(["cc", "-O2", "-Wall", "-fPIC", "-I", headers] + options + ["-c", source, "-o", object])
        return object
    }

    func swiftObject(_ name: String) throws -> String {
        let object = "\(directory)/\(name).o"
        try build(
            ["swiftc", "-O", "-swift-version", "6", "-parse-as-library", "-module-name", "BenchmarkLayer"]
                + ["-I", headers, "-c", "\(sources)/\(name).swift", "-o", object]
        )
        return object
    }

    /// A layer over the SDK with what it needs of that, as a plug-in is built: in whole modules, of this program's build.
    func sdkObjects(_ name: String, with more: [String] = []) throws -> [String] {
        let (object, products) = ("\(directory)/sdk-\(name).o", PackageTree.products)
        let maps = (["CLinux", "CLaminaPlugin"] + more.filter { $0.hasPrefix("C") }).flatMap {
            ["-Xcc", "-fmodule-map-file=\(products)/\($0).build/module.modulemap"]
        }
        try build(
            ["swiftc", "-O", "-wmo", "-swift-version", "6", "-parse-as-library", "-module-name", "SDKLayer"]
                + ["-I", headers, "-I", "\(products)/Modules"] + maps
                + ["-c", "\(sources)/SDK/\(name).swift", "-o", object]
        )
        let modules = ["LaminaProvider", "CLaminaPlugin", "CLamina", "CLinux"] + more
        return try [object] + PackageTree.objects(of: modules)
    }

    func swiftLibrary(
        _ name: String,
        _ objects: [String],
        offset: Int,
        with options: [String] = []
    ) throws -> String {
        let (library, padding) = ("\(directory)/swift-\(name)\(offset).so", "\(directory)/padding\(offset).o")
        try build(
            ["cc", "-O2", "-fPIC", "-DPADDING=\"\(skip(offset))\"", "-c", "-o", padding, "\(sources)/padding.c"]
        )
        try build(["swiftc", "-use-ld=lld", "-emit-library", "-o", library, padding] + objects + options)
        return library
    }

    private func build(_ command: [String]) throws {
        let ending = try Child.run(command)
        guard ending.code != 0 else { return }
        // The first complaint is the cause, as a rule, but for those about commands, which are many lines long.
        let complaint = (ending.errors + ending.output).split(separator: "\n").first {
            $0.contains("error:") && !$0.contains("command failed")
        }
        let file = command.firstIndex(of: "-o").map { command[$0 + 1] } ?? command[0]
        throw BenchmarkError("\(file) can't be built: \(complaint ?? "\(command[0]) gives no reason")")
    }

    /// Cache lines, and never a whole page.
    private func skip(_ offset: Int) -> Int {
        64 + offset * 1088
    }
}

/// A library's functions, by name.
struct LoadedLibrary {
    private let path: String
    private let handle: UnsafeMutableRawPointer

    init(_ path: String) throws {
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw BenchmarkError("\(path): \(dlerror().map { String(cString: $0) } ?? "can't be loaded")")
        }
        self.path = path
        self.handle = handle
    }

    func symbol<Function>(_ name: String, as type: Function.Type) throws -> Function {
        guard let address = dlsym(handle, name) else { throw BenchmarkError("\(path): has no symbol \(name)") }
        return unsafeBitCast(address, to: type)
    }
}
