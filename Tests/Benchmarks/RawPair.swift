import CLamina
import CLinux
import Glibc

/// Connections over loopback by system calls, for what Lamina is compared with.
enum RawPair {
    static func error(_ call: String) -> BenchmarkError {
        BenchmarkError("\(call): \(String(cString: strerror(errno)))")
    }

    private static let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

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

    /// A listening descriptor and its port.
    static func listen() throws -> (Int32, UInt16) {
        let listener = socket(AF_INET, type, 0)
        return try withLoopback(port: 0) { address, length in
            guard bind(listener, address, length) == 0, Glibc.listen(listener, 1024) == 0,
                getsockname(listener, address, &length) == 0
            else { throw error("a listener on loopback") }
            return listener
        }
    }

    /// A descriptor that is connected to a port of this host.
    static func connect(to port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, type, 0)
        _ = try withLoopback(port: port) { address, length in
            guard Glibc.connect(descriptor, address, length) == 0 else { throw error("a connection over loopback") }
        }
        sendAtOnce(descriptor)
        return descriptor
    }

    /// Two connected descriptors over loopback.
    static func make() throws -> (Int32, Int32) {
        let (listener, port) = try listen()
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
