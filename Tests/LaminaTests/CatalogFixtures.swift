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
