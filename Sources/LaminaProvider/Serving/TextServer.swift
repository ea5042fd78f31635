import CLamina
import CLinux
import Glibc

/// Serves one text by HTTP, as it is at each moment, on a Unix socket or a port: what a monitoring system asks for. A thread
/// of its own does it; who reads slowly, or never, holds up nobody else.
///
/// At most 16 connections stand at once, each for at most 10 seconds; one more ends the oldest. A request has at most 8 KiB.
public final class TextServer: Sendable {
    /// Where it is served: `http://127.0.0.1:9100/metrics`, or `unix:` and the path.
    public let place: String
    private let listener: Int32
    private let wake: Int32
    private let path: String?
    private let ended = Guarded(false)
    private let process = getpid()

    /// Serves what `text` gives, from now until `stop`. `place`: `unix:PATH`, `PORT`, `ADDRESS:PORT` or `[IPV6]:PORT`; port 0
    /// is any that is free. A socket's path where nobody listens any more is taken over. `text` runs on the server's thread. Fails
    /// where it can't listen, with a line that says why.
    public init(_ place: String, _ type: String, _ text: @escaping @Sendable () -> String) throws(Failure) {
        let opened = try ListeningSocket.open(place)
        listener = opened.descriptor
        self.place = opened.place
        path = opened.path
        wake = clinux_eventfd()
        let loop = TextServerLoop(listener: listener, wake: wake, type: type, text: text)
        guard wake >= 0, loop.start() else {
            let code = errno
            close(listener)
            if wake >= 0 { close(wake) }
            throw Failure(code, "\(place): can't be served (\(String(cString: strerror(code))))")
        }
    }

    /// Ends it: removes its path, and lets its thread end with its connections. Once; later calls do nothing. In a forked
    /// child, which has no such thread, nothing at all.
    public func stop() {
        guard getpid() == process else { return }
        let isFirst = ended.withLock { ended in
            defer { ended = true }
            return !ended
        }
        guard isFirst else { return }
        if let path { unlink(path) }
        // The loop closes both descriptors when it has seen this.
        clinux_eventfd_signal(wake)
    }

    deinit { stop() }
}

/// A socket that listens.
private enum ListeningSocket {
    static func open(_ place: String) throws(Failure) -> (descriptor: Int32, place: String, path: String?) {
        if place.hasPrefix("unix:") { return try openPath(String(place.dropFirst(5))) }
        let written: WrittenPlace?
        do throws(PlaceProblem) {
            written = try WrittenPlace(place.contains(":") ? place[...] : "127.0.0.1:\(place)"[...])
        } catch {
            throw Failure(EINVAL, error.text)
        }
        guard let written, written.bits == nil, var address = written.address?.c,
            let port = written.port.flatMap({ UInt16($0) })
        else {
            throw Failure(
                EINVAL,
                "\"\(place)\" is no place to listen at; write unix:PATH, PORT, ADDRESS:PORT or [IPV6]:PORT"
            )
        }
        withUnsafeMutablePointer(to: &address) { $0.setPort(port) }
        let family = Int32(address.storage.socket.sa_family)
        let descriptor = newSocket(family)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        var length = UnsafeMutablePointer<lamina_address>.capacity
        let isListening = withUnsafeMutablePointer(to: &address) { address in
            descriptor >= 0 && bind(descriptor, address.socket, socklen_t(address.pointee.length)) == 0
                && listen(descriptor, 16) == 0 && getsockname(descriptor, address.socket, &length) == 0
        }
        guard isListening else { throw failure(descriptor, place) }
        let host = written.isBracketed ? "[\(written.host)]" : "\(written.host)"
        let bound = withUnsafePointer(to: address) { $0.port }
        return (descriptor, "http://\(host):\(bound)/metrics", nil)
    }

    private static func openPath(_ path: String) throws(Failure) -> (descriptor: Int32, place: String, path: String?) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard !path.isEmpty, path.utf8.count < room else {
            throw Failure(ENAMETOOLONG, "unix:\(path): a path has 1 to \(room - 1) bytes")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = newSocket(AF_UNIX)
        guard descriptor >= 0 else { throw failure(descriptor, "unix:\(path)") }
        if !binds(descriptor, &address) {
            let code = errno
            guard code == EADDRINUSE, isLeft(path, &address), unlink(path) == 0, binds(descriptor, &address) else {
                errno = code
                throw failure(descriptor, "unix:\(path)")
            }
        }
        guard listen(descriptor, 16) == 0 else { throw failure(descriptor, "unix:\(path)") }
        return (descriptor, "unix:\(path)", path)
    }

    /// Whether somebody left this path behind: a socket that nobody listens at. Any other file refuses a connect too.
    private static func isLeft(_ path: String, _ address: inout sockaddr_un) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
        let probe = newSocket(AF_UNIX)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        return !connects(probe, &address) && errno == ECONNREFUSED
    }

    private static func newSocket(_ family: Int32) -> Int32 {
        let descriptor = clinux_socket(family, Int32(CLINUX_STREAM))
        if descriptor < 0 { errno = -descriptor }
        return descriptor
    }

    private static func binds(_ descriptor: Int32, _ address: inout sockaddr_un) -> Bool {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    private static func connects(_ descriptor: Int32, _ address: inout sockaddr_un) -> Bool {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    private static func failure(_ descriptor: Int32, _ place: String) -> Failure {
        let code = errno
        if descriptor >= 0 { close(descriptor) }
        return Failure(code, "\(place): can't be listened at (\(String(cString: strerror(code))))")
    }
}
