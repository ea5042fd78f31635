import CLaminaRun
import Glibc

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

    /// Lets this process have as many descriptors as it may.
    static func allowDescriptors() {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(files, &limit)
    }

    /// The number of the process that a thread belongs to.
    static func group(of thread: pid_t) -> pid_t {
        status("Tgid:", of: thread) ?? thread
    }

    /// Whether this process was started by a run: it has the environment and the filter.
    static var isUnderRun: Bool {
        getenv(LAMINA_RUN_VARIABLE) != nil && line("Seccomp:", of: getpid()) == "2"
    }

    /// Whose a process is: its user and group.
    static func owner(of process: pid_t) -> (user: uid_t, group: gid_t)? {
        var status = stat()
        return stat("/proc/\(process)", &status) == 0 ? (status.st_uid, status.st_gid) : nil
    }

    /// The first port that needs no privilege to be bound.
    static let firstUnprivilegedPort: UInt16 =
        firstLine(of: "/proc/sys/net/ipv4/ip_unprivileged_port_start").flatMap { UInt16($0) } ?? 1024

    /// Whether a thread may bind the ports below that: it has CAP_NET_BIND_SERVICE, and that counts in its network.
    static func mayBindPrivilegedPorts(_ thread: pid_t) -> Bool {
        let bindService: UInt64 = 1 << 10
        guard let text = line("CapEff:", of: thread), let capabilities = UInt64(text, radix: 16),
            capabilities & bindService != 0
        else { return false }
        return isInNamespaceOfThis("user", thread) || !isInNamespaceOfThis("net", thread)
    }

    private static func isInNamespaceOfThis(_ kind: String, _ thread: pid_t) -> Bool {
        var (one, other) = (stat(), stat())
        return stat("/proc/\(thread)/ns/\(kind)", &one) == 0 && stat("/proc/self/ns/\(kind)", &other) == 0
            && one.st_ino == other.st_ino
    }

    /// Whether a process is stopped.
    static func isStopped(_ process: pid_t) -> Bool {
        line("State:", of: process)?.first == "T"
    }

    private static func status(_ field: String, of thread: pid_t) -> pid_t? {
        line(field, of: thread).flatMap { pid_t($0) }
    }

    /// The first line of a small file, such as the kernel's.
    static func firstLine(of path: String) -> String? {
        read(path)?.split(separator: "\n").first.map(String.init)
    }

    private static func line(_ field: String, of thread: pid_t) -> Substring? {
        guard let found = read("/proc/\(thread)/status")?.split(separator: "\n").first(where: { $0.hasPrefix(field) })
        else {
            return nil
        }
        return found.dropFirst(field.count).drop { $0 == "\t" || $0 == " " }
    }

    /// The first 4 KiB of a file.
    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
