import Glibc
import Lamina

/// What layers are told of the processes that ask, kept for each process and image: reading it takes several system calls.
struct KnownPrograms {
    private static let capacity = 1024

    private struct Key: Hashable {
        let process: pid_t
        let image: UInt64
    }

    private struct Facts {
        let startTime: UInt64
        let executable: String?
    }

    private var known: [Key: Facts] = [:]

    /// A caller's process as layers see it, asking for this name.
    mutating func origin(of caller: Caller, name: String?) -> OriginStorage {
        let facts = facts(of: Key(process: caller.process, image: caller.image))
        return OriginStorage(
            process: caller.process,
            startTime: facts.startTime,
            user: caller.user,
            group: caller.group,
            executable: facts.executable,
            name: name
        )
    }

    private mutating func facts(of key: Key) -> Facts {
        if let found = known[key] { return found }
        let facts = Facts(
            startTime: OriginStorage.startTime(of: key.process),
            executable: OriginStorage.executablePath(of: key.process)
        )
        // Nothing says when one without an image becomes another program.
        guard key.image != 0 else { return facts }
        if known.count >= Self.capacity { known = [:] }
        known[key] = facts
        return facts
    }
}
