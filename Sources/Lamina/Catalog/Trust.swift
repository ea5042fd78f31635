import CLinux
import Glibc

/// Who may choose the code that this process loads: root, its own user, and the owner of its executable. A file that
/// others may write, or that lies below a directory where others could replace it, is refused.
struct Trust {
    /// What to do about a file, and a folder, of somebody else, and about one that somebody else may write.
    static let chown = "chown it to root"
    static let chmod = "chmod go-w it"

    private let owners: [UInt32]
    private var sound: Set<String> = []

    /// Whom this process trusts; `ofCaller` adds the user who became root to name a file.
    init(ofCaller: Bool = false) {
        var owners = [0, geteuid()]
        if !Environment.isSecure { owners.append(Environment.executableOwner ?? 0) }
        if ofCaller, geteuid() == 0, let user = Environment.value(of: "SUDO_UID").flatMap({ UInt32($0) }) {
            owners.append(user)
        }
        self.owners = owners
    }

    /// Checks a file's owner and mode.
    func check(_ status: stat, of path: String) throws(LaminaError) {
        guard owners.contains(status.st_uid) else {
            throw LaminaError(
                .refused,
                path,
                "belongs to user \(status.st_uid), who is neither root nor this user",
                remedy: Self.chown
            )
        }
        // A user's private group bears the user's own number.
        let isSharedGroup = status.st_mode & S_IWGRP != 0 && status.st_gid != status.st_uid
        // In a sticky directory nobody can replace what belongs to others.
        let isSticky = status.st_mode & S_IFMT == S_IFDIR && status.st_mode & S_ISVTX != 0
        guard !isSticky, status.st_mode & S_IWOTH != 0 || isSharedGroup else { return }
        let who = status.st_mode & S_IWOTH != 0 ? "everyone" : "group \(status.st_gid)"
        throw LaminaError(.refused, path, "may be written by \(who)", remedy: Self.chmod)
    }

    /// Checks every directory from `folder` up to the root, each sound one once; links are followed first.
    mutating func check(folder: String) throws(LaminaError) {
        if sound.contains(folder) { return }
        guard let real = File.resolved(folder) else { throw File.error(folder, "can't be reached") }
        try check(resolved: real)
        sound.insert(folder)
    }

    private mutating func check(resolved folder: String) throws(LaminaError) {
        if sound.contains(folder) { return }
        var status = stat()
        guard stat(folder, &status) == 0 else { throw File.error(folder, "can't be examined") }
        try check(status, of: folder)
        if folder != "/" { try check(resolved: File.folder(of: folder)) }
        sound.insert(folder)
    }
}
