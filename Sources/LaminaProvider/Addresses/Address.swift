public import CLamina
import Glibc

/// Where a socket connects, binds or sends: a socket address with its length, or a name that nobody has resolved with a
/// port (`lamina_address`).
public struct Address: Sendable {
    @usableFromInline var c: lamina_address

    @inlinable
    init(_ c: lamina_address) { self.c = c }

    /// A name that nobody has resolved, with a port; nil where the text is none: it is empty, longer than 253 bytes, or has a
    /// NUL.
    public init?(name: String, port: UInt16) {
        let bytes = name.utf8
        guard (1...253).contains(bytes.count), !bytes.contains(0) else { return nil }
        c = lamina_address(name: bytes, port: port)
    }

    /// A numeric IPv4 or IPv6 address, with a port; nil where the text is neither.
    public init?(_ numeric: String, port: UInt16) {
        guard var address = NumericAddress.parse(numeric) else { return nil }
        withUnsafeMutablePointer(to: &address) { $0.setPort(port) }
        c = address
    }

    /// `ADDRESS:PORT`, `[IPV6]:PORT` or `NAME:PORT` as a user writes it. EINVAL where it is something else, and the message says
    /// what to write.
    public init(parsing text: String) throws(Failure) {
        guard let parsed = Self.parsed(text) else {
            throw Failure(EINVAL, "\"\(text)\" is no place; write ADDRESS:PORT, [IPV6]:PORT or NAME:PORT")
        }
        self = parsed
    }

    private static func parsed(_ text: String) -> Address? {
        guard let written = try? WrittenPlace(text[...]), written.bits == nil,
            let port = written.port.flatMap(WrittenPlace.number)
        else { return nil }
        guard var address = written.address else { return written.name.flatMap { Address(name: $0, port: port) } }
        address.port = port
        return address
    }

    /// This machine's own IPv4 address, 127.0.0.1, with a port.
    public static func loopback(port: Int) -> Address {
        var address = lamina_address()
        address.form = UInt16(LAMINA_ADDRESS_SOCKET)
        address.length = UInt32(MemoryLayout<sockaddr_in>.size)
        address.storage.ipv4.sin_family = sa_family_t(AF_INET)
        address.storage.ipv4.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        address.storage.ipv4.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        return Address(address)
    }

    /// Whether it is none at all.
    public var isNone: Bool { c.form == UInt16(LAMINA_ADDRESS_NONE) }

    /// The name, where nobody has resolved it.
    public var name: String? {
        guard c.form == UInt16(LAMINA_ADDRESS_NAME) else { return nil }
        return withUnsafePointer(to: c) { $0.name }
    }

    /// The family of a socket address, `AF_INET` and so on; `AF_UNSPEC` of a name.
    public var family: Int32 { c.form == UInt16(LAMINA_ADDRESS_SOCKET) ? Int32(c.storage.socket.sa_family) : AF_UNSPEC }

    /// The port of an IP address or a name; 0 of others.
    public var port: UInt16 {
        get { isPorted ? withUnsafePointer(to: c) { $0.port } : 0 }
        set { if isPorted { withUnsafeMutablePointer(to: &c) { $0.setPort(newValue) } } }
    }

    /// The bytes of an IP address, 4 or 16, IPv4 also in IPv6 form; nil of others.
    public var bytes: [UInt8]? { NumericAddress.plain(c) }

    /// The path of a Unix socket, or `@` and its abstract name; empty of one without a name, nil of others.
    public var path: String? {
        guard family == AF_UNIX else { return nil }
        let start = MemoryLayout<sa_family_t>.size
        let bytes = withUnsafeBytes(of: c.storage) { Array($0[start..<max(start, min(Int(c.length), $0.count))]) }
        guard bytes.first == 0 else { return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
        return "@" + String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    private var isPorted: Bool {
        c.form == UInt16(LAMINA_ADDRESS_NAME) || family == AF_INET || family == AF_INET6
    }
}

extension Address: CustomStringConvertible {
    /// `192.0.2.1:80`, `[2001:db8::1]:80`, `name:80` or `unix:/path`.
    public var description: String {
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { room in
            var line = LineBuffer(room)
            line.append(self)
            return String(decoding: line.bytes, as: UTF8.self)
        }
    }
}

/// Room where a call writes an address, or two: what was written is read when the call has ended.
public struct AddressRoom: ~Escapable {
    @usableFromInline let first: UnsafeMutablePointer<lamina_address>?
    @usableFromInline let second: UnsafeMutablePointer<lamina_address>?

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ first: UnsafeMutablePointer<lamina_address>?, _ second: UnsafeMutablePointer<lamina_address>? = nil) {
        self.first = first
        self.second = second
    }

    /// The accepting end's address, once the call has ended well; nil where the caller didn't ask. A copy.
    public var local: Address? { first.map { Address($0.pointee) } }
    /// The peer's address, likewise.
    public var remote: Address? { second.map { Address($0.pointee) } }
}
