import Glibc
import Synchronization
import TestSupport

/// An HTTP server on loopback that answers every request with the same bytes, one connection at a time.
final class FileServer: Sendable {
    /// What a program asks for.
    let url: String
    private let listener: Int32
    private let content: [UInt8]
    private let served = Atomic(0)

    init(_ content: [UInt8]) throws {
        self.content = content
        let port: UInt16
        (listener, port) = try Loopback.listening()
        url = "http://127.0.0.1:\(port)/"
        detach { self.serve() }
    }

    /// How many requests it has answered whole.
    var count: Int { served.load(ordering: .acquiring) }

    /// Takes no more connections.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve() {
        while let connection = Loopback.accept(listener) {
            answer(connection)
            close(connection)
        }
        close(listener)
    }

    private func answer(_ connection: Int32) {
        var request: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4096)
        while request.suffix(4) != Array("\r\n\r\n".utf8)[...] {
            let got = recv(connection, &room, room.count, 0)
            if got <= 0 { return }
            request += room[..<got]
        }
        let head = Array("HTTP/1.1 200 OK\r\nContent-Length: \(content.count)\r\nConnection: close\r\n\r\n".utf8)
        if send(all: head, to: connection), send(all: content, to: connection) {
            served.add(1, ordering: .releasing)
        }
        shutdown(connection, Int32(SHUT_WR))
        while recv(connection, &room, room.count, 0) > 0 {}
    }

    private func send(all bytes: [UInt8], to connection: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    connection,
                    buffer.baseAddress.map { $0 + sent },
                    buffer.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }
}
