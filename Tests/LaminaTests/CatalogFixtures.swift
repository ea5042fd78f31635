import CLinux
import Glibc
import Lamina
import Testing

/// A fresh directory that is removed with what it holds at the end of its life.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        guard let template = strdup("/tmp/lamina-test-XXXXXX"), mkdtemp(template) != nil else {
            throw LaminaError(.system, "/tmp", "no directory could be made", errno: errno)
        }
        path = String(cString: template)
        free(template)
    }

    deinit {
        _ = try? run(["rm", "-rf", path])
    }

    /// Writes a file below the directory, with its folders, and gives its path.
    @discardableResult
    func write(_ content: String, to name: String) throws -> String {
        try write(Array(content.utf8), to: name)
    }

    @discardableResult
    func write(_ content: [UInt8], to name: String) throws -> String {
        let file = "\(path)/\(name)"
        var folder = path
        for part in name.split(separator: "/").dropLast() {
            folder += "/\(part)"
            mkdir(folder, 0o755)
        }
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(Glibc.write(descriptor, content, content.count) == content.count)
        return file
    }
}

/// Runs a command with its output on standard error and gives its exit status.
func run(_ arguments: [String]) throws -> Int32 {
    let argv = arguments.map { strdup($0) }
    defer { argv.forEach { free($0) } }
    var process: pid_t = 0
    try #require(posix_spawnp(&process, arguments[0], nil, nil, argv + [nil], environ) == 0)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status >> 8
}

extension TemporaryDirectory {
    /// Builds `Tests/Fixtures/plugin.c` with these macros, from the headers alone, and gives the library's path.
    func plugin(_ macros: String..., named name: String = "plugin.so", linking: [String] = []) throws -> String {
        let tests = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let library = "\(path)/\(name)"
        let status = try run(
            ["cc", "-std=gnu11", "-Wall", "-Wno-unused", "-shared", "-fPIC", "-O1"] + macros.map { "-D\($0)" }
                + ["-I", "\(tests)/../Sources/CLamina/include", "-o", library, "\(tests)/Fixtures/plugin.c"]
                + linking
        )
        try #require(status == 0, "\(name) could not be built")
        return library
    }

    /// Writes a manifest of this name in `catalog.d`; members given override the usual ones, nil ones are left out.
    @discardableResult
    func manifest(_ name: String, _ members: [String: JSON?] = [:], in folder: String = "catalog.d") throws -> String {
        var object: [String: JSON?] = [
            "format": 1, "name": .string(name), "library": .string("\(path)/plugin.so"), "kind": "layered",
            "effect": "observe",
        ]
        object.merge(members) { _, new in new }
        var json = JSON.Object()
        for key in object.keys.sorted() { json[key] = object[key] ?? nil }
        return try write(JSON.object(json).text(pretty: true), to: "\(folder)/\(name).json")
    }

    /// A catalog of these folders alone.
    func catalog(_ folders: String...) -> Catalog {
        Catalog(directories: (folders.isEmpty ? ["catalog.d"] : folders).map { CatalogDirectory("\(path)/\($0)") })
    }
}
