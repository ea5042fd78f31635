import CLinux
import Glibc
import TestSupport

/// A server on loopback for any number of connections, on one thread: it sends back what follows the first line.
final class EchoServer: Sendable {
    /// Its port.
    let port: Int
    private let listener: Int32

    init() throws {
        var most = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        getrlimit(files, &most)
        most.rlim_cur = most.rlim_max
        setrlimit(files, &most)
        let bound: UInt16
        (listener, bound) = try Loopback.listening()
        port = Int(bound)
        let listener = listener
        detach { Self.serve(listener) }
    }

    /// Ends it, and its connections.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func serve(_ listener: Int32) {
        let epoll = clinux_epoll_create()
        defer { close(epoll) }
        let readable = UInt32(clinux_epoll_in)
        clinux_epoll_add(epoll, listener, readable, UInt64(listener))
        var begun: Set<Int32> = []
        var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: 256)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = clinux_epoll_wait(epoll, &events, Int32(events.count), -1)
            for event in events.prefix(Int(max(count, 0))) {
                let descriptor = Int32(event.identity)
                if descriptor == listener {
                    guard let connection = Loopback.accept(listener) else { return begun.forEach { close($0) } }
                    clinux_epoll_add(epoll, connection, readable, UInt64(connection))
                    continue
                }
                let got = read(descriptor, &buffer, buffer.count)
                if got <= 0 {
                    begun.remove(descriptor)
                    close(descriptor)
                    continue
                }
                var bytes = buffer[..<got]
                if begun.insert(descriptor).inserted { bytes = bytes.drop { $0 != 10 }.dropFirst() }
                _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0x4000) }
            }
        }
    }
}
