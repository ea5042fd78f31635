/// One provider of the catalog, or one manifest file that gives none.
public struct CatalogEntry: Sendable, Equatable {
    /// Whether the entry can be used.
    public enum State: Sendable, Equatable {
        /// The manifest is sound, and so is the library as far as it has been checked.
        case available
        /// It can't, and why.
        case unavailable(LaminaError)
        /// A later directory's manifest masks it.
        case masked(by: String)
    }

    /// The provider's name; of a manifest that can't be read, the file's name without `.json`.
    public let name: String
    /// What the manifests say, merged; nil where they can't be read.
    public let manifest: Manifest?
    /// The manifest files that it comes from, the first one read first.
    public let files: [String]
    /// Whose directory the last of the files lies in.
    public let origin: CatalogDirectory.Origin
    /// The library's path; nil where the manifest can't be read.
    public let library: String?
    /// Whether it can be used.
    public internal(set) var state: State
    /// Why it is masked, where whoever did that said so.
    public internal(set) var maskReason: String?

    /// Whether it can be used.
    public var isAvailable: Bool { state == .available }

    /// The error of whoever needs a masked entry.
    var maskError: LaminaError {
        LaminaError(.refused, "provider \"\(name)\"", "is \(reason ?? "disabled")", remedy: "lamina enable \(name)")
    }

    /// Why it can't be used, in one line; nil where it can.
    public var reason: String? {
        switch state {
        case .available: nil
        case .unavailable(let error): error.description
        case .masked(let file): maskReason.map { "masked by \(file): \($0)" } ?? "masked by \(file)"
        }
    }
}

extension CatalogEntry {
    /// The entry as `lamina list --json` shows it.
    public var json: JSON {
        var object = JSON.Object()
        object["name"] = .string(name)
        switch state {
        case .available: object["state"] = "available"
        case .unavailable: object["state"] = "unavailable"
        case .masked: object["state"] = "masked"
        }
        if let reason { object["reason"] = .string(reason) }
        object["origin"] = .string(origin.rawValue)
        object["files"] = .array(files.map { .string($0) })
        if let library { object["path"] = .string(library) }
        if let manifest { object["manifest"] = manifest.json }
        return .object(object)
    }
}
