import CLinux
import Glibc

/// A file or pipe that output goes to, piece by piece; only its owner reads it. It is closed with the last reference to it. A
/// pipe that nobody reads any more is a failure with EPIPE, and no signal.
public final class OutputFile: Sendable {
    /// Where output goes.
    public enum Place: Sendable {
        /// Behind what the file has.
        case end
        /// Into an empty file.
        case start
    }

    private let descriptor: Int32
    private let isPlain: Bool
    private let isOwn: Bool

    /// Opens the file of this path, or makes it. Blocks. Fails with the errno of open(2).
    public init(_ path: String, from place: Place) throws(Failure) {
        let flags = place == .end ? O_APPEND : O_TRUNC
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o600)
        guard descriptor >= 0 else { throw Failure(errno) }
        var status = stat()
        isPlain = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        isOwn = isPlain && place == .start
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Writes lines at once, so that those of several writers stay whole. Blocks; any thread. Fails with the errno of write(2), or
    /// ENOSPC where a part was written.
    public func write(_ lines: borrowing LineBuffer) throws(Failure) {
        let bytes = lines.bytes.baseAddress
        let count =
            isPlain ? Glibc.write(descriptor, bytes, lines.count) : clinux_write(descriptor, bytes, lines.count)
        guard count == lines.count else { throw Failure(count < 0 ? errno : ENOSPC) }
    }

    /// Writes all of these bytes. Blocks; one thread at a time. Fails likewise; a part may be written then, which a file that was
    /// begun at its start loses again, so that it ends with a whole piece.
    public func write(_ bytes: [UInt8]) throws(Failure) {
        let end = isOwn ? lseek(descriptor, 0, Int32(SEEK_CUR)) : -1
        do throws(Failure) {
            try writeAll(bytes, to: descriptor)
        } catch {
            if end >= 0 { ftruncate(descriptor, end) }
            throw error
        }
    }
}

/// Writes all of these bytes to a descriptor. Blocks. Fails with the errno of write(2), or EIO where it takes none; a part may be
/// written then.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(Failure) {
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes { bytes in
            clinux_write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw Failure(count < 0 ? errno : EIO) }
        written += count
    }
}
