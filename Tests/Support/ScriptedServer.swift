import CLamina
import CLinux
import Glibc
import Lamina

/// A TCP server on loopback for one connection at a time: it answers each message that comes with the next reply, byte by
/// byte, and keeps what it was told. After the last reply it sends back what comes, or stays silent.
public final class ScriptedServer: Sendable {
    /// Its port.
    public let port: UInt16
    private let listener: Int32
    private let state = Locked(State())

    private struct State {
        var heard: [[UInt8]] = []
        var connections: [Int32] = []
        var isOver = false
    }

    /// What it does when the replies are used up.
    public enum Ending: Sendable {
        case echo, stall, close
    }

    /// Serves from now on, until the object's end.
    public init(_ replies: [[UInt8]], then ending: Ending = .echo) throws {
        listener = clinux_raw_socket(AF_INET, 1, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw LaminaError(.system, "127.0.0.1", "can't be listened on", errno: errno) }
        port = UInt16(bigEndian: address.sin_port)
        _ = fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK)
        Self.detach { [weak self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                guard let self, self.adopt(connection) else {
                    close(connection)
                    return
                }
                Self.detach { [weak self] in self?.serve(connection, replies, ending) }
            }
        }
    }

    deinit {
        for connection in state.withLock({ $0.connections }) { shutdown(connection, Int32(SHUT_RDWR)) }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The messages that came so far, of all connections.
    public var heard: [[UInt8]] { state.withLock { $0.heard } }

    private func adopt(_ connection: Int32) -> Bool {
        state.withLock { $0.connections.append(connection) }
        return true
    }

    private func serve(_ connection: Int32, _ replies: [[UInt8]], _ ending: Ending) {
        defer {
            state.withLock { $0.connections.removeAll { $0 == connection } }
            close(connection)
        }
        var on: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var room = [UInt8](repeating: 0, count: 4096)
        for reply in replies {
            let count = recv(connection, &room, room.count, 0)
            guard count > 0 else { return }
            state.withLock { $0.heard.append(Array(room[..<count])) }
            for byte in reply {
                var byte = byte
                guard send(connection, &byte, 1, Int32(MSG_NOSIGNAL)) == 1 else { return }
            }
        }
        if ending == .close { return }
        while case let count = recv(connection, &room, room.count, 0), count > 0 {
            state.withLock { $0.heard.append(Array(room[..<count])) }
            if ending == .echo { _ = send(connection, room, count, Int32(MSG_NOSIGNAL)) }
        }
    }

    private static func detach(_ body: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(Body(body)).toOpaque()
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context
        )
        pthread_detach(thread)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
