import CLamina
import CLinux
import Glibc

/// Who opens a socket, and for whom, with the C struct that levels see. Lives as long as a socket that it is for.
public final class OriginStorage: @unchecked Sendable {
    // Constant after it is made.
    let pointer: UnsafeMutablePointer<lamina_origin>
    /// The executable's path; nil where it isn't known.
    public let executable: String?
    /// The destination's name as the program asked for it; nil where it asked by address.
    public let name: String?

    /// An origin in its parts: the process with its start time in clock ticks since boot, its user and group.
    public init(
        process: Int32,
        startTime: UInt64,
        user: UInt32,
        group: UInt32,
        executable: String?,
        name: String? = nil,
        direction: Direction = .out
    ) {
        self.executable = executable
        self.name = name
        pointer = .allocate(capacity: 1)
        pointer.initialize(
            to: lamina_origin(
                size: UInt32(MemoryLayout<lamina_origin>.size),
                process: process,
                start_time: startTime,
                user: user,
                group: group,
                direction: UInt32(direction == .out ? LAMINA_OUTBOUND : LAMINA_INBOUND),
                reserved: 0,
                executable: executable.flatMap { UnsafePointer(strdup($0)) },
                name: name.flatMap { UnsafePointer(strdup($0)) }
            )
        )
    }

    deinit {
        Glibc.free(UnsafeMutablePointer(mutating: pointer.pointee.executable))
        Glibc.free(UnsafeMutablePointer(mutating: pointer.pointee.name))
        pointer.deallocate()
    }

    /// This program as the one that opens.
    public static let program = OriginStorage(
        process: getpid(),
        startTime: startTime(of: getpid()),
        user: getuid(),
        group: getgid(),
        executable: executablePath(of: getpid())
    )

    /// This program as the one that accepts.
    private static let accepting = OriginStorage(
        process: program.pointer.pointee.process,
        startTime: program.pointer.pointee.start_time,
        user: program.pointer.pointee.user,
        group: program.pointer.pointee.group,
        executable: program.executable,
        direction: .in
    )

    /// Whether the socket was accepted.
    var isInbound: Bool { pointer.pointee.direction == UInt32(LAMINA_INBOUND) }

    /// This program as the one that took a socket over, which another one had opened.
    static func adopting(_ name: String?, isInbound: Bool) -> OriginStorage {
        let own = ProcessIdentity.own
        return OriginStorage(
            process: own.process,
            startTime: own.startTime,
            user: getuid(),
            group: getgid(),
            executable: executablePath(of: own.process),
            name: name,
            direction: isInbound ? .in : .out
        )
    }

    /// The same for a socket that was accepted.
    var inbound: OriginStorage {
        if self === Self.program { return Self.accepting }
        let own = pointer.pointee
        return OriginStorage(
            process: own.process,
            startTime: own.start_time,
            user: own.user,
            group: own.group,
            executable: executable,
            direction: .in
        )
    }

    /// A process's executable; nil where it can't be read.
    public static func executablePath(of process: Int32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4097) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let length = readlink("/proc/\(process)/exe", base, 4096)
            guard length > 0 else { return nil }
            base[length] = 0
            return String(cString: base)
        }
    }

    /// When a process started, in clock ticks since boot; 0 where it can't be read.
    public static func startTime(of process: Int32) -> UInt64 {
        // The command's name may hold spaces and parentheses: the fields begin after the last one.
        guard let text = file("stat", of: process), let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) ?? 0 : 0
    }

    /// The beginning of a process's file in `/proc`; nil where it can't be read.
    static func file(_ name: String, of process: Int32) -> String? {
        let descriptor = Glibc.open("/proc/\(process)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let length = read(descriptor, buffer.baseAddress, 4096)
            return length > 0 ? String(decoding: buffer[..<length], as: UTF8.self) : nil
        }
    }
}
