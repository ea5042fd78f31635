import CLinux
import Glibc

/// Finds the libraries that a library needs where the dynamic loader would look for them, without loading any.
struct LibraryDependencies {
    private var seen: Set<String> = []
    private var missing: [(name: String, by: String)] = []

    /// The names that are found nowhere, each with the library that needs it.
    static func missing(of library: String) -> [(name: String, by: String)] {
        var search = LibraryDependencies()
        search.look(at: library, inherited: [])
        return search.missing
    }

    private mutating func look(at library: String, inherited: [String]) {
        guard let needs = try? ELFImage(library).needs() else { return }
        let folder = File.resolved(library).map(File.folder(of:)) ?? File.folder(of: library)
        func expanded(_ paths: [String]) -> [String] {
            paths.map { path in
                path.replacing("${ORIGIN}", folder).replacing("$ORIGIN", folder)
            }
        }
        // DT_RPATH is passed on to what a library needs, and counts only without DT_RUNPATH.
        let passed = needs.runPaths.isEmpty ? expanded(needs.oldPaths) + inherited : []
        let environment = (Environment.value(of: "LD_LIBRARY_PATH") ?? "").split(separator: ":").map(String.init)
        let folders = passed + environment + expanded(needs.runPaths)
        for name in needs.names where seen.insert(name).inserted {
            if let found = Self.find(name, in: folders) {
                look(at: found, inherited: passed)
            } else {
                missing.append((name, library))
            }
        }
    }

    private static func find(_ name: String, in folders: [String]) -> String? {
        if name.contains("/") { return isUsable(name) ? name : nil }
        let candidates = folders.map { "\($0)/\(name)" } + LoaderCache.shared.paths(of: name) + standard.map { "\($0)/\(name)" }
        return candidates.first(where: isUsable)
    }

    /// Whether this is a shared object of this machine.
    private static func isUsable(_ path: String) -> Bool {
        (try? ELFImage(path).needs()) != nil
    }

    private static let standard: [String] = {
        let multiarch =
            switch Int32(clinux_elf_machine()) {
            case EM_X86_64: "x86_64-linux-gnu"
            case EM_AARCH64: "aarch64-linux-gnu"
            default: "."
            }
        return ["/lib/\(multiarch)", "/usr/lib/\(multiarch)", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
    }()
}

/// The dynamic loader's list of libraries, `/etc/ld.so.cache`.
private struct LoaderCache {
    static let shared = LoaderCache("/etc/ld.so.cache")

    private var paths: [String: [String]] = [:]

    /// Reads the list; an unknown form is an empty one.
    init(_ file: String) {
        let magic = Array("glibc-ld.so.cache1.1".utf8)
        guard let bytes = try? File.read(file, limit: 64 << 20).bytes, bytes.starts(with: magic), bytes.count >= 48
        else { return }
        func word(_ offset: Int) -> Int {
            guard offset >= 0, offset + 4 <= bytes.count else { return 0 }
            return Int(bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) })
        }
        func text(_ offset: Int) -> String? {
            guard offset > 0, offset < bytes.count else { return nil }
            return String(decoding: bytes[offset...].prefix { $0 != 0 }, as: UTF8.self)
        }
        for index in 0..<min(word(20), (bytes.count - 48) / 24) {
            let entry = 48 + index * 24
            guard let name = text(word(entry + 4)), let path = text(word(entry + 8)) else { continue }
            paths[name, default: []].append(path)
        }
    }

    func paths(of name: String) -> [String] { paths[name] ?? [] }
}

extension String {
    /// This text with `other` for each `part`.
    fileprivate func replacing(_ part: String, _ other: String) -> String {
        var (result, rest) = ("", self[...])
        while let first = part.first, let index = rest.firstIndex(of: first) {
            result += rest[..<index]
            rest = rest[index...]
            if rest.hasPrefix(part) {
                result += other
                rest = rest.dropFirst(part.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }
}
