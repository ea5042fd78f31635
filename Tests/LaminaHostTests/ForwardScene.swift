import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// A forward that runs, by `HostDriver --forward`.
final class ForwardScene {
    /// Where it listens, as it said.
    let address: String
    private let child: Child
    private var ended: Child.Ending?

    /// Starts it and waits until it listens.
    init(_ arguments: [String], environment: [String] = []) throws {
        child = try Child([HostFixtures.driver, "--forward"] + arguments, environment: environment)
        address = try child.firstLine()
    }

    deinit {
        if ended == nil { _ = child.killed() }
    }

    /// The port that it listens on.
    func port() throws -> UInt16 { try #require(try Address(parsing: address).port) }

    /// Asks for the end.
    func signal() { Glibc.kill(child.process, SIGTERM) }

    /// Ends it without a word.
    func kill() { ended = child.killed() }

    /// Waits for the end.
    func ending() -> Child.Ending {
        let ending = child.end()
        ended = ending
        return ending
    }

    /// Asks for the end and waits for it.
    func end() -> Child.Ending {
        signal()
        return ending()
    }
}

/// A TCP connection to loopback that blocks.
final class Wire {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status < 0 { throw LaminaError(.system, "port \(port)", "can't be connected to", errno: errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Sends all of a text. A connection that has ended takes it without a word.
    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends all bytes.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Ends this direction.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// So many bytes, or those that came before the end.
    func receive(_ count: Int) -> String {
        var text: [UInt8] = []
        while text.count < count {
            var room = [UInt8](repeating: 0, count: count - text.count)
            let received = recv(descriptor, &room, room.count, 0)
            if received <= 0 { break }
            text += room[..<received]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What comes until the end, and the errno that it ends with, 0 for none.
    func rest() -> (text: String, error: Int32) {
        let rest = restOfBytes()
        return (String(decoding: rest.bytes, as: UTF8.self), rest.error)
    }

    /// The same in bytes.
    func restOfBytes() -> (bytes: [UInt8], error: Int32) {
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &room, room.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return (bytes, count < 0 ? errno : 0) }
            bytes += room[..<count]
        }
    }
}
