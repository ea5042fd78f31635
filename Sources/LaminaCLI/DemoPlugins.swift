import Glibc
import Lamina

/// Where the plug-ins that come with Lamina are, for the demo and for checks: installed, or beside this executable where it was just built.
struct DemoPlugins {
    /// A catalog that has them.
    let catalog: Catalog
    /// What a child needs in its environment to find them.
    let environment: [String]
    private var files: [String] = []

    init() throws(LaminaError) {
        let installed = Catalog()
        let folder = Self.folder
        guard installed.entries.isEmpty, access("\(folder)/libLaminaKernel.so", R_OK) == 0 else {
            catalog = installed
            environment = []
            return
        }
        let template = strdup("/tmp/lamina-demo-XXXXXX")
        defer { free(template) }
        guard let template, mkdtemp(template) != nil else {
            throw LaminaError(
                .system,
                "/tmp",
                "no directory can be made: \(String(cString: strerror(errno)))",
                errno: errno
            )
        }
        let directory = CatalogDirectory(String(cString: template))
        files = [directory.path, "\(directory.path)/.lock", "\(directory.path)/.history"]
        environment = ["LAMINA_CATALOG_PATH=\(directory.path)"]
        let writer = CatalogWriter(directory)
        for name in ["Kernel", "Memory", "Trace", "Count"] {
            let library = "\(folder)/libLamina\(name).so"
            for var manifest in try Probe.run(library, helper: Probe.helper) {
                manifest.library = library
                try writer.write(manifest)
                files.append("\(directory.path)/\(manifest.name).json")
            }
        }
        catalog = Catalog(directories: [directory])
    }

    /// Removes what was made here.
    func remove() {
        for file in files.reversed() { Glibc.remove(file) }
    }

    /// The program that comes with Lamina for machines that have no curl.
    static func fetch() throws(LaminaError) -> String {
        let places = ["\(folder)/../lib/lamina/lamina-fetch", "\(folder)/lamina-fetch"]
        guard let found = places.first(where: { access($0, X_OK) == 0 }) else {
            throw LaminaError(
                .notFound,
                places[0],
                "is missing, and so is curl",
                remedy: "install Lamina again, or curl"
            )
        }
        return found
    }

    private static var folder: String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = max(0, readlink("/proc/self/exe", &path, path.count - 1))
        let file = String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)])
    }
}
