import CLamina
import CLinux
import Glibc
import Synchronization
import TestSupport

/// A server on loopback, a thread a connection. The first line says what a connection is for: `echo`, `bulk COUNT`,
/// `sink`, `ending`, `peer`, `mark`, `urgent`, `refuse`, `reset`, `hold`.
final class TestServer: Sendable {
    /// Its port.
    let port: Int
    private let listener: Int32
    private let sunk = Mutex<[Int]>([])

    init(isIPv6: Bool = false) throws {
        let bound: UInt16
        (listener, bound) = try Loopback.listening(isIPv6: isIPv6)
        port = Int(bound)
        let listener = listener
        detach { [self] in
            while let connection = Loopback.accept(listener) {
                detach { self.serve(connection) }
            }
        }
    }

    /// Stops listening.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// What connections of kind `sink` have sent until their end.
    var sinks: [Int] { sunk.withLock { $0 } }

    /// What `bulk` sends: its bytes repeat, with a period that no buffer divides.
    static func bulk(_ count: Int) -> (count: Int, sum: UInt64) {
        var sum: UInt64 = 1_469_598_103_934_665_603
        for index in 0..<count { sum = (sum ^ UInt64(UInt8(truncatingIfNeeded: index % 251))) &* 1_099_511_628_211 }
        return (count, sum)
    }

    private func serve(_ connection: Int32) {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(connection, &byte, 1) == 1, byte != 10 { line.append(byte) }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        var buffer = [UInt8](repeating: 0, count: 65536)
        switch words.first {
        case "echo":
            while case let count = read(connection, &buffer, buffer.count), count > 0 {
                send(connection, buffer[..<count])
            }
        case "bulk":
            sendBulk(connection, words.count > 1 ? Int(words[1]) ?? 0 : 0)
        case "sink":
            if words.count > 1 { send(connection, [107]) }
            var total = 0
            while case let count = read(connection, &buffer, buffer.count), count > 0 { total += count }
            sunk.withLock { $0.append(total) }
        case "ending":
            send(connection, [107])
            var total = 0
            var count = read(connection, &buffer, buffer.count)
            while count > 0 {
                total += count
                count = read(connection, &buffer, buffer.count)
            }
            let end = count < 0 ? -Int(errno) : total
            sunk.withLock { $0.append(end) }
        case "peer":
            var name = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(connection, $0, &length) }
            }
            send(connection, Array("\(UInt16(bigEndian: name.sin_port))".utf8)[...])
        case "mark":
            echoMarked(connection)
        case "urgent":
            send(connection, [97])
            _ = Glibc.send(connection, [98 as UInt8], 1, Int32(MSG_OOB))
            send(connection, [99])
        case "refuse":
            send(connection, Array("no room".utf8)[...])
            // What has come and isn't read makes the close a reset.
            var waiting = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, -1)
        case "reset":
            clinux_reset_on_close(connection, 1)
        default:
            _ = read(connection, &buffer, 1)
        }
        close(connection)
    }

    /// Sends the stream back, with brackets around what was urgent.
    private func echoMarked(_ connection: Int32) {
        var on: Int32 = 1
        setsockopt(connection, SOL_SOCKET, SO_OOBINLINE, &on, socklen_t(MemoryLayout<Int32>.size))
        var result: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            // Before the read: it goes past the mark.
            var waiting = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, -1)
            var isMarked: Int32 = 0
            _ = ioctl(connection, 0x8905, &isMarked)  // SIOCATMARK
            guard read(connection, &byte, 1) == 1 else { break }
            result += isMarked != 0 ? [UInt8(ascii: "["), byte, UInt8(ascii: "]")] : [byte]
        }
        send(connection, result[...])
    }

    private func sendBulk(_ connection: Int32, _ count: Int) {
        let chunk = (0..<251 * 256).map { UInt8($0 % 251) }
        var left = count
        while left > 0 {
            let part = min(left, chunk.count)
            if !send(connection, chunk[..<part]) { return }
            left -= part
        }
    }

    @discardableResult
    private func send(_ connection: Int32, _ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, 0x4000) }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
