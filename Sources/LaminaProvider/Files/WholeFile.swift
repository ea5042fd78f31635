import Glibc

/// A file that is written as a whole or not at all.
public enum WholeFile {
    /// Writes a text into a file beside `path`, which then takes its place. Blocks. Fails with a line that names the file and
    /// the cause, and leaves what was there.
    public static func write(_ text: String, to path: String) throws(Failure) {
        let next = "\(path).\(getpid())~"
        let descriptor = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw failure(path) }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let isWhole = written == bytes.count
        let code = errno
        guard close(descriptor) == 0, isWhole, rename(next, path) == 0 else {
            if !isWhole { errno = code }
            let problem = failure(path)
            unlink(next)
            throw problem
        }
    }

    private static func failure(_ path: String) -> Failure {
        let code = errno
        return Failure(code, "\(path): can't be written (\(String(cString: strerror(code))))")
    }
}
