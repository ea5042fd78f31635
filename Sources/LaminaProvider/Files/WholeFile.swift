import CLinux
import Glibc

/// A file that is written as a whole or not at all.
public enum WholeFile {
    /// Writes a text into a file beside `path`, which then takes its place. Blocks. Fails with a line that names the file and
    /// the cause, and leaves what was there.
    public static func write(_ text: String, to path: String) throws(Failure) {
        let (next, descriptor) = try beside(path)
        var code: Int32 = 0
        do throws(Failure) {
            try writeAll(Array(text.utf8), to: descriptor)
        } catch {
            code = error.errno
        }
        if close(descriptor) != 0, code == 0 { code = errno }
        if code == 0, rename(next, path) != 0 { code = errno }
        guard code == 0 else {
            unlink(next)
            throw failure(path, code)
        }
    }

    /// Whether a file of this path could be written: makes one beside it, and removes it. Blocks. Fails as `write` does.
    public static func check(_ path: String) throws(Failure) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw failure(path, EISDIR) }
        let (next, descriptor) = try beside(path)
        close(descriptor)
        unlink(next)
    }

    /// An empty file that will take the place of another one.
    private static func beside(_ path: String) throws(Failure) -> (path: String, descriptor: Int32) {
        let next = "\(path).\(getpid())~"
        let descriptor = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw failure(path, errno) }
        return (next, descriptor)
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        Failure(code, "\(path): can't be written (\(String(cString: strerror(code))))")
    }
}
