import Glibc
import TestSupport

/// The libraries that are measured, built by the program in a directory of its own, which goes with it.
final class Fixtures {
    private let directory: TemporaryDirectory

    /// The base, and eight layers in C and in Swift, each in a file of its own.
    let base: String
    let cLayers: [String]
    let swiftLayers: [String]
    /// Nine files of the plain C chains' functions, the first for the base.
    let plain: [String]
    /// The loops, each copy at another offset.
    let callers: [String]

    /// Builds them. Throws what the compiler couldn't do.
    init() throws {
        directory = try TemporaryDirectory()
        let builder = Builder(directory: directory.path)
        base = try builder.library("base", offset: 0)
        callers = try (9..<14).map { try builder.library("caller", offset: $0) }
        cLayers = try (1...8).map { try builder.library("layer", offset: $0) }
        plain = try (0...8).map { try builder.library("plain", offset: $0) }
        let object = try builder.swiftObject("layer")
        swiftLayers = try (1...8).map { try builder.swiftLibrary("layer", object, offset: $0) }
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
    func library(_ name: String, offset: Int) throws -> String {
        let library = "\(directory)/\(name)\(offset).so"
        try build(
            ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-falign-functions=64", "-falign-loops=64", "-I", headers]
                + ["-DPADDING=\"\(skip(offset))\"", "-o", library, "\(sources)/padding.c", "\(sources)/\(name).c"]
        )
        return library
    }

    func swiftObject(_ name: String) throws -> String {
        let object = "\(directory)/\(name).o"
        try build(
            ["swiftc", "-O", "-swift-version", "6", "-parse-as-library", "-module-name", "BenchmarkLayer"]
                + ["-I", headers, "-c", "\(sources)/\(name).swift", "-o", object]
        )
        return object
    }

    func swiftLibrary(_ name: String, _ object: String, offset: Int) throws -> String {
        let (library, padding) = ("\(directory)/swift-\(name)\(offset).so", "\(directory)/padding\(offset).o")
        try build(
            ["cc", "-O2", "-fPIC", "-DPADDING=\"\(skip(offset))\"", "-c", "-o", padding, "\(sources)/padding.c"]
        )
        try build(["swiftc", "-emit-library", "-o", library, padding, object])
        return library
    }

    private func build(_ command: [String]) throws {
        let status = try run(command)
        guard status == 0 else { throw BenchmarkError("\(command.joined(separator: " ")): failed with \(status)") }
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
