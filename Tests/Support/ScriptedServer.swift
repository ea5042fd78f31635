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
    }

    /// What it does when the replies are used up.
    public enum Ending: Sendable {
        case echo, stall, close
    }

    /// Serves from now on, until the object's end.
    public init(_ replies: [[UInt8]], then ending: Ending = .echo) throws {
        (listener, port) = try Loopback.listening()
        let listener = listener
        detach { [weak self] in
            // Nobody else closes it: its number would soon be another socket's.
            defer { close(listener) }
            while let connection = Loopback.accept(listener) {
                guard let self else {
                    close(connection)
                    return
                }
                self.state.withLock { $0.connections.append(connection) }
                detach { [weak self] in
                    if let self { self.serve(connection, replies, ending) } else { close(connection) }
                }
            }
        }
    }

    deinit {
        for connection in state.withLock({ $0.connections }) { shutdown(connection, Int32(SHUT_RDWR)) }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// The messages that came so far, of all connections.
    public var heard: [[UInt8]] { state.withLock { $0.heard } }

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
}
