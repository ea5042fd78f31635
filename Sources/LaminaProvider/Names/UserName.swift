import Glibc

/// Users by name.
public enum UserName {
    /// The number of a user; nil: there is none of this name. Blocks for the system's lists of users.
    public static func number(of name: String) -> UInt32? {
        guard !name.utf8.contains(0) else { return nil }
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var room = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &room, room.count, &found) == 0, found != nil else { return nil }
        return entry.pw_uid
    }
}
