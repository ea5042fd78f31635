import Glibc

/// What policies know a program by.
public struct ProgramIdentity: Sendable, Equatable {
    /// The name that was given to `lamina run --name`; nil where there is none.
    public var name: String?
    /// The executable's path, as it was named and without links; a running program has the second alone.
    public var paths: [String]
    /// The systemd unit that it runs in; nil where there is none.
    public var unit: String?
    /// Whether that unit is one of the system's services.
    public var isSystemService: Bool
    /// The user that it runs as.
    public var user: UInt32

    /// An identity in its parts.
    public init(
        name: String? = nil,
        paths: [String] = [],
        unit: String? = nil,
        isSystemService: Bool = false,
        user: UInt32
    ) {
        self.name = name
        self.paths = paths.map(Self.withoutMark)
        self.unit = unit
        self.isSystemService = isSystemService
        self.user = user
    }

    /// This process: its executable, its unit, its user. Blocks for files of /proc.
    public static func ofThisProcess(name: String? = nil) -> ProgramIdentity {
        ofProcess(getpid(), paths: Environment.executable.map { [$0] } ?? [], name: name)
    }

    /// A program that this process would start from this path: in the same unit, as the same user. Blocks for files.
    public static func ofProgram(at path: String, name: String? = nil) -> ProgramIdentity {
        let whole =
            path.hasPrefix("/") ? path : File.resolved(File.folder(of: path)).map { "\($0)/\(File.name(of: path))" }
        var paths = [whole ?? path]
        if let resolved = File.resolved(path), !paths.contains(resolved) { paths.append(resolved) }
        return ofProcess(getpid(), paths: paths, name: name)
    }

    private static func ofProcess(_ process: Int32, paths: [String], name: String?) -> ProgramIdentity {
        let group = ControlGroup.ofProcess(process)
        return ProgramIdentity(
            name: name,
            paths: paths,
            unit: group?.unit,
            isSystemService: group?.isSystemService ?? false,
            user: geteuid()
        )
    }

    /// Asks what if another user ran it, by name or number. Throws where there is no such user; blocks for the user database.
    public mutating func set(user: String) throws(LaminaError) {
        guard let number = Self.number(ofUser: user) else {
            throw LaminaError(
                .notFound,
                "user \"\(user)\"",
                "is unknown",
                remedy: "name one of this machine, or a number"
            )
        }
        self.user = number
    }

    /// Asks what if the system manager ran it in this unit. Throws where that is no unit's name.
    public mutating func set(unit: String) throws(LaminaError) {
        let subject = try PolicySubject(parsing: "unit:\(unit)")
        self.unit = subject.value
        isSystemService = subject.value.hasSuffix(".service")
    }

    /// A user's number; nil where there is no such user.
    static func number(ofUser user: String) -> UInt32? {
        if let number = UInt32(user) { return number }
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1 << 14) { room in
            guard let base = room.baseAddress, getpwnam_r(user, &entry, base, room.count, &found) == 0, found != nil
            else { return nil }
            return entry.pw_uid
        }
    }

    /// The path of an executable as the kernel tells it, without what it adds once the file was replaced or removed.
    static func withoutMark(_ path: String) -> String {
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.utf8.count)) : path
    }
}

/// Where a process stands among systemd's control groups.
public struct ControlGroup: Sendable, Equatable {
    /// The unit that holds it.
    public let unit: String
    /// Whether the unit is one of the system manager's services, rather than a part of somebody's session.
    public let isSystemService: Bool

    /// Reads `/proc/PID/cgroup`; nil where that says nothing of a unit. Blocks for the file.
    public static func ofProcess(_ process: Int32) -> ControlGroup? {
        guard let file = try? File.Descriptor(opening: "/proc/\(process)/cgroup", O_RDONLY),
            let bytes = try? file.read(1 << 14, at: 0, of: "cgroup")
        else { return nil }
        return ControlGroup(reading: String(decoding: bytes, as: UTF8.self))
    }

    /// Reads the lines of such a file: the unified hierarchy's, else the one that systemd named after itself.
    public init?(reading text: String) {
        let lines = text.split(separator: "\n")
        let line = lines.first { $0.hasPrefix("0::") } ?? lines.first { $0.contains(":name=systemd:") }
        guard let line, let slash = line.firstIndex(of: "/") else { return nil }
        let parts = line[slash...].split(separator: "/")
        // A unit that delegates has groups of its own below it; a scope stands for a session or a container.
        guard
            let unit = parts.last(where: { $0.hasSuffix(".service") }) ?? parts.last(where: { $0.hasSuffix(".scope") })
        else { return nil }
        self.unit = String(unit)
        isSystemService = unit.hasSuffix(".service") && parts.first != "user.slice"
    }
}
