import Glibc
import Lamina

/// Where a user's runs have their control sockets: `lamina` in XDG_RUNTIME_DIR, else `/tmp/lamina-UID`. It belongs to the
/// user and nobody else may look into it.
struct RunDirectory {
    /// Its path.
    let path: String

    /// What the file of a run's socket ends with, after its name.
    static let suffix = ".sock"

    /// The user's directory, made where it isn't there. Throws where another user could have put something into it.
    static func standard(or path: String? = nil) throws(LaminaError) -> RunDirectory {
        if let path { return try RunDirectory(path) }
        if let given = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), given.hasPrefix("/"), isOwn(given) {
            let path = "\(given)/lamina"
            // A long path leaves no room for names.
            if path.utf8.count <= 60 { return try RunDirectory(path) }
        }
        return try RunDirectory("/tmp/lamina-\(geteuid())")
    }

    private init(_ path: String) throws(LaminaError) {
        if mkdir(path, 0o700) < 0, errno != EEXIST {
            let cause = Errno.last
            throw LaminaError(.system, path, "can't be made (\(cause.text))", errno: cause.code)
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw LaminaError(.refused, path, "is no directory", remedy: "remove it, or set XDG_RUNTIME_DIR")
        }
        guard status.st_uid == geteuid() else {
            throw LaminaError(
                .refused,
                path,
                "belongs to another user",
                remedy: "set XDG_RUNTIME_DIR to a directory of yours"
            )
        }
        guard status.st_mode & 0o077 == 0 else {
            throw LaminaError(.refused, path, "can be entered by others", remedy: "chmod 700 \(path)")
        }
        self.path = path
    }

    private static func isOwn(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
            && access(path, W_OK) == 0
    }

    /// The file of a run's socket.
    func socket(of name: String) -> String { "\(path)/\(name)\(RunDirectory.suffix)" }

    /// The names of the sockets that lie there, in order; of runs, or of what a killed one has left.
    var names: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let file = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if file.hasSuffix(RunDirectory.suffix) { names.append(String(file.dropLast(RunDirectory.suffix.count))) }
        }
        return names.sorted()
    }

    /// Runs `body` while no other process of this user changes what lies there.
    func locked<R>(_ body: () throws(LaminaError) -> R) throws(LaminaError) -> R {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 {
            let cause = Errno.last
            throw LaminaError(.system, path, "can't be opened (\(cause.text))", errno: cause.code)
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) < 0, errno == EINTR {}
        return try body()
    }

    /// Removes a socket that nobody serves any more; true where that was so. Call it under `locked`.
    func removeStale(_ name: String) -> Bool {
        let path = socket(of: name)
        switch UnixSocket.connect(path) {
        case .success(let descriptor):
            close(descriptor)
            return false
        case .failure(let error):
            return error.code == ECONNREFUSED && unlink(path) == 0
        }
    }
}
