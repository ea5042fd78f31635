import CLamina
import CLinux
import Glibc
import Lamina

/// Where `lamina forward` listens.
struct ForwardListener {
    /// The listener.
    let descriptor: Int32
    /// Its address, with the port that it got.
    let text: String
    private let file: File?

    /// A Unix socket's file, by which it is known to be this one's.
    private struct File {
        let path: String
        let device: dev_t
        let node: ino_t
    }

    /// Reads where to listen. Throws where that is no address of a machine's.
    static func address(_ text: String) throws(LaminaError) -> Address {
        let address = try Address(parsing: text)
        func refused(_ cause: String) -> LaminaError {
            LaminaError(
                .invalidArgument,
                "listening address \"\(text)\"",
                cause,
                remedy: "write ADDRESS:PORT, [IPV6]:PORT, localhost:PORT, *:PORT or unix:/PATH"
            )
        }
        if let path = path(of: text) {
            if path.isEmpty { throw refused("has no path") }
            if path.utf8.count > UnixSocket.longest { throw refused("is longer than \(UnixSocket.longest) bytes") }
            return address
        }
        switch address.name {
        case nil: return address
        case "localhost": return Address(host: "127.0.0.1", port: address.port ?? 0)
        case "*": return Address(host: "::", port: address.port ?? 0)
        default: throw refused("is no address of this machine")
        }
    }

    private static func path(of text: String) -> String? {
        text.hasPrefix("unix:") ? String(text.dropFirst("unix:".count)) : nil
    }

    /// Listens. A Unix socket's file that nobody serves any more is replaced.
    init(_ address: Address) throws(LaunchFailure) {
        let shown = "\(address)"
        if let path = ForwardListener.path(of: shown) {
            self = try ForwardListener(path: path)
            return
        }
        guard let endpoint = Endpoint(address.c) else { throw .refused("\(shown): it can't be listened at") }
        do throws(Errno) {
            self = try ForwardListener(endpoint)
        } catch  where error.code == EAFNOSUPPORT && endpoint.isAny {
            // A machine without IPv6.
            do throws(Errno) {
                self = try ForwardListener(.any(AF_INET, port: endpoint.port))
            } catch {
                throw .refused("\(shown): it can't be listened at (\(error.text)); name another")
            }
        } catch {
            throw .refused("\(shown): it can't be listened at (\(error.text)); name another")
        }
    }

    private init(_ endpoint: Endpoint) throws(Errno) {
        let descriptor = clinux_socket(endpoint.family, Int32(CLINUX_STREAM))
        if descriptor < 0 { throw Errno(-descriptor) }
        var on: Int32 = 1
        var isIPv6Alone: Int32 = endpoint.isAny ? 0 : 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if endpoint.family == AF_INET6 {
            setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &isIPv6Alone, size)
        }
        let bound = endpoint.withSocketAddress { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, SOMAXCONN) == 0, let name = Endpoint.name(of: descriptor, getsockname)
        else {
            let error = Errno.last
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        text = "\(name)"
        file = nil
    }

    private init(path: String) throws(LaunchFailure) {
        var made = UnixSocket.listen(path, mode: 0o777)
        if case .failure(Errno(EADDRINUSE)) = made, ForwardListener.isStale(path), unlink(path) == 0 {
            made = UnixSocket.listen(path, mode: 0o777)
        }
        switch made {
        case .success(let descriptor):
            self.descriptor = descriptor
            text = "unix:\(path)"
            var status = stat()
            file = lstat(path, &status) == 0 ? File(path: path, device: status.st_dev, node: status.st_ino) : nil
        case .failure(let error):
            throw .refused("unix:\(path): it can't be listened at (\(error.text)); name another")
        }
    }

    private static func isStale(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
        switch UnixSocket.connect(path) {
        case .success(let descriptor):
            Glibc.close(descriptor)
            return false
        case .failure(let error): return error.code == ECONNREFUSED
        }
    }

    /// Says on standard output where it listens; false where nobody reads that.
    func announce() -> Bool {
        let line = Array("\(text)\n".utf8)
        return write(STDOUT_FILENO, line, line.count) == line.count
    }

    /// Stops to listen, and takes the file away if it is still this one's.
    func close() {
        if let file {
            var status = stat()
            if lstat(file.path, &status) == 0, status.st_dev == file.device, status.st_ino == file.node {
                unlink(file.path)
            }
        }
        Glibc.close(descriptor)
    }
}
