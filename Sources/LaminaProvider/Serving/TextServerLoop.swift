import CLamina
import CLinux
import Glibc

/// What a text server's thread does: one loop over its connections, none of which it ever waits for alone.
final class TextServerLoop: @unchecked Sendable {
    // Everything is the thread's own.
    private let listener: Int32
    private let wake: Int32
    private let type: String
    private let text: @Sendable () -> String
    private var connections: [Connection] = []

    private static let limit = 16
    private static let requestLimit = 8192
    private static let patience: Int64 = 10_000_000_000

    /// One that asks, and what it is still to get.
    private struct Connection {
        let descriptor: Int32
        let deadline: Int64
        var asked: [UInt8] = []
        var answer: [UInt8]?
        var sent = 0
    }

    init(listener: Int32, wake: Int32, type: String, text: @escaping @Sendable () -> String) {
        self.listener = listener
        self.wake = wake
        self.type = type
        self.text = text
    }

    /// Starts the thread, which takes no signal. False: there is none.
    func start() -> Bool {
        var (all, before) = (sigset_t(), sigset_t())
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let own = Unmanaged.passRetained(self)
        let code = pthread_create(&thread, nil, Self.main, own.toOpaque())
        guard code == 0 else {
            own.release()
            errno = code
            return false
        }
        pthread_detach(thread)
        return true
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        Unmanaged<TextServerLoop>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }

    private func run() {
        while turn() {}
        for connection in connections { close(connection.descriptor) }
        close(listener)
        close(wake)
    }

    /// Waits for what happens next, and sees to it. False: that was the end.
    private func turn() -> Bool {
        var polled = [wake, listener].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        for connection in connections {
            let events = connection.answer == nil ? POLLIN : POLLOUT
            polled.append(pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
        }
        let next = connections.map(\.deadline).min().map { ($0 - clinux_monotonic()) / 1_000_000 + 1 }
        let count = poll(&polled, nfds_t(polled.count), next.map { Int32(clamping: max($0, 0)) } ?? -1)
        guard count >= 0 || errno == EINTR else { return false }
        if polled[0].revents != 0 { return false }
        let now = clinux_monotonic()
        var kept: [Connection] = []
        for (index, var connection) in connections.enumerated() {
            if now < connection.deadline, polled[index + 2].revents == 0 || goesOn(&connection) {
                kept.append(connection)
            } else {
                close(connection.descriptor)
            }
        }
        connections = kept
        if polled[1].revents != 0 { accept(now) }
        return true
    }

    private func accept(_ now: Int64) {
        let descriptor = clinux_raw_accept(listener, nil, nil)
        guard descriptor >= 0 else {
            // Without a descriptor left, the oldest connection gives one back.
            guard descriptor == -EMFILE || descriptor == -ENFILE else { return }
            guard connections.isEmpty else {
                close(connections.removeFirst().descriptor)
                return
            }
            // With none to give back it waits a moment, unless the end comes.
            var ended = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
            poll(&ended, 1, 20)
            return
        }
        if connections.count == Self.limit { close(connections.removeFirst().descriptor) }
        connections.append(Connection(descriptor: descriptor, deadline: now + Self.patience))
    }

    /// Reads or writes what can be. False: the connection is done.
    private func goesOn(_ connection: inout Connection) -> Bool {
        if connection.answer == nil {
            var chunk = [UInt8](repeating: 0, count: 2048)
            let count = read(connection.descriptor, &chunk, chunk.count)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            guard count > 0 else { return false }
            connection.asked += chunk[..<count]
            let isWhole = Self.isWhole(connection.asked)
            guard isWhole || connection.asked.count >= Self.requestLimit else { return true }
            connection.answer = answer(connection.asked, isWhole: isWhole)
        }
        guard let answer = connection.answer else { return true }
        while connection.sent < answer.count {
            let count = answer.withUnsafeBytes { bytes in
                bytes.baseAddress.map {
                    clinux_send(connection.descriptor, $0 + connection.sent, bytes.count - connection.sent)
                }
            }
            guard let count, count >= 0 else { return count == -Int(EAGAIN) || count == -Int(EINTR) }
            connection.sent += count
        }
        return false
    }

    /// Whether a request's head has ended.
    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        var breaks = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                breaks += 1
                if breaks == 2 { return true }
            } else if byte != UInt8(ascii: "\r") {
                breaks = 0
            }
        }
        return false
    }

    private func answer(_ asked: [UInt8], isWhole: Bool) -> [UInt8] {
        let line = asked.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard isWhole, words.count == 3, words[2].hasPrefix("HTTP/1.") else { return reply("400 Bad Request") }
        guard ["GET", "HEAD"].contains(words[0]) else { return reply("405 Method Not Allowed", "Allow: GET, HEAD\r\n") }
        let path = words[1].prefix { $0 != "?" }
        guard path == "/" || path == "/metrics" else { return reply("404 Not Found") }
        return reply("200 OK", "Content-Type: \(type)\r\n", text(), isHead: words[0] == "HEAD")
    }

    private func reply(_ status: String, _ fields: String = "", _ body: String = "", isHead: Bool = false) -> [UInt8] {
        let head = "HTTP/1.1 \(status)\r\n\(fields)Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        return Array((isHead ? head : head + body).utf8)
    }
}
