import Glibc

/// A program's socket, duplicated into this process for as long as this object lives.
final class ProgramSocket {
    let descriptor: Int32
    let kind: SocketKind

    /// Takes over a descriptor; nil, and the descriptor is closed, where it is no socket.
    init?(_ descriptor: Int32) {
        guard let kind = SocketKind(descriptor) else {
            close(descriptor)
            return nil
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
