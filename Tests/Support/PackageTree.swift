import CLinux
import Glibc
import Lamina

/// Where the tests find what they test.
public enum PackageTree {
    /// The package's folder.
    public static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    /// The prefix that `install.sh --prefix .build/lamina` filled; `LAMINA_PREFIX` names another one.
    public static let prefix = getenv("LAMINA_PREFIX").map { String(cString: $0) } ?? "\(root)/.build/lamina"

    /// Where the build put its products: beside the tests' own image.
    public static let products: String = {
        let image = clinux_own_image_path().map { String(cString: $0) } ?? OriginStorage.executablePath(of: getpid())
        return "/" + (image ?? "").split(separator: "/").dropLast().joined(separator: "/")
    }()

    /// A plug-in's file: from the same build as this program, or installed.
    public static func plugin(_ file: String) throws -> String {
        let built = "\(products)/\(file)"
        return access(built, R_OK) == 0 ? built : try installed("lib/lamina/\(file)")
    }

    /// The object files of modules of the build, without those that sources have left that are gone.
    public static func objects(of modules: [String]) throws -> [String] {
        var files: [String] = []
        for module in modules {
            let folder = "\(products)/\(module).build"
            guard let directory = opendir(folder) else {
                throw LaminaError(.notFound, folder, "is missing", remedy: "swift build")
            }
            defer { closedir(directory) }
            // A module in Swift has a list of its sources' objects.
            let listed = (try? readAll("\(folder)/output-file-map.json")).map { String(decoding: $0, as: UTF8.self) }
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                guard name.hasSuffix(".o"), listed?.contains("/\(name)\"") ?? true else { continue }
                files.append("\(folder)/\(name)")
            }
        }
        return files.sorted()
    }

    /// A file of the installed tree; throws where nothing is installed.
    public static func installed(_ name: String) throws -> String {
        let path = "\(prefix)/\(name)"
        guard access(path, F_OK) == 0 else {
            throw LaminaError(.notFound, path, "is missing", remedy: "./install.sh --prefix .build/lamina")
        }
        return path
    }
}
