import CLamina
import CLinux
import Glibc

/// Checks the libraries of catalog entries without loading them; a file that several entries name is examined once.
struct LibraryVerifier {
    private var trust = Trust()
    private var examined: [FileIdentity: LaminaError?] = [:]
    private let quarantined: [Quarantine.Record]

    /// A verifier that refuses entries whose libraries are in `quarantine`.
    init(_ quarantine: Quarantine = Quarantine(path: nil)) {
        quarantined = quarantine.records().records
    }

    /// The entry with what its library's file says added to its state.
    mutating func verify(_ entry: CatalogEntry) -> CatalogEntry {
        guard entry.isAvailable, let library = entry.library, let manifest = entry.manifest else { return entry }
        var entry = entry
        do throws(LaminaError) {
            try check(library, pin: manifest.sha256, identity: manifest.identity, remedy: Self.reinstall)
            try Quarantine.check(entry, among: quarantined)
        } catch {
            entry.state = .unavailable(error)
        }
        return entry
    }

    /// What to do about an installed library that isn't there.
    static let reinstall = "install it again, or remove its manifest"

    /// Checks a library's owner, mode and parents, its pin where it has one, and that it is a plug-in of this machine.
    /// `remedy` is for a file that isn't there.
    mutating func check(
        _ library: String,
        pin: String?,
        identity: FileIdentity?,
        remedy: String = "check the path"
    ) throws(LaminaError) {
        var status = stat()
        var isThere = lstat(library, &status) == 0
        let isLink = isThere && status.st_mode & S_IFMT == S_IFLNK
        if isLink { isThere = stat(library, &status) == 0 }
        guard isThere else {
            let number = errno
            throw LaminaError(
                number == ENOENT ? .notFound : .system,
                library,
                number == ENOENT ? "the library is missing" : "can't be examined: \(String(cString: strerror(number)))",
                remedy: remedy,
                errno: number
            )
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw LaminaError(.loadFailed, library, "is not a regular file", remedy: "name a shared object")
        }
        try trust.check(status, of: library)
        try trust.check(folder: File.folder(of: library))
        if isLink, let real = File.resolved(library) {
            try trust.check(folder: File.folder(of: real))
        }
        let found = FileIdentity(status)
        // Install examined the very file that it pinned.
        if pin != nil, identity == found { return }
        if let known = examined[found] {
            if let known { throw Self.renamed(known, library) }
        } else {
            do throws(LaminaError) { try ELFImage(library).checkPlugin() } catch {
                examined[found] = error
                throw error
            }
            examined[found] = .some(nil)
        }
        if let pin { try Self.checkHash(of: library, is: pin) }
    }

    /// An error about a file, for another path of that file.
    private static func renamed(_ error: LaminaError, _ path: String) -> LaminaError {
        LaminaError(error.code, path, error.cause, remedy: error.remedy, errno: error.errno)
    }

    private static func checkHash(of library: String, is pin: String) throws(LaminaError) {
        let found = SHA256.hexadecimal(of: try File.read(library, limit: 1 << 30).bytes)
        guard found == pin else {
            throw LaminaError(
                .refused,
                library,
                "its content is not what was installed (SHA-256 \(found.prefix(12))…)",
                remedy: "install it again"
            )
        }
    }
}
