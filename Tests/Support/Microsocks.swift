import CLinux
import Glibc
import Lamina

/// microsocks, a SOCKS5 server that people use, on a port of loopback that is its own.
public final class Microsocks {
    private let child: Child
    /// Its port.
    public let port: UInt16

    /// Starts it; with a user it wants a login.
    public init(isIPv6: Bool = false, user: String? = nil, password: String? = nil) throws {
        var command = ["microsocks", "-i", isIPv6 ? "::1" : "127.0.0.1", "-p", "0"]
        if let user, let password { command += ["-u", user, "-P", password] }
        // It says a line for each connection, which nobody reads.
        child = try Child(["/bin/sh", "-c", "exec \"$@\" >/dev/null 2>&1", "sh"] + command)
        let deadline = Deadline.after(seconds: 20)
        var found: UInt16?
        while found == nil, clinux_monotonic() < deadline {
            found = try Self.listeningPort(of: child.process, isIPv6 ? "tcp6" : "tcp")
            if found == nil { sched_yield() }
        }
        guard let found else { throw LaminaError(.notFound, "microsocks", "listens nowhere; is it installed?") }
        port = found
    }

    deinit { _ = child.killed() }

    /// Lets it serve nothing until `resume`; connections to it are still made.
    public func pause() {
        kill(child.process, SIGSTOP)
    }

    /// Undoes `pause`.
    public func resume() {
        kill(child.process, SIGCONT)
    }

    /// The TCP port that a process listens on.
    private static func listeningPort(of process: Int32, _ table: String) throws -> UInt16? {
        var nodes: Set<String> = []
        for number in 3..<16 {
            var room = [CChar](repeating: 0, count: 64)
            let count = readlink("/proc/\(process)/fd/\(number)", &room, room.count - 1)
            guard count > 0 else { continue }
            let target = String(decoding: room[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if target.hasPrefix("socket:[") { nodes.insert(String(target.dropFirst(8).dropLast())) }
        }
        guard !nodes.isEmpty, let bytes = try? readAll("/proc/\(process)/net/\(table)") else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
            let words = line.split(separator: " ")
            guard words.count > 9, words[3] == "0A", nodes.contains(String(words[9])) else { continue }
            return words[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
        }
        return nil
    }
}
