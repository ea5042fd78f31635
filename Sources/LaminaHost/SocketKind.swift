import CLamina
import CLaminaRun
import CLinux
import Glibc

/// What a socket is, by its own options.
struct SocketKind {
    /// `MSG_FASTOPEN`: connect and send in one call.
    static let fastOpen: Int32 = 0x2000_0000

    let domain: Int32
    let type: Int32

    /// Nil where the descriptor is no socket.
    init?(_ descriptor: Int32) {
        guard let domain = SocketKind.option(descriptor, SO_DOMAIN),
            let type = SocketKind.option(descriptor, SO_TYPE)
        else { return nil }
        (self.domain, self.type) = (domain, type)
    }

    /// Its traffic does not leave the machine, or it is no network at all.
    var isLocal: Bool { domain == AF_UNIX || domain == AF_NETLINK || domain == AF_ALG }
    var isInternet: Bool { domain == AF_INET || domain == AF_INET6 }
    var isDatagram: Bool { type != Int32(CLINUX_STREAM) }

    /// SO_COOKIE, 0 where there is none.
    static func cookie(of descriptor: Int32) -> UInt64 {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0
    }

    /// SO_REUSEADDR.
    static func allowsReuse(_ descriptor: Int32) -> Bool { option(descriptor, SO_REUSEADDR) != 0 }

    static func allowReuse(_ descriptor: Int32, _ isAllowed: Bool) {
        var value: Int32 = isAllowed ? 1 : 0
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// IPV6_V6ONLY.
    static func isIPv6Only(_ descriptor: Int32) -> Bool {
        option(descriptor, IPV6_V6ONLY, level: Int32(IPPROTO_IPV6)).map { $0 != 0 } ?? false
    }

    /// SO_RCVTIMEO in milliseconds; nil where there is none.
    static func receiveTimeout(_ descriptor: Int32) -> Int64? {
        var time = timeval()
        var length = socklen_t(MemoryLayout<timeval>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, &length) == 0 else { return nil }
        let milliseconds = Int64(time.tv_sec) * 1000 + Int64(time.tv_usec) / 1000
        return milliseconds > 0 ? milliseconds : nil
    }

    /// Whether a TCP socket is neither connecting, connected nor listening.
    static func isFresh(_ descriptor: Int32) -> Bool {
        let closed: UInt8 = 7
        var state: UInt8 = 0
        var length: socklen_t = 1
        return getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &state, &length) != 0 || state == closed
    }

    private static func option(_ descriptor: Int32, _ name: Int32, level: Int32 = SOL_SOCKET) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }
}

/// A socket address as it lay in a program's memory.
struct SocketBytes: CustomStringConvertible {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var family: Int32 { bytes.count < 2 ? -1 : Int32(bytes[0]) | Int32(bytes[1]) << 8 }
    var port: UInt16 { endpoint?.port ?? 0 }

    var description: String { endpoint.map { "\($0)" } ?? "an address of family \(family)" }

    func withSocketAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes.prefix($0.count)) }
        return withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(bytes.count)) }
        }
    }

    /// It has fewer bytes than its family wants.
    var isShort: Bool {
        family == AF_INET && bytes.count < 16 || family == AF_INET6 && bytes.count < 24 || bytes.count < 2
    }

    /// The IPv4 or IPv6 address that it is.
    var endpoint: Endpoint? { withSocketAddress { Endpoint($0, length: $1) } }
}
