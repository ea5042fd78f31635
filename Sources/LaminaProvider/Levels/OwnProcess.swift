import Glibc

/// This process: whose sockets they are where nobody says for whom they were opened.
public enum OwnProcess {
    /// The path of its executable; nil where it can't be told. Read once.
    public static let executable: String? = {
        var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = path.withUnsafeMutableBytes { room in
            room.baseAddress.map { readlink("/proc/self/exe", $0, room.count) } ?? -1
        }
        return count > 0 ? String(decoding: path.prefix(count), as: UTF8.self) : nil
    }()

    /// The executable's name without its folders; nil where it can't be told.
    public static var program: String? { executable?.split(separator: "/").last.map { String($0) } }

    /// Its user.
    public static var user: UInt32 { getuid() }
}
