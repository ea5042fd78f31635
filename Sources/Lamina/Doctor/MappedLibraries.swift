import Glibc

/// Processes that have mapped a library's file that isn't at its path any more.
struct MappedLibraries {
    /// One of them.
    struct Process {
        let identifier: Int32
        let name: String
        let library: String
        /// The command that starts it again, as far as anybody can know.
        let restart: String
    }

    /// The processes, as far as this user may look at them, that run an older file of one of these paths.
    static func outdated(among libraries: Set<String>) -> [Process] {
        guard !libraries.isEmpty, let processes = try? File.names(in: "/proc", endingIn: "") else { return [] }
        var identities: [String: UInt64] = [:]
        for library in libraries { identities[library] = (try? File.identity(of: library))?.inode }
        return processes.compactMap { Int32($0) }.sorted().compactMap { identifier in
            guard let maps = text("/proc/\(identifier)/maps") else { return nil }
            for line in maps.split(separator: "\n") {
                let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
                guard fields.count == 6, let inode = UInt64(fields[4]) else { continue }
                var path = String(fields[5])
                if path.hasSuffix(" (deleted)") { path.removeLast(" (deleted)".count) }
                guard libraries.contains(path), let present = identities[path], present != inode else { continue }
                return process(identifier, library: path)
            }
            return nil
        }
    }

    private static func process(_ identifier: Int32, library: String) -> Process {
        let name = text("/proc/\(identifier)/comm").map { String($0.prefix { $0 != "\n" }) } ?? "?"
        let unit = text("/proc/\(identifier)/cgroup")?.split(separator: "\n").compactMap { line in
            line.split(separator: "/").last.map(String.init).flatMap { $0.hasSuffix(".service") ? $0 : nil }
        }.first
        return Process(
            identifier: identifier,
            name: name,
            library: library,
            restart: unit.map { "systemctl restart \($0)" } ?? "kill \(identifier)"
        )
    }

    /// A file of `/proc`, whose size nobody knows.
    private static func text(_ path: String) -> String? {
        guard let file = try? File.Descriptor(opening: path, O_RDONLY) else { return nil }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = retrying({ Glibc.read(file.number, &chunk, chunk.count) }), count > 0 {
            bytes += chunk[..<count]
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
