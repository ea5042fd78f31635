import CLamina
import CLinux
import Glibc
import Lamina

/// What servers of tests are made of.
public enum Loopback {
    /// A TCP socket, close-on-exec and blocking, that is bound to a free port of loopback and doesn't listen yet, and that
    /// port.
    public static func bound(isIPv6: Bool = false) throws -> (descriptor: Int32, port: UInt16) {
        let family = isIPv6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        address.sin6_family = sa_family_t(family)
        if isIPv6 { address.sin6_addr = in6addr_loopback }
        let port = withUnsafeMutablePointer(to: &address) { pointer -> UInt16? in
            if !isIPv6 {
                length = socklen_t(MemoryLayout<sockaddr_in>.size)
                pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    $0.pointee.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
                }
            }
            return pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(descriptor, address, length) == 0, getsockname(descriptor, address, &length) == 0 else {
                    return nil
                }
                // Both families have it in the same place.
                return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin_port)
                }
            }
        }
        guard let port else { throw LaminaError(.system, "loopback", "can't be bound to", errno: errno) }
        return (descriptor, port)
    }

    /// The same, listening.
    public static func listening(
        isIPv6: Bool = false,
        backlog: Int32 = 64
    ) throws -> (descriptor: Int32, port: UInt16) {
        let made = try bound(isIPv6: isIPv6)
        guard listen(made.descriptor, backlog) == 0 else {
            throw LaminaError(.system, "loopback", "can't be listened on", errno: errno)
        }
        return made
    }

    /// Waits for the next connection, close-on-exec, for tests beside this one start programs, and blocking; nil once the
    /// socket takes no more.
    public static func accept(_ listener: Int32) -> Int32? {
        while true {
            let connection = clinux_accept(listener, nil)
            if connection == -EINTR || connection == -ECONNABORTED { continue }
            guard connection >= 0 else { return nil }
            _ = fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) & ~O_NONBLOCK)
            return connection
        }
    }
}

/// Runs `body` on a thread of its own.
public func detach(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let status = pthread_create(
        &thread,
        nil,
        { context in
            guard let context else { return nil }
            Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            return nil
        },
        Unmanaged.passRetained(Body(body)).toOpaque()
    )
    precondition(status == 0, "no thread")
    pthread_detach(thread)
}

private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
