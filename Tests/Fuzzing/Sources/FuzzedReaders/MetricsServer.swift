import Glibc
import LaminaProvider

/// A text that is served on a Unix socket, as the layer `meter` serves its own.
final class MetricsServer: Sendable {
    private let server: TextServer
    private let path: String

    /// Nil: it can't be served.
    init?() {
        path = "/tmp/lamina-fuzz-\(getpid()).sock"
        guard let server = try? TextServer("unix:\(path)", "text/plain", { "served 1\n" }) else { return nil }
        self.server = server
        atexit { unlink("/tmp/lamina-fuzz-\(getpid()).sock") }
    }

    /// What comes back until the connection ends.
    func reply(to bytes: [UInt8]) -> [UInt8] {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isConnected = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else { return Array("no connection".utf8) }
        // It may have answered, and gone, before it has heard everything.
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        shutdown(descriptor, Int32(SHUT_WR))
        var reply: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return reply }
            reply += chunk[..<count]
        }
    }
}
