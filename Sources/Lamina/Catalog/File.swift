import CLinux
import Glibc

/// Which file a path led to, and in which state: a replaced or changed file has another identity.
public struct FileIdentity: Sendable, Equatable, Hashable {
    /// The device that holds it.
    public let device: UInt64
    /// Its inode.
    public let inode: UInt64
    /// Its size in bytes.
    public let size: Int64
    /// When its content last changed, in nanoseconds since 1970.
    public let modified: Int64

    /// An identity in its parts.
    public init(device: UInt64, inode: UInt64, size: Int64, modified: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
    }
}

extension FileIdentity {
    init(_ status: stat) {
        self.init(
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino),
            size: Int64(status.st_size),
            modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        )
    }
}

/// Whole files, by blocking system calls; errors carry the path as their subject.
package enum File {
    /// An open descriptor, closed at the end of its life.
    package struct Descriptor: ~Copyable {
        let number: Int32

        package init(opening path: String, _ flags: Int32, mode: UInt32 = 0) throws(LaminaError) {
            let opened = retrying { open(path, flags | O_CLOEXEC, mode) }
            guard opened >= 0 else { throw File.error(path, "can't be opened") }
            number = opened
        }

        deinit { close(number) }

        func status(of path: String) throws(LaminaError) -> stat {
            var status = Glibc.stat()
            guard fstat(number, &status) == 0 else { throw File.error(path, "can't be examined") }
            return status
        }

        /// Reads `count` bytes from `offset`, fewer at the end of the file.
        func read(_ count: Int, at offset: Int64, of path: String) throws(LaminaError) -> [UInt8] {
            var failed = false
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                while filled < count {
                    let target = buffer.baseAddress.map { $0 + filled }
                    let got = retrying { pread(number, target, count - filled, off_t(offset) + off_t(filled)) }
                    if got < 0 { failed = true }
                    if got <= 0 { break }
                    filled += got
                }
            }
            if failed { throw File.error(path, "can't be read") }
            return bytes
        }

        /// Writes all of `bytes`.
        package func write(_ bytes: [UInt8], to path: String) throws(LaminaError) {
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    retrying { Glibc.write(number, buffer.baseAddress.map { $0 + written }, buffer.count - written) }
                }
                guard count >= 0 else { throw File.error(path, "can't be written") }
                written += count
            }
        }

        func synchronize(_ path: String) throws(LaminaError) {
            guard fsync(number) == 0 else { throw File.error(path, "can't be brought to disk") }
        }
    }

    /// A regular file's content and status. Nothing else is opened (a FIFO would block); more than `limit` bytes are
    /// refused.
    static func read(_ path: String, limit: Int) throws(LaminaError) -> (bytes: [UInt8], status: stat) {
        let file = try Descriptor(opening: path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let status = try file.status(of: path)
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw LaminaError(.invalidArgument, path, "is not a regular file", remedy: "check the path")
        }
        guard status.st_size <= limit else {
            throw LaminaError(
                .invalidArgument,
                path,
                "has \(status.st_size) bytes, more than the \(limit) that are read"
            )
        }
        return (try file.read(Int(status.st_size), at: 0, of: path), status)
    }

    /// A regular file's content.
    package static func content(of path: String, limit: Int) throws(LaminaError) -> [UInt8] {
        try read(path, limit: limit).bytes
    }

    /// Which file `path` leads to.
    static func identity(of path: String) throws(LaminaError) -> FileIdentity {
        var status = stat()
        guard stat(path, &status) == 0 else { throw error(path, "can't be examined") }
        return FileIdentity(status)
    }

    /// The names in a directory that end in `suffix`, sorted; none where the directory isn't there.
    static func names(in directory: String, endingIn suffix: String) throws(LaminaError) -> [String] {
        guard let names = list(directory, { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw error(directory, "can't be listed")
        }
        return names
    }

    /// The hidden names in a directory that end in `suffix`, sorted; none where it can't be listed.
    static func hiddenNames(in directory: String, endingIn suffix: String) -> [String] {
        list(directory) { $0.hasSuffix(suffix) && $0.hasPrefix(".") } ?? []
    }

    private static func list(_ directory: String, _ isWanted: (String) -> Bool) -> [String]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if isWanted(name) { names.append(name) }
        }
        return names.sorted()
    }

    /// The folder that holds `path`.
    package static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// What follows the last slash of `path`.
    static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// `path` without links, `.` and `..`; nil where it leads nowhere.
    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// An error about `path` from `errno`.
    package static func error(_ path: String, _ what: String) -> LaminaError {
        let number = errno
        let remedy =
            switch number {
            case ENOENT: "check the path"
            case EACCES, EPERM: "check its owner and mode"
            default: ""
            }
        return LaminaError(
            number == ENOENT ? .notFound : .system,
            path,
            "\(what): \(String(cString: strerror(number)))",
            remedy: remedy,
            errno: number
        )
    }
}

/// Repeats a system call that a signal interrupted.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
