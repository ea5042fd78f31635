import Glibc

extension File {
    /// Makes a folder and those above it, where they are missing, on disk when this returns.
    static func makeFolders(_ path: String) throws(LaminaError) {
        if access(path, F_OK) == 0 { return }
        let parent = folder(of: path)
        if path.contains("/"), parent != path { try makeFolders(parent) }
        guard mkdir(path, 0o755) == 0 else {
            if errno == EEXIST { return }
            throw error(path, "can't be made")
        }
        try synchronizeFolder(parent)
    }

    /// Puts a file in `path`'s place that is whole whenever anybody looks, and on disk when this returns. A failure
    /// leaves what was there.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t) throws(LaminaError) {
        let temporary = temporary(for: path, of: getpid())
        do throws(LaminaError) {
            try write(bytes, to: temporary, mode: mode)
            try move(temporary, to: path)
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronizeFolder(folder(of: path))
    }

    /// The hidden file beside `path` that its next content is written to: the one of a lock's holder, or of any process.
    static func temporary(for path: String, of process: pid_t? = nil) -> String {
        "\(folder(of: path))/.\(name(of: path))\(process.map { ".\($0)" } ?? "").new"
    }

    /// Writes a file anew and brings its content to disk. A failure leaves nothing.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(LaminaError) {
        do throws(LaminaError) {
            let file = try Descriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
            guard fchmod(file.number, mode) == 0 else { throw error(path, "can't be given its mode") }
            try file.write(bytes, to: path)
            try file.synchronize(path)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Renames.
    static func move(_ path: String, to other: String) throws(LaminaError) {
        guard rename(path, other) == 0 else { throw error(other, "can't be replaced") }
    }

    /// Removes a file, which may be gone already.
    static func remove(_ path: String) throws(LaminaError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw error(path, "can't be removed") }
    }

    /// Brings a folder's own changes to disk.
    static func synchronizeFolder(_ path: String) throws(LaminaError) {
        try Descriptor(opening: path, O_RDONLY | O_DIRECTORY).synchronize(path)
    }
}
