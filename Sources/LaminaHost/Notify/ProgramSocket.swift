import Glibc

/// A program's socket, duplicated into this process for as long as this object lives.
final class ProgramSocket {
    let descriptor: Int32
    let kind: SocketKind

    /// Takes over a descriptor. Where it is no socket, it is closed, and what is thrown is what the kernel says of it:
    /// EBADF where it only names a path.
    init(_ descriptor: Int32) throws(Errno) {
        guard let kind = SocketKind(descriptor) else {
            let error = Errno(errno)
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.kind = kind
    }

    deinit { close(descriptor) }

    /// SO_COOKIE.
    var cookie: UInt64 { SocketKind.cookie(of: descriptor) }
    /// O_NONBLOCK.
    var isBlocking: Bool { fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0 }
}
