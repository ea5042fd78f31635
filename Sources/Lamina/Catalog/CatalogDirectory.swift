import CLinux
import Glibc

/// A `catalog.d` directory and where its bare library names lie.
public struct CatalogDirectory: Sendable, Equatable {
    /// Whose directory it is, in the order in which they are read: a later one overrides.
    public enum Origin: String, Sendable, CaseIterable {
        /// What came with Lamina or with a distribution's package.
        case package
        /// The machine's administrator.
        case system
        /// The user.
        case user
        /// `LAMINA_CATALOG_PATH`, or the program itself.
        case given
    }

    /// The directory.
    public let path: String
    /// Whose it is.
    public let origin: Origin
    /// Where a manifest's library lies if it is a bare file name, and where `lamina install` copies libraries to: no other
    /// directory's.
    public let libraries: String

    /// The folders of a directory that hold something else than manifests.
    static let folders = ["chains", "policies"]

    /// A directory; bare library names lie in `libraries`, else in `PREFIX/lib/lamina` where the directory is
    /// `PREFIX/share/lamina/catalog.d`, else in the directory itself.
    public init(_ path: String, origin: Origin = .given, libraries: String? = nil) {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let share = "/share/lamina/catalog.d"
        self.path = path
        self.origin = origin
        self.libraries =
            libraries ?? (path.hasSuffix(share) ? "\(path.dropLast(share.utf8.count))/lib/lamina" : path)
    }

    /// Where a manifest's library is: an absolute path is itself, a bare name lies in `libraries`, and any other path
    /// is relative to the directory.
    public func library(_ name: String) -> String {
        if name.hasPrefix("/") { return name }
        return name.contains("/") ? "\(path)/\(name)" : "\(libraries)/\(name)"
    }

    /// The directories of this machine, user and environment, in the order in which they are read:
    ///
    /// 1. package: `share/lamina/catalog.d` of the prefix where `liblamina` or else the running program is installed,
    ///    and of `/usr/local` and `/usr`: the first of them that exists;
    /// 2. system: `/etc/lamina/catalog.d`;
    /// 3. user: `lamina/catalog.d` in `XDG_CONFIG_HOME` or `~/.config`, with libraries in `lamina/lib` in
    ///    `XDG_DATA_HOME` or `~/.local/share`;
    /// 4. each directory of `LAMINA_CATALOG_PATH`, separated by colons.
    ///
    /// Under `AT_SECURE` there are only `/usr/local`, `/usr` and `/etc`.
    public static func standard() -> [CatalogDirectory] {
        var directories: [CatalogDirectory] = []
        let candidates = prefixes().map { "\($0)/share/lamina/catalog.d" }
        if let package = candidates.first(where: { access($0, F_OK) == 0 }) {
            directories.append(CatalogDirectory(package, origin: .package))
        }
        directories.append(system)
        if let user { directories.append(user) }
        for path in Environment.value(of: "LAMINA_CATALOG_PATH")?.split(separator: ":") ?? [] {
            directories.append(CatalogDirectory(String(path)))
        }
        return directories
    }

    /// The administrator's directory.
    public static let system = CatalogDirectory("/etc/lamina/catalog.d", origin: .system, libraries: "/var/lib/lamina")

    /// The user's directory; nil under `AT_SECURE` and where there is no home directory.
    public static var user: CatalogDirectory? {
        guard let settings = Environment.userDirectory("XDG_CONFIG_HOME", or: ".config"),
            let data = Environment.userDirectory("XDG_DATA_HOME", or: ".local/share")
        else { return nil }
        return CatalogDirectory("\(settings)/lamina/catalog.d", origin: .user, libraries: "\(data)/lamina/lib")
    }

    /// Where Lamina may be installed, most specific first. A library may lie one level deeper (`lib/ARCHITECTURE`).
    private static func prefixes() -> [String] {
        let usual = ["/usr/local", "/usr"]
        guard !Environment.isSecure else { return usual }
        let own = clinux_own_image_path().flatMap { File.resolved(String(cString: $0)) }
        guard let image = own ?? Environment.executable else { return usual }
        let prefix = File.folder(of: File.folder(of: image))
        return [prefix] + (own == nil ? [] : [File.folder(of: prefix)]) + usual
    }
}
