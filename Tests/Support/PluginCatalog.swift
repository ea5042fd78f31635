import Glibc
public import Lamina

extension TemporaryDirectory {
    /// Puts manifests of the plug-ins that the build made into a folder, so that chains of them can be opened.
    public func plugins(_ names: String..., in folder: String = "catalog.d") throws {
        for name in names {
            let file = "\(PackageTree.root)/Plugins/\(name)/manifest.json"
            guard var manifest = try JSON(parsing: try readAll(file), named: file).objectValue else { continue }
            manifest["library"] = .string(try PackageTree.plugin("libLamina\(name).so"))
            try write(JSON.object(manifest).text(pretty: true), to: "\(folder)/\(name.lowercased()).json")
        }
    }

    /// A writer of this folder.
    public func writer(_ folder: String = "catalog.d", origin: CatalogDirectory.Origin = .given) -> CatalogWriter {
        CatalogWriter(CatalogDirectory("\(path)/\(folder)", origin: origin))
    }
}
