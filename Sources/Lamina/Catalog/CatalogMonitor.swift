import CLinux
import Glibc

/// Hears of changes of the directories that a catalog is read from (WSK_TRANSPORT_LIST_CHANGE): manifests that come, go or
/// are written, also in directories that don't exist yet.
public final class CatalogMonitor: Sendable {
    /// Readable once something may have changed. It stays the monitor's.
    public let descriptor: Int32
    private let directories: [CatalogDirectory]

    /// Watches the directories given from now on. Throws where the system has no watch left.
    public init(_ directories: [CatalogDirectory] = CatalogDirectory.standard()) throws(LaminaError) {
        self.directories = directories
        descriptor = clinux_watch_open()
        guard descriptor >= 0 else {
            throw LaminaError(
                .system,
                "catalog",
                "can't be watched: \(String(cString: strerror(-descriptor)))",
                remedy: "raise fs.inotify.max_user_instances",
                errno: -descriptor
            )
        }
        watch()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Each directory, or what leads to it as far as that exists.
    private func watch() {
        for directory in directories {
            var path = directory.path
            if clinux_watch_directory(descriptor, path) == 0 {
                for folder in CatalogDirectory.folders + [ChangeRecord.folder] {
                    _ = clinux_watch_directory(descriptor, "\(path)/\(folder)")
                }
                continue
            }
            while clinux_watch_directory(descriptor, path) < 0, path != "/" { path = File.folder(of: path) }
        }
    }

    /// Whether something has happened since this was last asked. A catalog that is read afterwards need not say anything
    /// else than before.
    public func hasChanged() -> Bool {
        guard clinux_watch_drain(descriptor) != 0 else { return false }
        watch()
        return true
    }

    /// Waits until `hasChanged`, blocking the thread; a deadline is in nanoseconds of CLOCK_MONOTONIC, 0 for none. False:
    /// it passed.
    public func wait(deadline: Int64 = 0) -> Bool {
        while !hasChanged() {
            _ = clinux_wait_for(descriptor, Int16(POLLIN), -1, -1, deadline)
            if deadline != 0, clinux_monotonic() >= deadline { return hasChanged() }
        }
        return true
    }
}

extension Catalog {
    /// Waits until the directories say something else than this snapshot, which they may do already, and gives what they
    /// say then. Blocks the thread. Throws `timedOut` once the deadline, in nanoseconds of CLOCK_MONOTONIC, has passed; 0
    /// stands for none.
    public func changed(deadline: Int64 = 0) throws(LaminaError) -> Catalog {
        let monitor = try CatalogMonitor(directories)
        while true {
            let now = Catalog(directories: directories, quarantine: quarantine)
            // What nobody had read may have said anything before the directory changed.
            if !isRead, now.stamps != stamps { return now }
            _ = entries
            if !isConfirmed(by: now) { return now }
            guard monitor.wait(deadline: deadline) else {
                throw LaminaError(.timedOut, "catalog", "has not changed", errno: ETIMEDOUT)
            }
        }
    }
}
