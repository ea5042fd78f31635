import CLinux
import Glibc

/// What the program's caller chose. Under `AT_SECURE` there is nothing here: a program that runs with more rights than
/// its caller takes no hint from it about what to load.
package enum Environment {
    /// Whether the program runs with more rights than its caller.
    static let isSecure = clinux_is_secure()

    /// Whether this process is to use no layers (`LAMINA_DISABLE=1`).
    package static var isDisabled: Bool { value(of: disableVariable) == "1" }

    /// The variable that says so.
    package static let disableVariable = "LAMINA_DISABLE"

    /// An environment variable that isn't empty.
    package static func value(of name: String) -> String? {
        guard !isSecure, let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// The user's directory for one kind of file: an absolute path in `variable`, else `folder` in the home directory.
    static func userDirectory(_ variable: String, or folder: String) -> String? {
        guard !isSecure else { return nil }
        if let path = value(of: variable), path.hasPrefix("/") { return path }
        if let home = value(of: "HOME"), home.hasPrefix("/") { return "\(home)/\(folder)" }
        return nil
    }

    /// The running program's executable.
    package static let executable: String? = {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        return count > 0 ? String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }()

    /// The owner of the running program's executable: who can change that can make this process do anything already.
    static let executableOwner: UInt32? = {
        var status = stat()
        return stat("/proc/self/exe", &status) == 0 ? status.st_uid : nil
    }()
}
