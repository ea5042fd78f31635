import Glibc
public import Lamina

extension TemporaryDirectory {
    /// Builds `Tests/Fixtures/plugin.c` with these macros, from the headers alone, and gives the library's path.
    @discardableResult
    public func plugin(_ macros: String..., named name: String = "plugin.so", linking: [String] = []) throws -> String {
        let library = "\(path)/\(name)"
        let status = try run(
            ["cc", "-std=gnu11", "-Wall", "-Wno-unused", "-shared", "-fPIC", "-O1"] + macros.map { "-D\($0)" }
                + ["-I", "\(PackageTree.root)/Sources/CLamina/include", "-o", library]
                + ["\(PackageTree.root)/Tests/Fixtures/plugin.c"] + linking
        )
        guard status == 0 else { throw LaminaError(.loadFailed, name, "could not be built") }
        return library
    }

    /// Writes a manifest of this name in a folder; members given override the usual ones, null ones are left out.
    @discardableResult
    public func manifest(_ name: String, _ members: [String: JSON] = [:], in folder: String = "catalog.d") throws
        -> String
    {
        var object: [String: JSON] = [
            "format": 1, "name": .string(name), "library": .string("\(path)/plugin.so"), "kind": "layered",
            "effect": "observe",
        ]
        object.merge(members) { _, new in new }
        var json = JSON.Object()
        for (key, value) in object.sorted(by: { $0.key < $1.key }) where value != .null { json[key] = value }
        return try write(JSON.object(json).text(pretty: true), to: "\(folder)/\(name).json")
    }

    /// A catalog of these folders alone.
    public func catalog(_ folders: String...) -> Catalog {
        Catalog(directories: (folders.isEmpty ? ["catalog.d"] : folders).map { CatalogDirectory("\(path)/\($0)") })
    }
}
