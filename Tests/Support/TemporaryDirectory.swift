import Glibc
import Lamina

/// A fresh directory that is removed with what it holds at the end of its life.
public final class TemporaryDirectory: Sendable {
    /// Where it is.
    public let path: String

    /// Makes one below `/tmp`, or in memory where that can be had.
    public init(inMemory: Bool = false) throws {
        let folder = inMemory && access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp"
        guard let template = strdup("\(folder)/lamina-test-XXXXXX"), mkdtemp(template) != nil else {
            throw LaminaError(.system, folder, "no directory could be made", errno: errno)
        }
        path = String(cString: template)
        free(template)
    }

    deinit {
        remove()
    }

    private func remove() {
        _ = try? run(["rm", "-rf", path])
    }

    private static let lasting: Result<TemporaryDirectory, any Error> = Result {
        let made = try TemporaryDirectory()
        atexit { (try? TemporaryDirectory.lasting.get())?.remove() }
        return made
    }

    /// The one that lasts as long as this process.
    public static func ofProcess() throws -> TemporaryDirectory { try lasting.get() }

    /// Writes a file below the directory, with its folders, and gives its path.
    @discardableResult
    public func write(_ content: String, to name: String) throws -> String {
        try write(Array(content.utf8), to: name)
    }

    /// Writes a file below the directory, with its folders, and gives its path.
    @discardableResult
    public func write(_ content: [UInt8], to name: String) throws -> String {
        let file = "\(path)/\(name)"
        var folder = path
        for part in name.split(separator: "/").dropLast() {
            folder += "/\(part)"
            mkdir(folder, 0o755)
        }
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, content, content.count) == content.count else {
            throw LaminaError(.system, file, "can't be written", errno: errno)
        }
        return file
    }
}

/// A file's content.
public func readAll(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw LaminaError(.system, path, "can't be opened", errno: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
    return bytes
}

/// Runs a command on this process's streams and gives its exit status.
public func run(_ arguments: [String]) throws -> Int32 {
    let argv = arguments.map { strdup($0) }
    defer { argv.forEach { free($0) } }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, arguments[0], nil, nil, argv + [nil], environ)
    guard failure == 0 else {
        throw LaminaError(.system, arguments[0], String(cString: strerror(failure)), errno: failure)
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status >> 8
}
