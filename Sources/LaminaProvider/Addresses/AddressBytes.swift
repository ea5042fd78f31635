public import CLamina
public import Glibc

// A union's members are computed in Swift, so that `&address.storage.socket` would be a copy of 16 bytes: what C reads
// or writes must point into the struct.
extension UnsafeMutablePointer<lamina_address> {
    /// Where the socket address or name stands, after form, port and length.
    public var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + 8 }

    /// The socket address in its place.
    public var socket: UnsafeMutablePointer<sockaddr> { bytes.assumingMemoryBound(to: sockaddr.self) }

    /// Puts a port, in host byte order, into an IP address or a name.
    func setPort(_ port: UInt16) {
        if pointee.form == UInt16(LAMINA_ADDRESS_NAME) {
            pointee.port = port
        } else if Int32(socket.pointee.sa_family) == AF_INET {
            pointee.storage.ipv4.sin_port = port.bigEndian
        } else {
            pointee.storage.ipv6.sin6_port = port.bigEndian
        }
    }

    /// How long a socket address may be.
    public static var capacity: socklen_t { socklen_t(MemoryLayout<lamina_address>.size - 8) }
}

extension UnsafePointer<lamina_address> {
    /// Where the socket address or name stands.
    public var bytes: UnsafeRawPointer { UnsafeRawPointer(self) + 8 }

    /// The socket address in its place.
    public var socket: UnsafePointer<sockaddr> { bytes.assumingMemoryBound(to: sockaddr.self) }

    /// The port of an IP address or a name, in host byte order.
    public var port: UInt16 {
        // Both IP families have it in the same place.
        pointee.form == UInt16(LAMINA_ADDRESS_NAME)
            ? pointee.port : UInt16(bigEndian: pointee.storage.ipv4.sin_port)
    }

    /// A name's bytes, without its terminating NUL.
    public var name: String {
        let length = min(Int(pointee.length), MemoryLayout.size(ofValue: pointee.storage))
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
    }
}

extension lamina_address {
    /// A name of at most 253 bytes, which whoever makes it has counted, that nobody has resolved, with a port in host byte order.
    init(name: some Collection<UInt8>, port: UInt16) {
        self.init()
        form = UInt16(LAMINA_ADDRESS_NAME)
        self.port = port
        length = UInt32(name.count)
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: name) }
    }
}
