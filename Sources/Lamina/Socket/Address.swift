public import CLamina
import Glibc

/// Where a socket is or connects to: a socket address, or a name and a port that nobody has resolved yet.
public struct Address: Sendable, Hashable {
    // Compared and hashed as text plus form, which is one to one.
    private enum Form: Hashable, Sendable {
        case none
        case network(NetworkAddress, port: UInt16, scope: UInt32)
        case unix([UInt8])
        case name(String, port: UInt16)
    }
    private let form: Form

    /// The address of a numeric host or a name, with a port in host byte order. A name travels down unresolved.
    public init(host: String, port: UInt16) {
        form = NetworkAddress(parsing: host).map { .network($0, port: port, scope: 0) } ?? .name(host, port: port)
    }

    /// A Unix socket's path; a leading NUL makes it abstract.
    public init(unix path: String) {
        form = .unix(Array(path.utf8))
    }

    /// Reads `127.0.0.1:80`, `[::1]:80`, `name:80` or `unix:/path`.
    public init(parsing text: String) throws(LaminaError) {
        if text.hasPrefix("unix:") {
            self.init(unix: String(text.dropFirst(5)))
            return
        }
        func invalid(_ cause: String) -> LaminaError {
            LaminaError(
                .invalidArgument,
                "address \"\(text)\"",
                cause,
                remedy: "write HOST:PORT, [IPV6]:PORT or unix:/PATH"
            )
        }
        guard let colon = text.lastIndex(of: ":") else { throw invalid("has no port") }
        guard let port = UInt16(text[text.index(after: colon)...]) else { throw invalid("has no port from 0 to 65535") }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, host.utf8.count <= 253 else { throw invalid("has no host of 1 to 253 bytes") }
        self.init(host: String(host), port: port)
    }

    /// The same in Swift's terms. An address of an unknown family becomes an empty one.
    public init(_ address: lamina_address) {
        var address = address
        let length = Int(address.length)
        let bytes = withUnsafeBytes(of: &address.storage) { Array($0.prefix(length)) }
        switch Int32(address.form) {
        case Int32(LAMINA_ADDRESS_NAME):
            form = .name(String(decoding: bytes, as: UTF8.self), port: address.port)
        case Int32(LAMINA_ADDRESS_SOCKET):
            switch Int32(address.storage.socket.sa_family) {
            case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
                let port = UInt16(bigEndian: address.storage.ipv4.sin_port)
                form =
                    NetworkAddress(family: .ipv4, bytes: Array(bytes[4..<8])).map {
                        .network($0, port: port, scope: 0)
                    } ?? .none
            case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
                let port = UInt16(bigEndian: address.storage.ipv6.sin6_port)
                let scope = address.storage.ipv6.sin6_scope_id
                form =
                    NetworkAddress(family: .ipv6, bytes: Array(bytes[8..<24])).map {
                        .network($0, port: port, scope: scope)
                    } ?? .none
            case AF_UNIX:
                let path = bytes.dropFirst(2)
                form = .unix(path.first == 0 ? Array(path) : Array(path.prefix { $0 != 0 }))
            default:
                form = .none
            }
        default:
            form = .none
        }
    }

    /// The C form (`struct sockaddr` with its length, or a name).
    public var c: lamina_address {
        var address = lamina_address()
        switch form {
        case .none:
            break
        case .name(let name, let port):
            address.form = UInt16(LAMINA_ADDRESS_NAME)
            address.port = port
            let bytes = Array(name.utf8.prefix(253))
            address.length = UInt32(bytes.count)
            withUnsafeMutableBytes(of: &address.storage) { $0.copyBytes(from: bytes) }
        case .unix(let path):
            address.form = UInt16(LAMINA_ADDRESS_SOCKET)
            address.storage.local.sun_family = sa_family_t(AF_UNIX)
            let bytes = path.prefix(MemoryLayout<sockaddr_un>.size - 3)
            let isAbstract = bytes.first == 0
            address.length = UInt32(2 + bytes.count + (isAbstract || bytes.isEmpty ? 0 : 1))
            withUnsafeMutableBytes(of: &address.storage) { storage in
                for (index, byte) in bytes.enumerated() { storage[2 + index] = byte }
            }
        case .network(let network, let port, let scope):
            address.form = UInt16(LAMINA_ADDRESS_SOCKET)
            let bytes = network.bytes
            if network.family == .ipv4 {
                address.length = UInt32(MemoryLayout<sockaddr_in>.size)
                address.storage.ipv4.sin_family = sa_family_t(AF_INET)
                address.storage.ipv4.sin_port = port.bigEndian
                withUnsafeMutableBytes(of: &address.storage) { storage in
                    for (index, byte) in bytes.enumerated() { storage[4 + index] = byte }
                }
            } else {
                address.length = UInt32(MemoryLayout<sockaddr_in6>.size)
                address.storage.ipv6.sin6_family = sa_family_t(AF_INET6)
                address.storage.ipv6.sin6_port = port.bigEndian
                address.storage.ipv6.sin6_scope_id = scope
                withUnsafeMutableBytes(of: &address.storage) { storage in
                    for (index, byte) in bytes.enumerated() { storage[8 + index] = byte }
                }
            }
        }
        return address
    }

    /// The port in host byte order; nil for a Unix socket.
    public var port: UInt16? {
        switch form {
        case .network(_, let port, _), .name(_, let port): port
        case .unix, .none: nil
        }
    }

    /// The name that isn't resolved; nil for a socket address.
    public var name: String? {
        if case .name(let name, _) = form { name } else { nil }
    }

    /// The numeric address; nil for a name.
    public var network: NetworkAddress? {
        switch form {
        case .network(let network, _, _): network
        case .unix(let path): NetworkAddress(family: .unix, bytes: path)
        case .name, .none: nil
        }
    }

    /// `AF_INET`, `AF_INET6` or `AF_UNIX`; nil for a name.
    public var family: Int32? {
        switch form {
        case .network(let network, _, _): network.family == .ipv4 ? AF_INET : AF_INET6
        case .unix: AF_UNIX
        case .name, .none: nil
        }
    }
}

extension Address: CustomStringConvertible {
    /// As `init(parsing:)` reads it; an abstract Unix address begins with `@`.
    public var description: String {
        switch form {
        case .none: return "-"
        case .name(let name, let port): return "\(name):\(port)"
        case .unix(let path):
            if path.isEmpty { return "unix:" }
            let isAbstract = path.first == 0
            return "unix:\(isAbstract ? "@" : "")\(String(decoding: path.dropFirst(isAbstract ? 1 : 0), as: UTF8.self))"
        case .network(let network, let port, _):
            return network.family == .ipv4 ? "\(network):\(port)" : "[\(network)]:\(port)"
        }
    }
}
