import CLamina
import CLinux
import Glibc

/// Connections over loopback by system calls, for what Lamina is compared with.
enum RawPair {
    static func error(_ call: String) -> BenchmarkError {
        BenchmarkError("\(call): \(String(cString: strerror(errno)))")
    }

    /// Of connections.
    static let stream = Int32(SOCK_STREAM.rawValue)

    private static func withLoopback<Result>(
        port: UInt16,
        _ body: (UnsafeMutablePointer<sockaddr>, inout socklen_t) throws -> Result
    ) rethrows -> (Result, UInt16) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, &length) }
        }
        return (result, UInt16(bigEndian: address.sin_port))
    }

    /// A descriptor on a port of its own, which listens unless it is a datagram socket's.
    static func bound(_ type: Int32 = stream) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, type | Int32(SOCK_CLOEXEC.rawValue), 0)
        return try withLoopback(port: 0) { address, length in
            guard bind(descriptor, address, length) == 0, type != stream || listen(descriptor, 1024) == 0,
                getsockname(descriptor, address, &length) == 0
            else { throw error("a socket on loopback") }
            return descriptor
        }
    }

    /// A descriptor that is connected to a port of this host.
    static func connect(to port: UInt16, _ type: Int32 = stream) throws -> Int32 {
        let descriptor = socket(AF_INET, type | Int32(SOCK_CLOEXEC.rawValue), 0)
        _ = try withLoopback(port: port) { address, length in
            guard Glibc.connect(descriptor, address, length) == 0 else { throw error("a connection over loopback") }
        }
        if type == stream { sendAtOnce(descriptor) }
        return descriptor
    }

    /// Two connected descriptors over loopback.
    static func make() throws -> (Int32, Int32) {
        let (listener, port) = try bound()
        defer { close(listener) }
        let near = try connect(to: port)
        let far = accept(listener, nil, nil)
        guard far >= 0 else { throw error("accept") }
        sendAtOnce(far)
        return (near, far)
    }

    /// Lets small segments go at once.
    static func sendAtOnce(_ descriptor: Int32) {
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// How many descriptors there may be.
enum Descriptors {
    /// Lets this process, and what it starts, have so many open at once.
    static func raiseLimit(to count: Int) throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur < count else { return }
        limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur >= count else {
            throw BenchmarkError("\(count) descriptors are needed, and \(limit.rlim_max) allowed: raise ulimit -n")
        }
    }
}
