import CLinux
import Glibc
import Lamina

/// A program that leads a session on a terminal of its own: what it reads is typed here, and what it writes is shown
/// here. What is typed is not echoed, and lines end as they were written.
public final class Terminal {
    private let process: pid_t
    private var master: Int32
    private var shown: [UInt8] = []

    /// Starts a program, found in PATH. `environment` is added to this process's own.
    public init(_ arguments: [String], environment: [String] = [], rows: UInt16 = 24, columns: UInt16 = 80) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var locked: Int32 = 0
        var number: Int32 = -1
        // unlockpt and ptsname
        guard ioctl(master, 0x4004_5431, &locked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw LaminaError(.system, "/dev/ptmx", "no terminal can be had", errno: errno)
        }
        let path = "/dev/pts/\(number)"
        var modes = termios()
        tcgetattr(master, &modes)
        modes.c_lflag &= ~tcflag_t(ECHO)
        modes.c_oflag &= ~tcflag_t(OPOST)
        tcsetattr(master, TCSANOW, &modes)
        Self.resize(master, rows, columns)
        // Opened by the leader of a session, it becomes the session's.
        process = try Child.spawn(arguments, Child.merged(environment), isLeader: true) {
            posix_spawn_file_actions_addopen(&$0, 0, path, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&$0, 0, 1)
            posix_spawn_file_actions_adddup2(&$0, 0, 2)
        }
    }

    deinit {
        hangUp()
    }

    /// A key with Ctrl.
    public enum Key: String, Sendable {
        case interrupt = "\u{3}"
        case quit = "\u{1C}"
        case suspend = "\u{1A}"
        case end = "\u{4}"
    }

    /// Presses a key with Ctrl.
    public func press(_ key: Key) {
        type(key.rawValue)
    }

    /// Types text; its lines end by a line feed.
    public func type(_ text: String) {
        _ = write(master, Array(text.utf8), text.utf8.count)
    }

    /// Gives it another size, which its foreground processes are told of.
    public func resize(rows: UInt16, columns: UInt16) {
        Self.resize(master, rows, columns)
    }

    /// Takes the terminal away, as closing its window does.
    public func hangUp() {
        if master >= 0 { close(master) }
        master = -1
    }

    /// Waits until `line` is shown.
    public func await(_ line: String) throws {
        while !text.split(separator: "\n").contains(Substring(line)) {
            guard readSome() else { throw LaminaError(.notFound, "\"\(line)\"", "was never shown, but: \(text)") }
        }
    }

    /// Waits for the end of the program, and of everything that has the terminal open.
    public func end() -> Child.Ending {
        while readSome() {}
        return Child.Ending(status: Child.reap(process), output: shown, errors: [])
    }

    private var text: String { String(decoding: shown, as: UTF8.self) }

    private static func resize(_ terminal: Int32, _ rows: UInt16, _ columns: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    }

    private func readSome() -> Bool {
        guard master >= 0 else { return false }
        var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        if poll(&waiting, 1, Child.patience) == 0 {
            kill(-process, SIGKILL)
            return false
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(master, &bytes, bytes.count)
        if count > 0 { shown += bytes.prefix(count) }
        return count > 0
    }
}
