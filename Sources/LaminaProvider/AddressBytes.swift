public import CLamina
import Glibc

// A union's members are computed in Swift, so that `&address.storage.socket` would be a copy of 16 bytes: what C reads
// or writes must point into the struct.
extension UnsafeMutablePointer<lamina_address> {
    /// Where the socket address or name stands, after form, port and length.
    public var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + 8 }

    /// The socket address in its place.
    public var socket: UnsafeMutablePointer<sockaddr> { bytes.assumingMemoryBound(to: sockaddr.self) }

    /// How long a socket address may be.
    public static var capacity: socklen_t { socklen_t(MemoryLayout<lamina_address>.size - 8) }
}

extension UnsafePointer<lamina_address> {
    /// Where the socket address or name stands.
    public var bytes: UnsafeRawPointer { UnsafeRawPointer(self) + 8 }

    /// The socket address in its place.
    public var socket: UnsafePointer<sockaddr> { bytes.assumingMemoryBound(to: sockaddr.self) }
}
