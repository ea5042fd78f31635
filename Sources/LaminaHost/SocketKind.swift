import CLamina
import CLaminaRun
import CLinux
import Glibc

/// What a socket is, by its own options.
struct SocketKind {
    /// `MSG_FASTOPEN`: connect and send in one call.
    static let fastOpen: Int32 = 0x2000_0000

    let domain: Int32
    let type: Int32

    /// Nil where the descriptor is no socket.
    init?(_ descriptor: Int32) {
        guard let domain = SocketKind.option(descriptor, SO_DOMAIN),
            let type = SocketKind.option(descriptor, SO_TYPE)
        else { return nil }
        (self.domain, self.type) = (domain, type)
    }

    /// Its traffic does not leave the machine, or it is no network at all.
    var isLocal: Bool { domain == AF_UNIX || domain == AF_NETLINK || domain == AF_ALG }
    var isInternet: Bool { domain == AF_INET || domain == AF_INET6 }
    var isDatagram: Bool { type != Int32(CLINUX_STREAM) }

    private static func option(_ descriptor: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}

/// A socket address as it lay in a program's memory.
struct SocketBytes: CustomStringConvertible {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var family: Int32 { bytes.count < 2 ? -1 : Int32(bytes[0]) | Int32(bytes[1]) << 8 }
    var port: UInt16 { endpoint?.port ?? 0 }

    var description: String { endpoint.map { "\($0)" } ?? "an address of family \(family)" }

    func withSocketAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes.prefix($0.count)) }
        return withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(bytes.count)) }
        }
    }

    /// The address, where it is one of IPv4 or IPv6.
    var endpoint: Endpoint? { withSocketAddress { Endpoint($0, length: $1) } }
}

/// Other processes, by their threads' numbers.
enum Process {
    /// The path of a thread's executable.
    static func executable(of thread: pid_t) -> String {
        let path = String(unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { max(0, readlink("/proc/\(thread)/exe", $0, characters.count)) } ?? 0
            }
        }
        return path.isEmpty ? "a program" : path
    }

    /// A file's path without links; nil where there is no such file.
    static func withoutLinks(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// The number of the process that a thread belongs to.
    static func group(of thread: pid_t) -> pid_t {
        status("Tgid:", of: thread) ?? thread
    }

    /// Whether this process was started by a run: it has the environment and the filter.
    static var isUnderRun: Bool {
        getenv(LAMINA_RUN_VARIABLE) != nil && line("Seccomp:", of: getpid()) == "2"
    }

    /// Whether a process is stopped.
    static func isStopped(_ process: pid_t) -> Bool {
        line("State:", of: process)?.first == "T"
    }

    /// Reads `count` bytes, at most `most`, that a stopped call points at; nil if they can't be read, or the caller
    /// is gone and another may have its number.
    static func read(
        _ call: clinux_call,
        at address: UInt64,
        count: UInt64,
        most: Int,
        from listener: Int32
    ) -> [UInt8]? {
        let wanted = Int(clamping: min(count, UInt64(most)))
        var bytes = [UInt8](repeating: 0, count: wanted)
        guard clinux_read_memory(call.thread, address, &bytes, wanted) == wanted else { return nil }
        return clinux_guard_waits(listener, call.id) != 0 ? bytes : nil
    }

    private static func status(_ field: String, of thread: pid_t) -> pid_t? {
        line(field, of: thread).flatMap { pid_t($0) }
    }

    private static func line(_ field: String, of thread: pid_t) -> Substring? {
        let descriptor = open("/proc/\(thread)/status", O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        guard let found = text.split(separator: "\n").first(where: { $0.hasPrefix(field) }) else { return nil }
        return found.dropFirst(field.count).drop { $0 == "\t" || $0 == " " }
    }
}
