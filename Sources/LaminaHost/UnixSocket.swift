import CLamina
import CLinux
import Glibc

/// Unix sockets, close-on-exec and non-blocking: streams with a file's path, and ones that keep packets apart with an
/// abstract name.
enum UnixSocket {
    /// How long a path may be.
    static let longest = MemoryLayout<sockaddr_un>.size - MemoryLayout<sa_family_t>.size - 1

    /// A socket that is connected to a path.
    static func connect(_ path: String) -> Result<Int32, Errno> {
        make(path) { Glibc.connect($0, $1, $2) }
    }

    /// A socket that is connected to an abstract name.
    static func connect(abstract name: String) -> Result<Int32, Errno> {
        make(abstract: name) { Glibc.connect($0, $1, $2) }
    }

    /// A socket that is bound to an abstract name, and listens.
    static func listen(abstract name: String) -> Result<Int32, Errno> {
        make(abstract: name) { descriptor, address, length in
            let bound = bind(descriptor, address, length)
            return bound < 0 ? bound : Glibc.listen(descriptor, SOMAXCONN)
        }
    }

    /// A socket that is bound to a path, which nobody but the user may connect to, and listens.
    static func listen(_ path: String, mode: mode_t = 0o600) -> Result<Int32, Errno> {
        let made = make(path) { descriptor, address, length in
            // Of the file that bind makes.
            fchmod(descriptor, mode)
            return bind(descriptor, address, length)
        }
        guard case .success(let descriptor) = made, Glibc.listen(descriptor, SOMAXCONN) < 0 else { return made }
        let error = Errno.last
        unlink(path)
        close(descriptor)
        return .failure(error)
    }

    private typealias Call = (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32

    private static func make(_ path: String, _ call: Call) -> Result<Int32, Errno> {
        make(Array(path.utf8) + [0], Int32(CLINUX_STREAM), call)
    }

    private static func make(abstract name: String, _ call: Call) -> Result<Int32, Errno> {
        make([0] + Array(name.utf8), Int32(CLINUX_PACKETS), call)
    }

    private static func make(_ name: [UInt8], _ type: Int32, _ call: Call) -> Result<Int32, Errno> {
        guard name.count <= longest + 1 else { return .failure(Errno(ENAMETOOLONG)) }
        let descriptor = clinux_socket(AF_UNIX, type)
        if descriptor < 0 { return .failure(Errno(-descriptor)) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, length) }
        }
        if result == 0 { return .success(descriptor) }
        let error = Errno.last
        close(descriptor)
        return .failure(error)
    }
}
