import CLinux
import Glibc

/// What the lines of a file say.
public protocol LineContent {
    /// What an empty file says.
    init()

    /// Takes in the next line. Answers what is wrong with it, as a sentence's end, or nil.
    mutating func add(line: Substring) -> String?
}

/// Why a file, or an element of a setting, can't be used.
public struct LineProblem: Error {
    /// One line: the file and the number of the line, or the setting, and the cause.
    public let text: String
}

/// A file that is read line by line, and again when it has changed: what it said when it was last read.
public struct LineFile<Content: LineContent> {
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

    /// Its path.
    public let path: String
    /// What it says.
    public private(set) var content = Content()
    private var version: Version?
    /// The version that was last looked at, so that a bad one is named once.
    private var seen: Version?
    private static var limit: Int { 64 << 20 }

    /// Reads the file, of at most 64 MiB. Blocks for it. A file that can't be read, or has a line that its content
    /// doesn't take, is thrown.
    public init(_ path: String) throws(LineProblem) {
        self.path = path
        try read()
        seen = version
    }

    /// Reads it again where it has changed, which costs a stat(2) and blocks for it. A problem leaves what it said
    /// before, and is thrown once. Answers whether it was read.
    @discardableResult
    public mutating func refresh() throws(LineProblem) -> Bool {
        var status = stat()
        let current = stat(path, &status) == 0 ? Version(status) : nil
        guard current != version, current != seen else { return false }
        seen = current
        try read()
        return true
    }

    private mutating func read() throws(LineProblem) {
        let (bytes, version) = try contents()
        var content = Content()
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if let problem = content.add(line: Substring(decoding: line, as: UTF8.self)) {
                throw LineProblem(text: "\(path):\(number): \(problem)")
            }
        }
        self.content = content
        self.version = version
    }

    private func contents() throws(LineProblem) -> ([UInt8], Version) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LineProblem(text: "\(path): can't be opened (\(Self.cause))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw LineProblem(text: "\(path): can't be read (\(Self.cause))")
        }
        guard status.st_size <= Self.limit else {
            throw LineProblem(text: "\(path): has \(status.st_size) bytes; at most \(Self.limit) are read")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= Self.limit {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw LineProblem(text: "\(path): can't be read (\(Self.cause))") }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return (bytes, Version(status))
    }

    private static var cause: String { String(cString: strerror(errno)) }
}
