import CLamina
import Glibc

/// A file of names: what it said when it was last read.
struct HostFile {
    /// Which version of the file it was.
    private struct Version: Equatable {
        let device: UInt64
        let node: UInt64
        let size: Int64
        let modified: [Int]

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            node = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modified = [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
        }
    }

    /// Why a file can't be used, as a line of its own.
    struct Problem: Error {
        let text: String
    }

    /// Its path.
    let path: String
    /// What it says.
    private(set) var table = HostTable()
    private var version: Version?
    /// The version that was last looked at, so that a bad one is named once.
    private var seen: Version?
    private static let limit = 64 << 20

    /// Reads the file. Blocks for it.
    init(_ path: String) throws(Problem) {
        self.path = path
        try read()
        seen = version
    }

    /// Reads it again where it has changed. A problem leaves what it said before, and is thrown once.
    mutating func refresh() throws(Problem) {
        var status = stat()
        let current = stat(path, &status) == 0 ? Version(status) : nil
        guard current != version, current != seen else { return }
        seen = current
        try read()
    }

    private mutating func read() throws(Problem) {
        let (bytes, version) = try contents()
        var table = HostTable()
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if let problem = table.add(line: Substring(decoding: line, as: UTF8.self)) {
                throw Problem(text: "\(path):\(number): \(problem)")
            }
        }
        self.table = table
        self.version = version
    }

    private func contents() throws(Problem) -> ([UInt8], Version) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Problem(text: "\(path): can't be opened (\(Self.cause))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Problem(text: "\(path): can't be read (\(Self.cause))") }
        guard status.st_size <= Self.limit else {
            throw Problem(text: "\(path): has \(status.st_size) bytes; at most \(Self.limit) are read")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= Self.limit {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Problem(text: "\(path): can't be read (\(Self.cause))") }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return (bytes, Version(status))
    }

    private static var cause: String { String(cString: strerror(errno)) }
}
