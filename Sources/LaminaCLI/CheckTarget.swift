import Glibc
import Lamina

/// What `lamina check` was given to check: a plug-in's file, or the name of an installed provider.
struct CheckTarget {
    /// The library.
    let file: String
    /// The provider in it, where one was named.
    let provider: String?

    /// Finds the library. Throws what the word names instead of one, with what to type.
    init(_ word: String, provider: String?, catalog: Catalog) throws(LaminaError) {
        var status = stat()
        guard stat(word, &status) == 0 else {
            (file, self.provider) = try Self.installed(word, provider: provider, catalog)
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: throw Self.folder(word)
        case S_IFREG: try Self.refuseManifest(word, Int(status.st_size))
        default: break
        }
        file = word
        self.provider = provider
    }

    private static func installed(
        _ word: String,
        provider: String?,
        _ catalog: Catalog
    ) throws(LaminaError) -> (String, String?) {
        guard !word.contains("/"), let entry = try? catalog.entry(named: word) else {
            let isPath = word.contains("/") || word.contains(".")
            let folder = word.contains("/") ? String(word[..<(word.lastIndex(of: "/") ?? word.startIndex)]) : "."
            let name = word.split(separator: "/").last.map(String.init) ?? word
            throw LaminaError(
                .notFound,
                word,
                isPath ? "is missing" : "is neither a file nor an installed provider",
                remedy: Suggestion.remedy(
                    for: name,
                    among: libraries(in: folder.isEmpty ? "/" : folder),
                    otherwise: isPath ? "check the path" : "name a shared object, e.g. ./libMine.so"
                )
            )
        }
        guard entry.isAvailable, let library = entry.library else {
            throw LaminaError(.notFound, word, "is installed and can't be used", remedy: "see lamina show \(word)")
        }
        return (library, provider ?? word)
    }

    private static func folder(_ path: String) -> LaminaError {
        let found = libraries(in: path)
        let named = found.prefix(4).map { "\(path.hasSuffix("/") ? path : path + "/")\($0)" }.joined(separator: ", ")
        return LaminaError(
            .invalidArgument,
            path,
            "is a directory",
            remedy: found.isEmpty ? "name a shared object" : "name a shared object in it: \(named)"
        )
    }

    /// The shared objects of a directory, by name.
    private static func libraries(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".so") { names.append(name) }
        }
        return names.sorted()
    }

    private static let longestManifest = 1 << 20

    private static func refuseManifest(_ path: String, _ size: Int) throws(LaminaError) {
        guard path.hasSuffix(".json"), size < longestManifest, let file = fopen(path, "r") else { return }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.removeLast(size - fread(&bytes, 1, size, file))
        guard let manifest = try? Manifest(parsing: bytes, file: path) else { return }
        let library = manifest.library.isEmpty ? "the plug-in's shared object" : "its library, \(manifest.library)"
        throw LaminaError(
            .invalidArgument,
            path,
            "is the manifest of \(manifest.name), not its plug-in",
            remedy: "check \(library)"
        )
    }
}
