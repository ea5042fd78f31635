import CLinux
import Glibc

/// The lock of one directory, held as long as this lives; other writers wait. It dies with its process.
///
/// The lock file isn't empty while somebody changes something, so that the next writer knows of one who didn't finish.
struct DirectoryLock: ~Copyable {
    private let file: File.Descriptor
    /// Whether the one who held it before didn't finish.
    let wasLeft: Bool

    /// Waits for the lock, and makes the directory where it is missing.
    init(_ directory: String) throws(LaminaError) {
        try File.makeFolders(directory)
        let path = "\(directory)/.lock"
        let file = try File.Descriptor(opening: path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        guard retrying({ flock(file.number, LOCK_EX) }) == 0 else { throw File.error(path, "can't be locked") }
        let size = try file.status(of: path).st_size
        try file.write(Array("\(getpid())\n".utf8), to: path)
        wasLeft = size > 0
        self.file = file
    }

    /// Whether nobody holds the lock, as far as this process may ask.
    static func isFree(_ directory: String) -> Bool {
        guard let file = try? File.Descriptor(opening: "\(directory)/.lock", O_RDWR | O_NOFOLLOW) else { return false }
        return flock(file.number, LOCK_EX | LOCK_NB) == 0
    }

    /// Says that nothing is left to be done.
    func finish() {
        ftruncate(file.number, 0)
        lseek(file.number, 0, SEEK_SET)
    }
}
